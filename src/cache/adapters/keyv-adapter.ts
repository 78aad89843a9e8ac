import { OptionError } from "../../errors.js";
import { knownOptions } from "../../options.js";
import type { AsyncAdapter } from "../adapter.js";
import { storeAdapter, type StoreAdapterOptions, type StoreName } from "./store-adapter.js";

/** What {@link keyvAdapter} uses of a Keyv (version 5). */
export interface KeyvLike {
  /** The value, or `undefined`. */
  get(key: string): Promise<unknown>;
  /** Stores a value; `false` if it could not. A `ttl` of 0 is none. */
  set(key: string, value: unknown, ttl?: number): Promise<boolean>;
  /** Removes an entry. */
  delete(key: string): Promise<boolean>;
  /** Whether there is an entry. */
  has(key: string): Promise<boolean>;
  /** Removes all entries. */
  clear(): Promise<void>;
  /** All entries, where the store of the Keyv can list them. */
  iterator?: ((argument: never) => AsyncIterable<unknown>) | undefined;
  /** The TTL of an entry stored without one, in milliseconds. */
  ttl?: number | undefined;
  /** The prefix of its keys. */
  namespace?: string | undefined;
  /** Whether the Keyv itself adds the prefix. */
  useKeyPrefix?: boolean;
  /** Where its entries are. */
  store?: unknown;
}

/** Options of {@link keyvAdapter}. They mean what they mean for {@link storeAdapter}. */
export type KeyvAdapterOptions = Pick<
  StoreAdapterOptions,
  "ttl" | "commandTimeout" | "sweepInterval" | "maxStale"
>;

/**
 * Keeps the entries of a cache in a Keyv, whatever its store is. Keys are strings, and values are
 * what the Keyv's serialization keeps. Otherwise as {@link storeAdapter}: commands return promises,
 * and each change that this process makes is an event. Entries expire by the Keyv, also those that
 * other processes have stored; `expired` events are those of what this process has stored.
 *
 * Commands about entries that are not given by their keys need a Keyv over a `Map`, or one that has
 * an `iterator`, and a `namespace` unless `useKeyPrefix` is false. A Keyv answers as if there were no entry when its
 * store fails; with `throwOnErrors: true` the commands of the cache reject.
 *
 * ```ts
 * defineCache({ name: "users", adapter: keyvAdapter(new Keyv({ store, throwOnErrors: true })) })
 * ```
 *
 * @param keyv a Keyv for one instance, or a function that makes one for each start of an instance
 * @param options `ttl` defaults to that of the Keyv
 * @throws {@link OptionError}
 */
export function keyvAdapter(
  keyv: KeyvLike | ((name: StoreName) => KeyvLike | Promise<KeyvLike>),
  options: KeyvAdapterOptions = {},
): AsyncAdapter {
  knownOptions("keyvAdapter", options, ["ttl", "commandTimeout", "sweepInterval", "maxStale"]);
  return storeAdapter<string>(
    typeof keyv === "function"
      ? async (name) => functionsOf(await keyv(name), options)
      : functionsOf(keyv, options),
  );
}

function functionsOf(
  keyv: KeyvLike,
  options: KeyvAdapterOptions,
): StoreAdapterOptions<string, unknown> {
  for (const name of ["get", "set", "delete", "has", "clear"] as const)
    if (typeof (keyv as Partial<KeyvLike> | null | undefined)?.[name] !== "function")
      throw OptionError.invalid("keyv", "a Keyv", keyv);
  const ttl = options.ttl === undefined ? keyv.ttl : options.ttl;
  return {
    get: (key) => keyv.get(checkKey(key)),
    // Without a TTL the Keyv would use its own default.
    set: async (key, value, left) => {
      if (!(await keyv.set(checkKey(key), value, left ?? 0)))
        throw new Error("the Keyv did not store the value");
    },
    delete: async (key) => {
      // False if there was none, too: it may have been removed at its TTL.
      if (!(await keyv.delete(checkKey(key))) && (await keyv.has(key)))
        throw new Error("the Keyv did not delete the entry");
    },
    has: (key) => keyv.has(checkKey(key)),
    ...listingOf(keyv),
    ...options,
    ...(ttl === undefined || ttl === 0 ? undefined : { ttl }),
    expires: true,
  };
}

/** How all entries are listed and removed, if they can be. */
function listingOf(
  keyv: KeyvLike,
): Pick<StoreAdapterOptions<string, unknown>, "entries" | "clear"> {
  const { iterator, namespace, useKeyPrefix, store } = keyv;
  const prefix = useKeyPrefix !== false && Boolean(namespace) ? `${namespace}:` : "";
  // Several Keyvs may share a Map: an iterator then lists the entries of the one that was made
  // last, and `clear` removes those of all.
  if (isMap(store)) return { entries: () => entriesOf(keyv, store, prefix) };
  const clear = (): Promise<void> => keyv.clear();
  // Without a namespace, an iterator that takes prefixes off returns keys that are not there.
  if (typeof iterator !== "function" || (prefix === "" && useKeyPrefix !== false)) return { clear };
  return { clear, entries: () => keyv.iterator?.(undefined as never) as AsyncIterable<never> };
}

async function* entriesOf(
  keyv: KeyvLike,
  store: ReadonlyMap<unknown, unknown>,
  prefix: string,
): AsyncGenerator<readonly [string, unknown], void, undefined> {
  for (const stored of store.keys()) {
    if (typeof stored !== "string" || !stored.startsWith(prefix)) continue;
    const key = stored.slice(prefix.length);
    const value = await keyv.get(key);
    if (value !== undefined) yield [key, value];
  }
}

/** Also for a Map of another realm. */
function isMap(store: unknown): store is ReadonlyMap<unknown, unknown> {
  return Object.prototype.toString.call(store) === "[object Map]";
}

function checkKey(key: unknown): string {
  if (typeof key === "string") return key;
  throw OptionError.invalid("key", "a string, since the entries are in a Keyv", key);
}
