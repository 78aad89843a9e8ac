import { randomBytes } from "node:crypto";
import type { Milliseconds } from "../options.js";
import type { AppendResult, NewEntry, PartitionBounds, StoredEntry, StreamNode } from "./engine.js";

/** What a partition keeps, as the options of a journal say it. @internal */
export interface Retention {
  readonly retain: number;
  readonly retainFor: Milliseconds | undefined;
  readonly capacity: number;
}

interface TaggedEntry extends StoredEntry {
  /** `<node>:<epoch>:<to>`. */
  readonly tag: string;
}

/** What is known of a node that has written. */
interface Writer {
  readonly epoch: string;
  readonly startedAt: Milliseconds;
  /** The last sequence of that epoch that is stored; undefined: none yet. */
  last: number | undefined;
  /** Whether a marker has been stored since then. */
  isLost: boolean;
}

/** A partition of a journal in memory. @internal */
export class LocalPartition {
  generation = newGeneration();
  /** Those before `#head` have been dropped. */
  #entries: (TaggedEntry | undefined)[] = [];
  #head = 0;
  #next = 0;
  /** By the node's name; of the youngest epoch. */
  readonly #writers = new Map<string, Writer>();

  get next(): number {
    return this.#next;
  }

  /** The position of the oldest event that is kept; `next` if there is none. */
  get first(): number {
    return this.#entries[this.#head]?.position ?? this.#next;
  }

  append(entry: NewEntry, time: Milliseconds): AppendResult {
    const writer = this.#writerOf(entry);
    if (writer === undefined) return { status: "superseded" };
    const { generation } = this;
    if (writer.last !== undefined && writer.last !== entry.after)
      return { status: "conflict", last: writer.last, generation };
    writer.last = entry.to;
    writer.isLost = false;
    const position = this.#store(entry.count, entry.payload, time, tagOf(entry, entry.to));
    return { status: "appended", position, generation };
  }

  lastSequence(node: string, epoch: string): number {
    const writer = this.#writers.get(node);
    return writer?.epoch === epoch ? (writer.last ?? -1) : -1;
  }

  markLost(node: StreamNode, payload: Uint8Array, time: Milliseconds): boolean {
    const writer = this.#writerOf(node);
    if (writer === undefined || writer.isLost) return false;
    writer.isLost = true;
    this.#store(1, payload, time, tagOf(node, writer.last ?? -1));
    return true;
  }

  bounds(probe: number | undefined): PartitionBounds {
    const { generation, first, next } = this;
    const probed = probe === undefined ? undefined : this.#holderOf(probe)?.tag;
    return { generation, first, next, probed };
  }

  renew(generation: string): string {
    if (this.generation === generation) this.generation = newGeneration();
    return this.generation;
  }

  /**
   * Drops what nobody needs. An entry is kept as long as one of its events is.
   *
   * @param needed the first position that a group needs
   */
  trim({ retain, retainFor, capacity }: Retention, needed: number, now: Milliseconds): void {
    const retained = this.#next - retain;
    const beyond = this.#next - capacity;
    for (let entry = this.#entries[this.#head]; entry !== undefined;) {
      const end = entry.position + entry.count;
      const isOld = retainFor !== undefined && now - entry.time >= retainFor;
      if (end > beyond && (end > needed || (end > retained && !isOld))) break;
      this.#entries[this.#head++] = undefined;
      entry = this.#entries[this.#head];
    }
    if (this.#head > 1024 && this.#head > this.#entries.length / 2) {
      this.#entries = this.#entries.slice(this.#head);
      this.#head = 0;
    }
  }

  entryAt(position: number): StoredEntry | undefined {
    const entry = this.#holderOf(position);
    return entry && copyOf(entry);
  }

  /**
   * Entries in a row, from the one that holds `from`, or is the first behind it.
   *
   * @param maxEvents of which the last entry may be a part
   */
  read(from: number, maxEvents: number): StoredEntry[] {
    const found: StoredEntry[] = [];
    let left = maxEvents;
    for (let index = this.#indexOf(from); left > 0; index++) {
      const entry = this.#entries[index];
      if (entry === undefined) break;
      found.push(copyOf(entry));
      left -= entry.count;
    }
    return found;
  }

  /** Undefined: a younger epoch of that node is known. */
  #writerOf({ node, epoch, startedAt }: Pick<StreamNode, "node" | "epoch" | "startedAt">) {
    const known = this.#writers.get(node);
    if (known?.epoch === epoch) return known;
    if (known !== undefined && isYounger(known, { epoch, startedAt })) return undefined;
    const writer: Writer = { epoch, startedAt, last: undefined, isLost: false };
    this.#writers.set(node, writer);
    return writer;
  }

  #store(count: number, payload: Uint8Array, time: Milliseconds, tag: string): number {
    const position = this.#next;
    this.#entries.push({ position, count, time, payload: new Uint8Array(payload), tag });
    this.#next += count;
    return position;
  }

  #holderOf(position: number): TaggedEntry | undefined {
    const entry = this.#entries[this.#indexOf(position)];
    return entry !== undefined && entry.position <= position ? entry : undefined;
  }

  /** The index of the first entry that ends behind `position`. */
  #indexOf(position: number): number {
    let low = this.#head;
    let high = this.#entries.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const entry = this.#entries[middle] as TaggedEntry;
      if (entry.position + entry.count <= position) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

type Life = Pick<StreamNode, "epoch" | "startedAt">;

/** Whether `a`, of the same node, began after `b`. @internal */
export function isYounger(a: Life, b: Life): boolean {
  return a.startedAt === b.startedAt ? a.epoch > b.epoch : a.startedAt > b.startedAt;
}

function tagOf({ node, epoch }: { node: string; epoch: string }, to: number): string {
  return `${node}:${epoch}:${to}`;
}

function copyOf({ position, count, time, payload }: TaggedEntry): StoredEntry {
  return { position, count, time, payload: payload.slice() };
}

function newGeneration(): string {
  return randomBytes(8).toString("hex");
}
