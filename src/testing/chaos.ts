import type { ActorSystem } from "../actor/types.js";
import { pause } from "../clock.js";
import { OptionError } from "../errors.js";
import { integer, knownOptions, type Milliseconds, positiveMilliseconds } from "../options.js";
import { actorsOf, checkSystem } from "./actors.js";
import { checkFaults } from "./actor-faults.js";
import type { Fault } from "./fault.js";
import { FaultInjection, type FaultReport, readSeed } from "./injection.js";
import { recordTree, type TreeRecorder } from "./recorder.js";

/** Options of {@link chaos}. */
export interface ChaosOptions {
  /** The system in whose actors the faults are injected. */
  system: ActorSystem;
  /**
   * At least one. Those without a trigger strike at random moments, each as often as the others;
   * give one twice for twice as often.
   */
  faults: readonly Fault[];
  /**
   * Decides which fault is injected, where and when: an integer >= 0. Default: a random one; see
   * the report.
   */
  seed?: number;
  /**
   * How long, in milliseconds by the system's clock. Default: 60,000 if there is a `count`, else it
   * must be given.
   */
  duration?: Milliseconds;
  /** Ends when so many faults have been injected: an integer from 1. Default: no such end. */
  count?: number;
  /**
   * Milliseconds between two strikes on average: each wait is a random one, up to twice as long.
   * Default 10.
   */
  interval?: Milliseconds;
  /** Ends it early; it still gives its report. */
  signal?: AbortSignal;
}

/** What the tree did meanwhile. */
export interface TreeCounts {
  /** Actors that started. */
  readonly started: number;
  /** Actors that ended before they were up. */
  readonly startsFailed: number;
  /** Actors that were up and ended. */
  readonly exited: number;
  /** Restarts by supervisors. */
  readonly restarts: number;
  /** Supervisors that gave up. */
  readonly gaveUp: number;
}

/** What {@link chaos} did, and what the tree made of it. */
export interface ChaosReport extends FaultReport {
  /** Why it ended; `no_actors`: the system had no actors left. */
  readonly ended: "count" | "duration" | "no_actors" | "aborted";
  /** Milliseconds by the system's clock. */
  readonly elapsed: Milliseconds;
  /** What the tree did meanwhile. */
  readonly tree: TreeCounts;
}

const defaultDuration: Milliseconds = 60_000;
const defaultInterval: Milliseconds = 10;

/**
 * Injects faults at random for a while, then stops and releases actors that hang. Where and when
 * they strike follows from the seed alone, as far as the tree does the same again: with a simulated
 * clock it does; in real time it is close.
 *
 * @throws (as rejections) {@link OptionError}
 */
export async function chaos(options: ChaosOptions): Promise<ChaosReport> {
  knownOptions("chaos", options, [
    "system",
    "faults",
    "seed",
    "duration",
    "count",
    "interval",
    "signal",
  ]);
  const system = checkSystem(options.system);
  const faults = checkFaults(options.faults);
  if (faults.length === 0) throw OptionError.invalid("faults", "at least one fault", faults);
  const count = options.count === undefined ? Infinity : integer("count", options.count, 1);
  const given = options.duration ?? (count === Infinity ? undefined : defaultDuration);
  const duration = positiveMilliseconds("duration", given);
  const interval = positiveMilliseconds("interval", options.interval ?? defaultInterval);
  const { clock } = system;
  const began = clock.now();
  const seed = readSeed(options.seed);
  const recorder = recordTree(system);
  const injection = new FaultInjection(system, faults, seed, false);
  try {
    const ended = await run();
    const elapsed = clock.now() - began;
    return { ...injection.report(), ended, elapsed, tree: countTree(recorder) };
  } finally {
    injection.stop();
    recorder.stop();
  }

  async function run(): Promise<ChaosReport["ended"]> {
    for (;;) {
      if (options.signal?.aborted === true) return "aborted";
      if (injection.injected.length >= count) return "count";
      const left = began + duration - clock.now();
      if (left <= 0) return "duration";
      if (actorsOf(system).length === 0) return "no_actors";
      injection.strike();
      const wait = Math.min(left, 2 * interval * injection.nextChance());
      await pause(clock, wait, options.signal);
    }
  }
}

function countTree(recorder: TreeRecorder): TreeCounts {
  return {
    started: recorder.count("started"),
    startsFailed: recorder.count("start_failed"),
    exited: recorder.count("exited"),
    restarts: recorder.count("restart"),
    gaveUp: recorder.count("gave_up"),
  };
}
