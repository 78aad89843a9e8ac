import { type Figure, figureOf, ratioOf } from "./stats.js";

/** How much work to do. */
export interface Settings {
  /** Rounds that count. */
  readonly rounds: number;
  /** Rounds before these. */
  readonly warmups: number;
  /** Entries that are stored beforehand, where a scenario does not say another number. */
  readonly entries: number;
  /** The size of the work, 1 for a full run. */
  readonly scale: number;
  /** Milliseconds that one contestant may take in one round; the slow ones do less work in them. */
  readonly budget: number;
  /** A file with a trace, for the scenario that replays one. */
  readonly trace?: string;
}

/** One variant of a scenario, measured. */
export interface Result {
  readonly id: string;
  readonly name: string;
  readonly unit: string;
  readonly ours: Figure;
  readonly peers: Readonly<Record<string, Figure>>;
  /** Above 1: ours is better. */
  readonly ratios: Readonly<Record<string, number>>;
}

/** A group of variants, run in a process of its own. */
export interface Scenario {
  readonly id: string;
  readonly title: string;
  /** What the figures mean, for the table. */
  readonly about: string;
  /** Why the scenario can't run with these settings; undefined: it can. */
  needs?(settings: Settings): string | undefined;
  run(settings: Settings): Promise<Result[]>;
}

/** The name of our own figures among those of a round. */
export const us = "ours";

/** What each contestant's rounds gave. The first round's weather is the same for all, and so on. */
export type Rounds = ReadonlyMap<string, readonly number[]>;

export function resultOf(
  id: string,
  name: string,
  unit: string,
  better: "lower" | "higher",
  rounds: Rounds,
): Result {
  const own = rounds.get(us) ?? [];
  const others = [...rounds].filter(([who]) => who !== us);
  return {
    id,
    name,
    unit,
    ours: figureOf(own),
    peers: Object.fromEntries(others.map(([who, values]) => [who, figureOf(values)])),
    ratios: Object.fromEntries(
      others.map(([who, values]) => [
        who,
        better === "lower" ? ratioOf(values, own) : ratioOf(own, values),
      ]),
    ),
  };
}

/** A number of things to do: the full number times the scale, at least `least`. */
export const scaled = (full: number, { scale }: Settings, least = 1): number =>
  Math.max(least, Math.round(full * scale));

/** Collects all garbage, so that nobody pays for another's. */
export function collectGarbage(): void {
  globalThis.gc?.();
}

/** Collects what is young, which is what the last contestant has left. */
export function collectYoung(): void {
  globalThis.gc?.({ type: "minor" });
}

export const oneTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
