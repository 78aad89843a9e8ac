import { OptionError } from "../errors.js";
import {
  derivedOption,
  plainName,
  readOptions,
  requiredOption,
  type SchemaOf,
} from "../options.js";
import type { Adapter, AsyncAdapter } from "./adapter.js";
import { localAdapter } from "./adapters/local-adapter.js";
import { CacheHandle } from "./cache-handle.js";
import { commandNames } from "./command.js";
import { Definition, type MakeHandle, type UntypedCache } from "./instance.js";
import type { AsyncCache, AsyncCacheCommands, Cache } from "./types.js";

/** Options of {@link defineCache}. */
export interface CacheOptions<A extends Adapter | AsyncAdapter = Adapter> {
  /** The cache's name, and that of its static instance: not empty, without ":". */
  name: string;
  /** Where the entries live. Default: `localAdapter()`. */
  adapter?: A;
}

const schema = {
  name: requiredOption(plainName),
  adapter: derivedOption(adapterOption, () => localAdapter()),
} satisfies SchemaOf<CacheOptions>;

/**
 * Defines a cache. Nothing runs until one of its instances is started: the cache itself may stand
 * in a children list, or what its `childSpec()` gives. Two definitions of one name are two caches.
 *
 * @throws {@link OptionError}
 */
export function defineCache<K = unknown, V = unknown>(options: CacheOptions): Cache<K, V>;
export function defineCache<K = unknown, V = unknown>(
  options: CacheOptions<AsyncAdapter> & { adapter: AsyncAdapter },
): AsyncCache<K, V>;
export function defineCache(options: CacheOptions<Adapter | AsyncAdapter>): UntypedCache {
  const { name, adapter } = readOptions("defineCache", schema, options);
  return new Definition(name, adapter, makeHandle).instance(name);
}

const makeHandle: MakeHandle = (definition, slot, origin) =>
  definition.adapter.async === true
    ? (new AsyncCacheHandle(definition, slot, origin) as unknown as AsyncCache)
    : new CacheHandle(definition, slot, origin);

function adapterOption(name: string, value: unknown): Adapter | AsyncAdapter {
  const adapter = value as Adapter | null;
  if (typeof adapter === "object" && typeof adapter?.open === "function") return adapter;
  throw OptionError.invalid(name, "an adapter, e.g. localAdapter()", value);
}

/**
 * A handle whose commands answer with a promise whatever happens: a wrong option and an instance
 * that is not running are rejections, not throws.
 *
 * @internal
 */
export class AsyncCacheHandle<K, V> extends CacheHandle<K, V> {
  /** As the other commands, without the cost of passing any number of arguments. */
  override get(key: K): V | undefined {
    try {
      return Promise.resolve(super.get(key)) as V;
    } catch (error) {
      return Promise.reject(error as Error) as V;
    }
  }
}

/** `fetchOrStore` always returns a promise, and `stream` an iterable. */
const asyncCommands: readonly (keyof AsyncCacheCommands<unknown, unknown>)[] = [
  ...commandNames.filter((name) => name !== "get" && name !== "fetchOrStore" && name !== "stream"),
  "info",
];

for (const name of asyncCommands) {
  const command = CacheHandle.prototype[name] as (...args: unknown[]) => unknown;
  Object.defineProperty(AsyncCacheHandle.prototype, name, {
    // Not an async function: what the store's promise settles with needs no further turns.
    value(this: unknown, ...args: unknown[]): Promise<unknown> {
      try {
        return Promise.resolve(command.apply(this, args));
      } catch (error) {
        return Promise.reject(error as Error);
      }
    },
    configurable: true,
    writable: true,
  });
}
