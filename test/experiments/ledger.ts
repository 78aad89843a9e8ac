import { defaultHash } from "../../src/index.js";
import type { CacheEntryEvent, GapEvent } from "../../src/index.js";

/** What the experiments store: the number of the command that stored it. */
export type Version = number;

/** A change that a command has made, by its number. */
export interface Written {
  readonly key: string;
  readonly type: "inserted" | "updated" | "deleted";
}

/** What a handler was given, in the order in which it was through with it. */
interface Seen {
  readonly id: number;
  readonly sequence: number;
}

/** What became of what was written. */
export interface Account {
  readonly written: number;
  /** Times that a handler was through with an event. */
  readonly handled: number;
  /** Changes that no handler has seen, and that no gap has reported. */
  readonly lost: number;
  /** Times that an event was handled again. */
  readonly duplicated: number;
  /** Keys whose events were not handled in the order of their writing, or by more than one partition. */
  readonly outOfOrder: number;
  /** Events that gaps reported. */
  readonly gapEvents: number;
  /** Whatever else does not fit: events that nobody wrote, wrong sequences, gaps over events that were handled. */
  readonly faults: readonly string[];
}

/**
 * Keeps two accounts that know nothing of each other, and compares them: the commands that were done, written down by what did them,
 * and the events, written down by the handlers.
 */
export class Ledger {
  readonly written: Written[] = [];
  handled = 0;
  readonly #partitions: number;
  readonly #merges: boolean;
  readonly #seen: Seen[][];
  readonly #gaps: GapEvent[] = [];
  readonly #faults: string[] = [];

  /** @param merges whether handlers are given but the newest event of each key: what they have not seen is then not lost */
  constructor(partitions: number, { merges = false } = {}) {
    this.#partitions = partitions;
    this.#merges = merges;
    this.#seen = Array.from({ length: partitions }, () => []);
  }

  /** The next command's number. */
  get next(): number {
    return this.written.length;
  }

  write(change: Written): void {
    this.written.push(change);
  }

  /** To be called at the end of handling an event. */
  handle(event: CacheEntryEvent<string, Version>): void {
    this.handled++;
    const { partition, sequence } = event.metadata;
    this.#seen[partition as number]?.push({ id: this.#idOf(event), sequence });
  }

  tellGap(gap: GapEvent): void {
    this.#gaps.push(gap);
  }

  account(): Account {
    const faults = [...this.#faults];
    const times = this.written.map(() => 0);
    for (const { id } of this.#seen.flat()) times[id] = (times[id] ?? 0) + 1;
    const logs = this.#logs();
    this.#checkSequences(logs, faults);
    const announced = this.#announced(logs, times, faults);
    const unseen = times.filter((count) => count === 0).length;
    return {
      written: this.written.length,
      handled: this.handled,
      lost: this.#merges ? 0 : unseen - announced,
      duplicated: times.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
      outOfOrder: this.#keysOutOfOrder(),
      gapEvents: this.#gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0),
      faults,
    };
  }

  /** What was written to each partition, in order: a change's place there is its sequence. */
  #logs(): number[][] {
    const logs: number[][] = Array.from({ length: this.#partitions }, () => []);
    const partitions = new Map<string, number>();
    for (const [id, { key }] of this.written.entries()) {
      let partition = partitions.get(key);
      if (partition === undefined)
        partitions.set(key, (partition = partitionOf(key, this.#partitions)));
      logs[partition]?.push(id);
    }
    return logs;
  }

  #checkSequences(logs: readonly number[][], faults: string[]): void {
    for (const [partition, seen] of this.#seen.entries())
      for (const { id, sequence } of seen)
        if (logs[partition]?.[sequence] !== id)
          faults.push(`event ${sequence} of partition ${partition} is not change ${id}`);
  }

  /** How many changes the gaps report that were not handled; a gap over what was handled is a fault. */
  #announced(logs: readonly number[][], times: readonly number[], faults: string[]): number {
    let count = 0;
    const reported = new Set<number>();
    for (const { partition, from, to } of this.#gaps) {
      for (let sequence = from; sequence <= to; sequence++) {
        const id = logs[partition as number]?.[sequence];
        if (id === undefined || reported.has(id) || times[id] !== 0)
          faults.push(`a gap wrongly reports event ${sequence} of partition ${partition}`);
        else count++;
        if (id !== undefined) reported.add(id);
      }
    }
    return count;
  }

  #keysOutOfOrder(): number {
    const disordered = new Set<string>();
    const latest = new Map<string, { id: number; partition: number }>();
    for (const [partition, seen] of this.#seen.entries()) {
      for (const { id } of seen) {
        const key = this.written[id]?.key as string;
        const before = latest.get(key);
        if (before !== undefined && (before.id > id || before.partition !== partition))
          disordered.add(key);
        latest.set(key, { id, partition });
      }
    }
    return disordered.size;
  }

  /** The command that an event is of: its value is that number; what deletes is numbered next to what stored the value that went. */
  #idOf({ type, target, value, previous }: CacheEntryEvent<string, Version>): number {
    const id = type === "deleted" ? (previous as number) + 1 : (value as number);
    const change = this.written[id];
    const sameType = change?.type === type || this.#merges;
    if (!sameType || target.kind !== "key" || target.key !== change?.key)
      this.#faults.push(`an event of type ${type} is not of change ${id}`);
    return id;
  }
}

function partitionOf(key: string, partitions: number): number {
  return defaultHash({
    target: { kind: "key", key },
    metadata: { partitions },
  } as unknown as CacheEntryEvent);
}
