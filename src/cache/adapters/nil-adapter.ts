import type { Adapter, Store } from "../adapter.js";

const nilStore: Store<unknown, unknown> = Object.freeze({
  get: <A>(_key: unknown, absent: A): A => absent,
  has: () => false,
  ttl: () => undefined,
  put: () => {},
  putNew: () => true,
  replace: () => false,
  putAll: () => {},
  putNewAll: () => true,
  delete: () => false,
  take: () => undefined,
  expire: () => false,
  touch: () => false,
  add: (_key: unknown, amount: number, initial: number) => initial + amount,
  update: (_key: unknown, initial: unknown) => initial,
  getOrStore: (key: unknown, fn: (key: unknown) => unknown) => fn(key),
  getStale: () => undefined,
  putStale: () => {},
  getAll: () => new Map(),
  deleteAll: () => 0,
  countAll: () => 0,
  stream: () => [],
  info: () => ({
    hits: 0,
    misses: 0,
    writes: 0,
    deletions: 0,
    evictions: 0,
    expirations: 0,
    entries: 0,
  }),
  close: () => {},
});

const adapter: Adapter = Object.freeze({
  open: <K, V>() => nilStore as unknown as Store<K, V>,
});

/**
 * Stores nothing and emits nothing: switches a cache off without a change to the code that uses it.
 * Commands behave as on a cache that loses every entry at once. `invalidate` and `invalidateAll`
 * still reach the other nodes.
 */
export function nilAdapter(): Adapter {
  return adapter;
}
