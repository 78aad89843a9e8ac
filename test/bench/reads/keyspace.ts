import { type User, userOf } from "../load.js";

/** Numbers from 0 to below 1, the same in each run (mulberry32). */
export function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffle<T>(items: T[], random: () => number): T[] {
  for (let last = items.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [items[last], items[other]] = [items[other] as T, items[last] as T];
  }
  return items;
}

/** The share of reads in the mix. */
const readShare = 0.95;
/** How many operations the mix has before it repeats. */
const mixLength = 2 ** 18;
/** What YCSB takes. */
const skew = 0.99;

/** The keys and values that all contestants are given; what is made is made beforehand. */
export class Keyspace {
  readonly size: number;
  readonly keys: readonly string[];
  readonly users: readonly User[];
  /** All keys in an order that has nothing to do with that of their insertion. */
  readonly scattered: readonly string[];
  /** Keys of no entry. */
  readonly missing: readonly string[];
  /** Ids by a Zipf distribution; one's complement: a put of that id. */
  readonly mix: Int32Array;

  constructor(size: number) {
    const random = randomOf(size);
    this.size = size;
    this.keys = Array.from({ length: size }, (_, id) => `user:${id}`);
    this.users = Array.from({ length: size }, (_, id) => userOf(id));
    this.scattered = shuffle([...this.keys], random);
    this.missing = Array.from({ length: size }, (_, id) => `gone:${id}`);
    this.mix = zipfMix(size, random);
  }
}

function zipfMix(size: number, random: () => number): Int32Array {
  // By the inverse of the cumulative distribution. The ranks belong to keys in a scattered order.
  const cumulative = new Float64Array(size);
  let sum = 0;
  for (let rank = 0; rank < size; rank++) cumulative[rank] = sum += 1 / Math.pow(rank + 1, skew);
  const ids = shuffle(
    Array.from({ length: size }, (_, id) => id),
    random,
  );
  return Int32Array.from({ length: mixLength }, () => {
    const id = ids[rankOf(random() * sum, cumulative)] as number;
    return random() < readShare ? id : ~id;
  });
}

function rankOf(target: number, cumulative: Float64Array): number {
  let low = 0;
  let high = cumulative.length - 1;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((cumulative[middle] as number) < target) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** Takes the places of a list one after the other, round and round. */
export class Walk {
  #next = 0;

  /** The place to begin at, for `count` places of a list of that length. */
  take(count: number, length: number): number {
    const start = this.#next % length;
    this.#next = (start + count) % length;
    return start;
  }
}
