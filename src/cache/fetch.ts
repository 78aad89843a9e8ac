import { withTimeout } from "../clock.js";
import { FetchTimeoutError, OptionError, StoreUnavailableError } from "../errors.js";
import type { Cause } from "../event/event.js";
import type { Milliseconds } from "../options.js";
import type { AsyncStore, FoundValue, Store } from "./adapter.js";
import { fetchedTtl } from "./command-options.js";
import type { Instance, InstanceSlot } from "./instance.js";
import type { Loader } from "./single-flight.js";
import type { FetchOptions, Ttl } from "./types.js";

const absent = Symbol("absent");

/** One call of `fetchOrStore`. @internal */
export interface FetchCall<K, V> {
  readonly slot: InstanceSlot;
  readonly instance: Instance<K, V>;
  readonly key: K;
  readonly fn: (key: K) => V | Promise<V>;
  readonly options: FetchOptions<K, V> | undefined;
  readonly cause: Cause;
}

/**
 * `fetchOrStore` of a key that is not in the process: joins the load of the key, or starts it.
 *
 * @internal
 */
export function fetch<K, V>(call: FetchCall<K, V>): Promise<V> {
  return call.instance.flights.join(call.key, loaderOf(call));
}

/**
 * The same for a call that takes a stale value, or that does not wait for as long as it takes.
 *
 * @throws (as a rejection) {@link FetchTimeoutError}, the signal's reason, {@link OptionError}
 * @internal
 */
export async function fetchBounded<K, V>(call: FetchCall<K, V>): Promise<V> {
  const { slot, instance, key, options, cause } = call;
  const { staleFor, timeout, signal }: FetchOptions<K, V> = options ?? {};
  const { flights, isAsync } = instance;
  const { clock } = instance.system;
  signal?.throwIfAborted();
  if (staleFor !== undefined && !keepsStale(instance.opened))
    throw OptionError.invalid("staleFor", "none: the adapter keeps no stale values", staleFor);
  const deadline = timeout === undefined ? undefined : clock.now() + timeout;
  const within = <T>(promise: Promise<T>, otherwise: () => T): Promise<T> => {
    const left = deadline === undefined ? undefined : Math.max(0, deadline - clock.now());
    return withTimeout(clock, left, promise, otherwise, signal);
  };
  const tooLate = (): never => {
    throw new FetchTimeoutError(slot.name, key, timeout as number);
  };
  const loader = loaderOf(call);
  // The flight itself looks up a key that is elsewhere, unless a stale value is wanted.
  if (!isAsync || staleFor !== undefined) {
    const pending = find(instance, key, staleFor, cause);
    const found = isAsync ? await within(unlessOutage(pending), tooLate) : pending;
    if (found?.isStale === true) flights.refresh(key, loader);
    if (found !== undefined) return found.value;
  }
  return await flights.joinWhile(key, loader, (landed) =>
    within(landed, () => {
      const found = isAsync ? undefined : find(instance, key, staleFor, cause);
      return found === undefined ? tooLate() : found.value;
    }),
  );
}

/** What a call may return at once; a promise of it, where the store is elsewhere. */
function find<K, V>(
  { store }: Instance<K, V>,
  key: K,
  staleFor: Milliseconds | undefined,
  cause: Cause,
): FoundValue<V> | undefined {
  if (staleFor !== undefined) return store.getStale?.(key, staleFor, cause);
  const value = store.get(key, absent, cause);
  return value === absent ? undefined : { value, isStale: false };
}

function loaderOf<K, V>(call: FetchCall<K, V>): Loader<V> {
  const { slot, instance, key, fn } = call;
  if (instance.isAsync) return asyncLoaderOf(call);
  return {
    fetch: () => fn(key),
    store: (value) => {
      if (slot.running === instance) return keep(call, value);
    },
  };
}

/** Where the store is elsewhere, its outage is none of its caller's: nothing is stored. */
function asyncLoaderOf<K, V>(call: FetchCall<K, V>): Loader<V> {
  const { slot, instance, key, fn, options, cause } = call;
  const store = instance.store as unknown as AsyncStore<K, V>;
  const load = async (): Promise<V> => await fn(key);
  if (store.fetch !== undefined) {
    const ttlOf = (value: V): Ttl | undefined =>
      options === undefined ? undefined : fetchedTtl(options, value, key);
    const how = { ttlOf, staleFor: options?.staleFor };
    const { fetch: join } = store;
    return { fetch: () => join.call(store, key, load, how, cause), store: () => {} };
  }
  let isNew = true;
  return {
    fetch: async () => {
      let found: V | typeof absent = absent;
      try {
        found = await store.get(key, absent, cause);
      } catch (error) {
        isOutage(error);
        isNew = false;
      }
      if (found === absent) return await fn(key);
      isNew = false;
      return found;
    },
    store: async (value) => {
      if (!isNew || slot.running !== instance) return;
      try {
        await keep(call, value);
      } catch (error) {
        isOutage(error);
      }
    },
  };
}

/** A promise, where the store is elsewhere. */
function keep<K, V>(
  { instance: { store }, key, options, cause }: FetchCall<K, V>,
  value: V,
): void | Promise<void> {
  if (options === undefined) return store.put(key, value, undefined, cause);
  const ttl = fetchedTtl(options, value, key);
  const { staleFor } = options;
  return staleFor === undefined
    ? store.put(key, value, ttl, cause)
    : store.putStale?.(key, value, ttl, staleFor, cause);
}

/** Undefined where the store is unavailable. */
async function unlessOutage<T>(step: T): Promise<T | undefined> {
  try {
    return await step;
  } catch (error) {
    isOutage(error);
    return undefined;
  }
}

/** @throws any other error */
function isOutage(error: unknown): void {
  if (!(error instanceof StoreUnavailableError)) throw error;
}

function keepsStale<K, V>({ getStale, putStale }: Store<K, V>): boolean {
  return typeof getStale === "function" && typeof putStale === "function";
}
