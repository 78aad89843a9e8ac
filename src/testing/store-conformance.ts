import { randomUUID } from "node:crypto";
import { systemClock, withTimeout } from "../clock.js";
import { WaitTimeoutError } from "../errors.js";
import {
  boolean,
  callable,
  knownOptions,
  type Milliseconds,
  positiveMilliseconds,
} from "../options.js";
import type { Adapter, AsyncAdapter } from "../cache/adapter.js";
import { storeCommandCases } from "./conformance/store-command-cases.js";
import { storeEventCases } from "./conformance/store-event-cases.js";
import { type ConformanceStore, type StoreCase, StoreLab } from "./conformance/store-lab.js";
import { storeStaleCases, storeTimeCases } from "./conformance/store-time-cases.js";
import type { ConformanceCase } from "./pubsub-conformance.js";

export type { ConformanceStore } from "./conformance/store-lab.js";

/** Options of {@link storeConformance}. */
export interface StoreConformanceOptions {
  /**
   * Makes an adapter whose store is empty, for one case. `name` is that of its cache, a new one in
   * each case: to be used where entries of several cases are in one place. What has to run with the
   * adapter is returned with it.
   */
  create(context: {
    name: string;
  }):
    Adapter | AsyncAdapter | ConformanceStore | Promise<Adapter | AsyncAdapter | ConformanceStore>;
  /**
   * A TTL for entries that the cases wait for, in milliseconds: the shortest that the store can
   * tell. Default 100.
   */
  ttl?: Milliseconds;
  /** Whether the store has `getStale` and `putStale`. Default true. */
  staleFor?: boolean;
  /** Milliseconds that a case takes at the most. Default 10,000. */
  timeout?: Milliseconds;
}

/**
 * What every store of a cache must do, as cases for any test runner: for authors of adapters. Keys
 * are strings, and values are what JSON has. Cases may run at the same time.
 *
 * ```ts
 * for (const { name, run } of storeConformance({ create: ({ name }) => myAdapter({ prefix: name }) })) test(name, run);
 * ```
 *
 * @throws {@link OptionError}
 */
export function storeConformance(options: StoreConformanceOptions): ConformanceCase[] {
  knownOptions("storeConformance", options, ["create", "ttl", "staleFor", "timeout"]);
  const create = callable("create", options.create).bind(options);
  const ttl = positiveMilliseconds("ttl", options.ttl ?? 100);
  const timeout = positiveMilliseconds("timeout", options.timeout ?? 10_000);
  const cases: readonly StoreCase[] = [
    ...storeCommandCases,
    ...storeEventCases,
    ...storeTimeCases,
    ...(boolean("staleFor", options.staleFor ?? true) ? storeStaleCases : []),
  ];
  return cases.map(([name, run]) => ({
    name,
    run: async () => {
      const unique = `conformance-${randomUUID()}`;
      await using lab = await StoreLab.open({ name: unique, create, ttl, timeout });
      // A command that is never answered fails the case, too.
      await withTimeout(systemClock, timeout, run(lab), () => {
        throw new WaitTimeoutError(name, timeout);
      });
    },
  }));
}
