import { callable, knownOptions, type Milliseconds, positiveMilliseconds } from "../options.js";
import { OptionError } from "../errors.js";
import type { PubSub, PubSubOptions } from "../pubsub/types.js";
import { type Case, Cluster } from "./conformance/cluster.js";
import { clusterCases } from "./conformance/cluster-cases.js";
import { localCases } from "./conformance/local-cases.js";
import { outageCases } from "./conformance/outage-cases.js";

/** Options of {@link pubSubConformance}. */
export interface PubSubConformanceOptions {
  /**
   * Makes a pubsub of the kind in question; all of a run's are connected with each other. What it
   * is given goes to `createPubSub` (`codec` and `maxMessageSize` too, where a case needs them),
   * the adapter's own options beside it.
   */
  create(options: PubSubOptions & { nodeName: string; namespace: string }): PubSub;
  /**
   * Takes the broker away from every node: connections break, and no new one can be made. Without
   * it, the cases of outages are left out.
   */
  interrupt?: () => void | Promise<void>;
  /** Brings it back. */
  restore?: () => void | Promise<void>;
  /** Milliseconds that a case waits for something at the most. Default 10,000. */
  timeout?: Milliseconds;
}

/**
 * One case: it passes when `run` settles, and fails when it rejects. Cases may run at the same
 * time, except those of outages.
 */
export interface ConformanceCase {
  /** What the case is about, as the title of a test. */
  readonly name: string;
  /** Runs the case; rejects where the pubsub fails it. */
  run(): Promise<void>;
}

/**
 * What every pubsub must do, as cases for any test runner: for authors of transports.
 *
 * ```ts
 * for (const { name, run } of pubSubConformance({ create: (options) => myPubSub({ url, ...options }) })) test(name, run);
 * ```
 *
 * @throws {@link OptionError}
 */
export function pubSubConformance(options: PubSubConformanceOptions): ConformanceCase[] {
  knownOptions("pubSubConformance", options, ["create", "interrupt", "restore", "timeout"]);
  callable("create", options.create);
  const { interrupt, restore } = options;
  if (interrupt !== undefined) callable("interrupt", interrupt);
  if (restore !== undefined) callable("restore", restore);
  if ((interrupt === undefined) !== (restore === undefined))
    throw OptionError.invalid("restore", "a function if and only if interrupt is one", restore);
  const timeout = positiveMilliseconds("timeout", options.timeout ?? 10_000);
  const cases: readonly Case[] = [
    ...localCases,
    ...clusterCases,
    ...(interrupt === undefined ? [] : outageCases),
  ];
  const clusterOptions = { create: options.create.bind(options), interrupt, restore, timeout };
  return cases.map(([name, run]) => ({
    name,
    run: async () => {
      await using cluster = new Cluster(clusterOptions);
      await run(cluster);
    },
  }));
}
