import { isDeepStrictEqual } from "node:util";
import type { EventType, GapEvent } from "../../src/index.js";
import { type Event, type Fact, factOf, type Truth } from "./truth.js";

/** How the events of one reader may come. */
export interface Manner {
  /** Types that it asked for; undefined: all. */
  readonly events?: readonly EventType[] | undefined;
  /** Whether events of different keys may overtake each other. */
  readonly concurrent?: boolean;
  /** Where it began: in which life, and at which sequence of each partition. Default: at the very beginning. */
  readonly since?: { readonly life: number; readonly sequences: readonly number[] } | undefined;
}

export type Item = Event | GapEvent;

/** Writes down what a reader is through with, outside of the reader, and compares it with the truth. */
export class Witness {
  readonly deadLetters: Event[] = [];
  readonly #items = new Map<number, Item[]>();

  /** What it has seen of a partition, in order. */
  of(partition: number): readonly Item[] {
    return this.#items.get(partition) ?? [];
  }

  event(event: Event): void {
    this.#add(event.metadata.partition ?? 0, event);
  }

  deadLetter(event: Event): void {
    this.deadLetters.push(event);
    this.event(event);
  }

  gap(gap: GapEvent): void {
    this.#add(gap.partition ?? 0, gap);
  }

  /** What is wrong: all that was written has to be there, once and in order, but for what gaps have reported. */
  faults(truth: Truth, manner: Manner = {}): string[] {
    return truth.life.partitions.flatMap((_, partition) =>
      truth.lives.flatMap(({ partitions, epoch }, life) => {
        const items = this.of(partition).filter(
          (item) => epochOf(item) === epoch && !isSnapshot(item),
        );
        const facts = partitions[partition] as Fact[];
        const found =
          manner.concurrent === true
            ? anyOrderFaults(items, facts)
            : orderFaults(items, facts, manner.events, firstOf(manner, life, partition));
        return found.map((fault) => `life ${life}, partition ${partition}: ${fault}`);
      }),
    );
  }

  #add(partition: number, item: Item): void {
    const items = this.#items.get(partition);
    if (items === undefined) this.#items.set(partition, [item]);
    else items.push(item);
  }
}

/** The first sequence of a life that is a reader's; none before it began. */
function firstOf({ since }: Manner, life: number, partition: number): number {
  if (since === undefined || life > since.life) return 0;
  return life < since.life ? Infinity : (since.sequences[partition] as number);
}

export function isSnapshot(item: Item): boolean {
  return item.type !== "gap" && item.metadata.snapshot === true;
}

function epochOf(item: Item): string {
  return item.type === "gap" ? item.epoch : item.metadata.epoch;
}

/** Each item has to begin where the one before it ended; only what was not asked for may be left out. */
function orderFaults(
  items: readonly Item[],
  facts: readonly Fact[],
  events: readonly EventType[] | undefined,
  first: number,
): string[] {
  const faults: string[] = [];
  let next = first;
  const skipTo = (sequence: number): void => {
    if (sequence < next) faults.push(`${sequence} comes after ${next - 1}`);
    for (; next < sequence; next++) {
      const fact = facts[next];
      if (fact === undefined || events === undefined || events.includes(fact.type))
        faults.push(`${next} is missing`);
    }
  };
  for (const item of items) {
    if (item.type === "gap") {
      skipTo(item.from);
      if (item.to >= facts.length)
        faults.push(`a gap up to ${item.to}, the end is ${facts.length}`);
      next = item.to + 1;
      continue;
    }
    const { sequence } = item.metadata;
    skipTo(sequence);
    faults.push(...contentFaults(item, facts));
    next = sequence + 1;
  }
  if (next < facts.length) skipTo(facts.length);
  return faults;
}

/** Each event or gap once; what concerns the same key in order. */
function anyOrderFaults(items: readonly Item[], facts: readonly Fact[]): string[] {
  const faults: string[] = [];
  const reported = new Set<number>();
  const latest = new Map<string, number>();
  let latestOfAll = -1;
  let floor = -1;
  const add = (sequence: number): void => {
    if (reported.has(sequence)) faults.push(`${sequence} comes twice`);
    reported.add(sequence);
  };
  for (const item of items) {
    if (item.type === "gap") {
      if (latestOfAll >= item.from) faults.push(`${latestOfAll} came before the gap ${item.from}`);
      for (let sequence = item.from; sequence <= item.to; sequence++) add(sequence);
      floor = Math.max(floor, item.to);
      continue;
    }
    const { sequence } = item.metadata;
    add(sequence);
    faults.push(...contentFaults(item, facts));
    if (item.target.kind !== "key") {
      // What is about several keys has to wait for all before it, and holds up all behind it.
      if (sequence <= latestOfAll) faults.push(`${sequence} came after ${latestOfAll}`);
      floor = sequence;
    } else {
      const { key } = item.target;
      const before = Math.max(floor, latest.get(key) ?? -1);
      if (sequence <= before) faults.push(`${sequence} of ${key} came after ${before}`);
      latest.set(key, sequence);
    }
    latestOfAll = Math.max(latestOfAll, sequence);
  }
  for (let sequence = 0; sequence < facts.length; sequence++)
    if (!reported.delete(sequence)) faults.push(`${sequence} is missing`);
  for (const sequence of reported) faults.push(`${sequence} was never written`);
  return faults;
}

function contentFaults(event: Event, facts: readonly Fact[]): string[] {
  const fact = facts[event.metadata.sequence];
  const seen = factOf(event);
  if (isDeepStrictEqual(seen, fact)) return [];
  return [`${JSON.stringify(seen)} is not what was written: ${JSON.stringify(fact)}`];
}
