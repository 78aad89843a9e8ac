import { mathRandom } from "../timers.js";
import { integer } from "../options.js";

/** A 32-bit hash of a text (FNV-1a). @internal */
export function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < text.length; index++)
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  return hash >>> 0;
}

/**
 * A number from 0 to 1 that depends on nothing but `seed` and `step` (the output function of
 * mulberry32).
 *
 * @internal
 */
export function chanceAt(seed: number, step: number): number {
  let x = (seed + Math.imul(step, 0x6d2b79f5)) | 0;
  x = Math.imul(x ^ (x >>> 15), x | 1);
  x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
  return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
}

/**
 * Random numbers that are the same for the same seed (mulberry32, by Tommy Ettinger); not for
 * secrets.
 */
export class SeededRandom {
  /** The seed that it was made with. */
  readonly seed: number;
  #step = 0;

  /** @param seed an integer >= 0 */
  constructor(seed: number) {
    this.seed = integer("seed", seed, 0);
  }

  /** The next number, from 0 to below 1. */
  next(): number {
    return chanceAt(this.seed, ++this.#step);
  }

  /** The next integer, from 0 to below `end`. */
  below(end: number): number {
    return Math.floor(this.next() * end);
  }

  /** One of the items; undefined if there is none. */
  pick<T>(items: readonly T[]): T | undefined {
    return items[this.below(items.length)];
  }
}

/** A random seed. @internal */
export function anySeed(): number {
  return Math.floor(mathRandom() * 2 ** 31);
}
