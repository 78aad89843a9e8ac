import { closeSync, openSync, writeSync } from "node:fs";
import type { CacheEntryEvent, GapEvent } from "../../../src/index.js";

/** What a node did for an event, in the order of the file. */
export interface EventRecord {
  readonly kind: "event";
  readonly node: string;
  readonly partition: number;
  readonly fence: number;
  readonly position: number;
  /** Of the event: who wrote it, as the how many-th of its partition. */
  readonly epoch: string;
  readonly sequence: number;
  /** Milliseconds of a clock that all processes of a machine share. */
  readonly at: number;
}

/** What a node was told of events that are missing. */
export interface GapRecord {
  readonly kind: "gap";
  readonly node: string;
  readonly partition: number;
  readonly fence: number;
  readonly epoch: string;
  readonly from: number;
  readonly to: number;
  readonly reason: GapEvent["reason"];
}

export type BookRecord = EventRecord | GapRecord;

/** Milliseconds of a clock that all processes of a machine share. */
export const sharedNow = (): number => Number(process.hrtime.bigint() / 1000n) / 1000;

/**
 * The effects of a group: lines of one file that all nodes append to. Each is written when the
 * handler returns, and stays when the process is killed. Whether it counts is decided by who reads
 * the file: see Books.
 */
export class Bookkeeper {
  readonly #file: number;
  readonly #node: string;

  constructor(path: string, node: string) {
    this.#file = openSync(path, "a");
    this.#node = node;
  }

  event({ metadata }: CacheEntryEvent, fence: number): void {
    const { partition, position, epoch, sequence } = metadata;
    this.#write([0, this.#node, partition, fence, position, epoch, sequence, sharedNow()]);
  }

  gap({ partition, epoch, from, to, reason }: GapEvent, fence: number): void {
    this.#write([1, this.#node, partition, fence, epoch, from, to, reason]);
  }

  close(): void {
    closeSync(this.#file);
  }

  #write(fields: readonly unknown[]): void {
    writeSync(this.#file, `${JSON.stringify(fields)}\n`);
  }
}

/** Reads a line of the file. */
export function recordOf(line: string): BookRecord {
  const [kind, node, partition, fence, ...rest] = JSON.parse(line) as [
    number,
    string,
    number,
    number,
    ...unknown[],
  ];
  const common = { node, partition, fence };
  if (kind === 0) {
    const [position, epoch, sequence, at] = rest as [number, string, number, number];
    return { kind: "event", ...common, position, epoch, sequence, at };
  }
  const [epoch, from, to, reason] = rest as [string, number, number, GapEvent["reason"]];
  return { kind: "gap", ...common, epoch, from, to, reason };
}
