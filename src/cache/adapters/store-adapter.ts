import { OptionError } from "../../errors.js";
import type { Clock } from "../../clock.js";
import {
  boolean,
  callable,
  integer,
  type Milliseconds,
  option,
  positiveMilliseconds,
  readOptions,
  requiredOption,
  type SchemaOf,
} from "../../options.js";
import type { AdapterContext, AsyncAdapter, AsyncStore } from "../adapter.js";
import { requireTtl } from "../command-options.js";
import type { Ttl } from "../types.js";
import { FunctionStore } from "./function-store.js";
import { FunctionTable, type FunctionStoreOptions } from "./function-table.js";
import type { StoreFunctions } from "./store-calls.js";
import type { LeftTiming } from "./timed-keys.js";

/** Options of {@link storeAdapter}: the functions of a store, and how it is used. */
export interface StoreAdapterOptions<K = never, V = unknown> extends StoreFunctions<K, V> {
  /** The TTL of an entry stored without one, in milliseconds above 0. Default: none. */
  ttl?: Ttl;
  /**
   * Whether the store removes entries at the `ttl` that `set` gets, by itself. Then the adapter
   * removes none at its TTL, so that several processes can write the same keys. Default false: the
   * adapter calls `delete` at the TTL of what this process has stored.
   */
  expires?: boolean;
  /**
   * How long a function may take to answer, in milliseconds above 0. A command that waits longer
   * rejects with a {@link StoreUnavailableError}; so do further commands about the same key at once,
   * until the function has answered. Default 5000.
   */
  commandTimeout?: Milliseconds;
  /**
   * The time between two sweeps for expired entries, in milliseconds: an integer from 1. Default
   * 500.
   */
  sweepInterval?: Milliseconds;
  /**
   * How many values this process keeps after their TTL for `staleFor` of `fetchOrStore`: an integer
   * from 1. Default 10,000.
   */
  maxStale?: number;
}

/** The instance that a store is for. */
export interface StoreName {
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
}

const defaultTimeout: Milliseconds = 5000;
const defaultStale = 10_000;

const optionalFunction = option((name, value) => callable(name, value));
const schema = {
  get: requiredOption((name, value) => callable(name, value)),
  set: requiredOption((name, value) => callable(name, value)),
  delete: requiredOption((name, value) => callable(name, value)),
  has: optionalFunction,
  clear: optionalFunction,
  entries: optionalFunction,
  ttl: option((_name, value) => requireTtl(value), null),
  expires: option(boolean, false),
  commandTimeout: option((name, value) => positiveMilliseconds(name, value), defaultTimeout),
  sweepInterval: option((name, value) => integer(name, value, 1), 500),
  maxStale: option((name, value) => integer(name, value, 1), defaultStale),
} satisfies SchemaOf<StoreAdapterOptions>;

/** TTLs that have not ended when a store was closed. */
interface Left {
  readonly clock: Clock;
  readonly at: Milliseconds;
  readonly timings: readonly LeftTiming<never>[];
}

/**
 * Makes an adapter of a few functions: entries live wherever these keep them, and commands return
 * promises. Each change that this process makes is an event, in order for each key; what others
 * change in the same store is found by reads, and makes no event. TTLs are those of what this
 * process has stored: it removes an entry at its TTL, unless the store does (`expires`).
 *
 * A function given instead is called for each start of an instance, and returns (a promise of) the
 * functions of that instance. Functions that are given at once serve one instance only.
 *
 * What the functions throw rejects the command. `undefined` is no value.
 *
 * ```ts
 * storeAdapter({ get: (key) => map.get(key), set: (key, value) => map.set(key, value), delete: (key) => map.delete(key) })
 * ```
 *
 * @throws {@link OptionError}
 */
export function storeAdapter<K = never, V = unknown>(
  store:
    | StoreAdapterOptions<K, V>
    | ((name: StoreName) => StoreAdapterOptions<K, V> | Promise<StoreAdapterOptions<K, V>>),
): AsyncAdapter {
  const make = typeof store === "function" ? store : undefined;
  const shared = make === undefined ? read(store as StoreAdapterOptions<K, V>) : undefined;
  const left = new Map<string, Left>();
  let owner: string | undefined;
  return Object.freeze({
    async: true as const,
    async open<K2, V2>(context: AdapterContext<K2, V2>): Promise<AsyncStore<K2, V2>> {
      const { cache, name, clock } = context;
      const instance = JSON.stringify([cache, name]);
      if (shared !== undefined && (owner ??= instance) !== instance)
        throw OptionError.invalid(
          "adapter",
          "a storeAdapter of its own for each instance: give a function that makes the functions of one",
          name,
        );
      const { functions, options } = shared ?? read(await make?.({ cache, name }));
      const table = new FunctionTable<K2, V2>(context, functions as never, options);
      const before = left.get(instance);
      left.delete(instance);
      const passed = before?.clock === clock ? clock.now() - before.at : 0;
      for (const timing of before?.timings ?? [])
        table.timed.resume({ ...timing, left: timing.left - passed });
      return new FunctionStore(
        table,
        (timings) => void left.set(instance, { clock, at: clock.now(), timings: timings as never }),
      );
    },
  });
}

function read<K, V>(
  store: StoreAdapterOptions<K, V> | undefined,
): {
  functions: StoreFunctions<K, V>;
  options: FunctionStoreOptions;
} {
  const { ttl, expires, commandTimeout, sweepInterval, maxStale } = readOptions(
    "storeAdapter",
    schema,
    store as object,
  );
  return {
    // As it is: its functions may need it as their `this`.
    functions: store as StoreFunctions<K, V>,
    options: { ttl, expires, commandTimeout, sweepInterval, maxStale },
  };
}
