import { CacheHandle } from "./cache-handle.js";
import type { AsyncCacheCommands } from "./types.js";

/**
 * A handle whose commands answer with a promise whatever happens: a wrong option and an instance
 * that is not running are rejections, not throws.
 *
 * @internal
 */
export class AsyncCacheHandle<K, V> extends CacheHandle<K, V> {}

const asyncCommands: Record<keyof AsyncCacheCommands<unknown, unknown>, true> = {
  get: true,
  fetch: true,
  has: true,
  ttl: true,
  put: true,
  putNew: true,
  replace: true,
  putAll: true,
  putNewAll: true,
  delete: true,
  take: true,
  expire: true,
  touch: true,
  increment: true,
  decrement: true,
  update: true,
  getOrStore: true,
  getAll: true,
  deleteAll: true,
  countAll: true,
  invalidate: true,
  invalidateAll: true,
  info: true,
};

for (const name of Object.keys(asyncCommands) as (keyof typeof asyncCommands)[]) {
  const command = CacheHandle.prototype[name] as (...args: unknown[]) => unknown;
  Object.defineProperty(AsyncCacheHandle.prototype, name, {
    value: async function (this: unknown, ...args: unknown[]): Promise<unknown> {
      return await command.apply(this, args);
    },
    configurable: true,
    writable: true,
  });
}
