import { collectGarbage, collectYoung, oneTurn, type Rounds, type Settings } from "./scenario.js";

/** One side of a comparison that is not about puts alone. */
export interface Runner {
  readonly name: string;
  /** Does so many operations. */
  run(count: number): void | Promise<unknown>;
}

/**
 * Has each runner do `work` operations, round by round in turn, each round beginning with another
 * one. A runner whose turn would take too long does fewer.
 *
 * @returns by runner, nanoseconds an operation of the rounds that count
 */
export async function inTurns(
  runners: readonly Runner[],
  work: number,
  { rounds, warmups, budget }: Settings,
): Promise<Rounds> {
  const sides = runners.map((runner) => ({ runner, count: Math.ceil(work / 20) }));
  const figures = new Map(runners.map(({ name }) => [name, [] as number[]]));
  collectGarbage();
  for (let round = -warmups; round < rounds; round++)
    for (let turn = 0; turn < sides.length; turn++) {
      const side = sides[(turn + round + warmups) % sides.length] as (typeof sides)[number];
      collectYoung();
      await oneTurn();
      const start = performance.now();
      const made = side.runner.run(side.count);
      if (made !== undefined) await made;
      const taken = performance.now() - start;
      if (round >= 0) figures.get(side.runner.name)?.push((taken * 1e6) / side.count);
      else {
        const affordable = Math.floor((side.count * budget) / taken);
        side.count = Math.max(Math.ceil(work / 100), Math.min(work, affordable));
      }
    }
  return figures;
}
