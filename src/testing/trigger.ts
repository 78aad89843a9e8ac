import { OptionError } from "../errors.js";
import { integer } from "../options.js";

/**
 * When a fault strikes, counted for each actor (or cache instance) on its own, over all its
 * incarnations, from the injection on. At most one of the first three. None: each time in
 * `injectFaults`; at random moments in `chaos`.
 */
export interface TriggerOptions {
  /** On the nth time: an integer from 1. */
  nth?: number;
  /** On each nth time: an integer from 1. */
  every?: number;
  /** Each time with this probability, above 0 and up to 1. */
  probability?: number;
  /**
   * How often at the most: an integer from 1. With `nth`, so many times in a row. Default: once
   * with `nth`, else without end.
   */
  times?: number;
}

/** @internal */
export interface Trigger {
  readonly rule: "nth" | "every" | "probability" | "always";
  readonly value: number;
  readonly times: number;
}

/**
 * Number of occasions of one subject, and of faults injected into it.
 *
 * @internal
 */
export interface Tally {
  happened: number;
  struck: number;
}

/** Reads the options of a trigger; `nthOption` is what `nth` is called there. @internal */
export function readTrigger(options: TriggerOptions, nthOption = "nth"): Trigger {
  const { nth, every, probability } = options;
  const given = [nth, every, probability].filter((value) => value !== undefined);
  if (given.length > 1)
    throw new OptionError(
      nthOption,
      `"${nthOption}", "every" and "probability" exclude each other: give one at the most`,
    );
  const times = options.times === undefined ? undefined : integer("times", options.times, 1);
  const unlimited = times ?? Infinity;
  if (nth !== undefined)
    return { rule: "nth", value: integer(nthOption, nth, 1), times: times ?? 1 };
  if (every !== undefined)
    return { rule: "every", value: integer("every", every, 1), times: unlimited };
  if (probability !== undefined)
    return { rule: "probability", value: checkProbability(probability), times: unlimited };
  return { rule: "always", value: 1, times: unlimited };
}

/**
 * Whether the fault strikes this time; `chance` is from 0 to 1. The tally includes this time.
 *
 * @internal
 */
export function strikes({ rule, value, times }: Trigger, tally: Tally, chance: number): boolean {
  if (tally.struck >= times) return false;
  switch (rule) {
    case "nth":
      return tally.happened >= value && tally.happened < value + times;
    case "every":
      return tally.happened % value === 0;
    case "probability":
      return chance < value;
    case "always":
      return true;
  }
}

function checkProbability(value: unknown): number {
  if (typeof value === "number" && value > 0 && value <= 1) return value;
  throw OptionError.invalid("probability", "a number above 0 and up to 1", value);
}
