/** A handler that is busy with the processor: the same work in the main thread and in worker threads. */

/** So much work, whatever else runs on the machine. */
export function work(loops: number): number {
  let state = 1;
  for (let n = 0; n < loops; n++) state = (Math.imul(state, 1664525) + 1013904223) | 0;
  return state;
}

/** How many loops take so many microseconds: the quickest of several tries, so that others' work doesn't count. */
export function loopsFor(microseconds: number): number {
  const loops = 100_000;
  let quickest = Infinity;
  for (let round = 0; round < 50; round++) {
    const began = performance.now();
    work(loops);
    quickest = Math.min(quickest, performance.now() - began);
  }
  return Math.round((loops * microseconds) / 1e3 / quickest);
}

const loops = Number(new URL(import.meta.url).searchParams.get("loops"));

export default (): void => void work(loops);
