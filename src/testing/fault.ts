import { types } from "node:util";
import { OptionError } from "../errors.js";
import { nonEmptyString } from "../options.js";
import type { ActiveFault } from "./active-fault.js";
import type { SeededRandom } from "./random.js";
import { type Trigger, type TriggerOptions, readTrigger } from "./trigger.js";

/** What a fault does. */
export type FaultKind =
  "crash" | "kill" | "hang" | "slow_down" | "fail_start" | "refuse_registration" | "fail_command";

/** What every fault can be told. */
export interface FaultOptions extends TriggerOptions {
  /** How reports call it. Default: its kind and what it is for, e.g. `"crash users:stream"`. */
  name?: string;
}

/** @internal */
export const faultOptions = ["name", "nth", "every", "probability", "times"] as const;

/**
 * A fault, as its factory describes it. It does nothing by itself: give it to `injectFaults` or
 * `chaos`, as often as you like.
 */
export abstract class Fault {
  /** What it does. */
  readonly kind: FaultKind;
  /** How reports name it. */
  readonly name: string;
  /** @internal */
  readonly trigger: Trigger;

  /** @internal */
  constructor(kind: FaultKind, target: string, options: FaultOptions, nthOption?: string) {
    this.kind = kind;
    this.name =
      options.name === undefined ? `${kind} ${target}` : nonEmptyString("name", options.name);
    this.trigger = readTrigger(options, nthOption);
  }

  /** Begins to watch for its occasions; returns a function that ends that. @internal */
  abstract install(active: ActiveFault): () => void;

  /** Strikes now or, where it takes an occasion, on the next ones; whether it could. @internal */
  abstract strike(active: ActiveFault, random: SeededRandom): boolean;
}

/** @internal */
export function readError(error: unknown): Error | undefined {
  if (error === undefined || error instanceof Error || types.isNativeError(error)) return error;
  throw OptionError.invalid("error", "an Error", error);
}
