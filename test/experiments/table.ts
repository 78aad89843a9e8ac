import { performance } from "node:perf_hooks";
import { experiment, type Outcome, type Sizes, type Variation } from "./experiment.js";
import { crashHandler, crashStream, killHandler, killStream } from "./faults.js";

/** The experiments' ids. */
export const experimentIds = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;
export type ExperimentId = (typeof experimentIds)[number];

/** One experiment, and what came of it. */
export interface Result extends Outcome {
  readonly id: ExperimentId;
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  /** What was expected and is not so; none: all is well. */
  readonly problems: readonly string[];
  /** The same experiment with `overflow: "coalesce"`, where `"gap"` is the first. */
  readonly coalesce?: Result;
}

interface Definition {
  readonly name: (sizes: Sizes) => string;
  readonly variation: () => Variation;
}

const definitions: Record<ExperimentId, Definition> = {
  a: { name: () => "no fault", variation: () => ({}) },
  b: {
    name: ({ faults }) => `${faults} handler crashes`,
    variation: () => ({ fault: crashHandler() }),
  },
  c: {
    name: ({ faults }) => `${faults} handler crashes, handler busy for 20 µs`,
    variation: () => ({ fault: crashHandler(), busy: 20 }),
  },
  d: {
    name: ({ faults }) => `${faults} handler kills, handler busy for 20 µs`,
    variation: () => ({ fault: killHandler, busy: 20 }),
  },
  e: {
    name: ({ faults }) => `${faults} stream server crashes`,
    variation: () => ({ fault: crashStream }),
  },
  f: {
    name: ({ faults }) => `${faults} stream server kills`,
    variation: () => ({ fault: killStream }),
  },
  g: {
    name: ({ keys }) => `put, replace, delete on ${keys.toLocaleString("en-US")} keys`,
    variation: () => ({ deletes: true }),
  },
  h: {
    name: (sizes) => slowName(sizes, "gap"),
    variation: () => ({ overflow: "gap" }),
  },
};

function slowName({ slowness, capacity }: Sizes, overflow: string): string {
  return `handler ${slowness} times too slow, capacity ${capacity.toLocaleString("en-US")}, ${overflow}`;
}

/** Runs the experiments, one after the other. */
export async function runExperiments(
  ids: readonly ExperimentId[],
  sizes: Sizes,
  onResult: (result: Result) => void = () => {},
): Promise<Result[]> {
  const results: Result[] = [];
  for (const id of ids) {
    const { name, variation } = definitions[id];
    let result = await measure(id, name(sizes), variation(), sizes);
    if (id === "h") {
      // Few enough keys for the newest event of each to fit.
      const fitting = { ...sizes, keys: Math.min(sizes.keys, sizes.capacity) };
      const coalesce = await measure(
        id,
        slowName(sizes, "coalesce"),
        { overflow: "coalesce" },
        fitting,
      );
      result = { ...result, coalesce };
    }
    onResult(result);
    results.push(result);
  }
  return results;
}

/** What was expected of the experiments and is not so. */
export function allProblems(results: readonly Result[]): string[] {
  return results.flatMap(({ id, problems, coalesce }) =>
    [...problems, ...(coalesce?.problems ?? [])].map((problem) => `(${id}) ${problem}`),
  );
}

async function measure(
  id: ExperimentId,
  name: string,
  variation: Variation,
  sizes: Sizes,
): Promise<Result> {
  const began = performance.now();
  const outcome = await experiment(`experiment-${id}`, variation, sizes);
  const seconds = (performance.now() - began) / 1_000;
  const problems = problemsOf(outcome, variation, sizes);
  return { id, name, seed: sizes.seed, ...outcome, seconds, problems };
}

/** Compares an outcome with what is promised. */
export function problemsOf(outcome: Outcome, variation: Variation, sizes: Sizes): string[] {
  const { written, handled, gapEvents, coalesced, faultsStruck, restarts } = outcome;
  const problems = [...outcome.faults];
  const expect = (what: string, actual: unknown, expected: unknown): void => {
    if (actual !== expected)
      problems.push(`${what}: ${String(actual)}, expected ${String(expected)}`);
  };
  expect("written", written, variation.deletes === true ? 3 * sizes.keys : sizes.puts);
  expect("lost", outcome.lost, 0);
  expect("duplicated", outcome.duplicated, 0);
  expect("out of order", outcome.outOfOrder, 0);
  expect("handled + reported in gaps + merged", handled + gapEvents + coalesced, written);
  const faults = variation.fault === undefined ? 0 : sizes.faults;
  expect("faults that struck", faultsStruck, faults);
  expect("restarts", restarts, faults);
  if (variation.overflow !== "gap") {
    expect("reported in gaps", gapEvents, 0);
    expect("replayed events give the cache's contents", outcome.samePicture, true);
  } else if (gapEvents === 0) problems.push("no gap, though the handler is too slow");
  if (variation.overflow === "coalesce" && coalesced === 0)
    problems.push("nothing merged, though the handler is too slow");
  return problems;
}
