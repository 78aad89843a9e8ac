/** A source of numbers from 0 (inclusive) to 1 (exclusive). */
export type Random = () => number;

/**
 * A small, fast, repeatable source of random numbers: mulberry32 by Tommy Ettinger (public domain).
 *
 * @param seed an integer from 0 to 2^32 - 1; the same seed gives the same numbers
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
