/**
 * What a put costs: against a bare LRU cache of the same size, with and without a TTL, with and without a listener.
 * Run with `npx tsx test/bench/cache.ts`.
 */
import { LRUCache } from "lru-cache";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import { type TappedListener, tap } from "../../src/cache/listener.js";
import type { Cache } from "../../src/cache/types.js";
import { startSupervisor } from "../../src/supervisor/start-supervisor.js";

interface User {
  id: number;
  name: string;
  age: number;
}

const rounds = 15;
const size = 100_000;
const many = 1_000_000;

const user = (id: number): User => ({ id, name: `name ${id}`, age: id % 100 });
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, n) => `user:${n}`);
const keys = keysOf(size);
const values = keys.map((_, n) => user(n));

function time(fn: () => void): number {
  const start = process.hrtime.bigint();
  fn();
  return Number(process.hrtime.bigint() - start);
}

function median(numbers: number[]): number {
  return numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? NaN;
}

/** Rounds in turn, so that both have the same weather; the median of the ratios of the rounds. */
function compare(what: string, operations: number, base: () => void, ours: () => void): void {
  const baseTimes: number[] = [];
  const ourTimes: number[] = [];
  const ratios: number[] = [];
  for (let round = 0; round < rounds + 3; round++) {
    const baseTime = time(base);
    const ourTime = time(ours);
    if (round < 3) continue;
    baseTimes.push(baseTime);
    ourTimes.push(ourTime);
    ratios.push(baseTime / ourTime);
  }
  const each = (times: number[]): string => `${(median(times) / operations).toFixed(0)} ns`;
  console.log(
    `${what.padEnd(52)} ${each(baseTimes).padStart(8)} ${each(ourTimes).padStart(8)}   speed ratio ${median(ratios).toFixed(2)}`,
  );
}

async function withCaches(
  caches: readonly Cache<string, User>[],
  run: () => void | Promise<void>,
): Promise<void> {
  await using supervisor = await startSupervisor({
    strategy: "one_for_one",
    children: [...caches],
  });
  await run();
  void supervisor;
}

const putAllOf = (cache: Cache<string, User>): void => {
  for (let n = 0; n < size; n++) cache.put(keys[n] as string, values[n] as User);
};

console.log(`${"".padEnd(52)} ${"base".padStart(8)} ${"ours".padStart(8)}`);

const updated = defineCache<string, User>({
  name: "updated",
  adapter: localAdapter({ maxEntries: size }),
});
await withCaches([updated], () => {
  const lru = new LRUCache<string, User>({ max: size });
  compare(
    "update against lru-cache set",
    size,
    () => {
      for (let n = 0; n < size; n++) lru.set(keys[n] as string, values[n] as User);
    },
    () => putAllOf(updated),
  );
  const order = keys.map((_, n) => (n * 7919) % size);
  compare(
    "update in random order against lru-cache set",
    size,
    () => {
      for (const n of order) lru.set(keys[n] as string, values[n] as User);
    },
    () => {
      for (const n of order) updated.put(keys[n] as string, values[n] as User);
    },
  );
  compare(
    "get against lru-cache get",
    size,
    () => {
      for (let n = 0; n < size; n++) lru.get(keys[n] as string);
    },
    () => {
      for (let n = 0; n < size; n++) updated.get(keys[n] as string);
    },
  );
});

const churning = defineCache<string, User>({
  name: "churning",
  adapter: localAdapter({ maxEntries: size / 2 }),
});
await withCaches([churning], () => {
  const lru = new LRUCache<string, User>({ max: size / 2 });
  compare(
    "insert with eviction against lru-cache set",
    size,
    () => {
      for (let n = 0; n < size; n++) lru.set(keys[n] as string, values[n] as User);
    },
    () => putAllOf(churning),
  );
});

const plain = defineCache<string, User>({
  name: "plain",
  adapter: localAdapter({ maxEntries: size }),
});
const tapped = defineCache<string, User>({
  name: "tapped",
  adapter: localAdapter({ maxEntries: size }),
});
await withCaches([plain, tapped], () => {
  let seen = 0;
  const count = (): void => void seen++;
  const listener: TappedListener<string, User> = Object.assign(() => {}, {
    [tap]: { entry: count, entries: count, query: count },
  });
  tapped.registerEventListener(listener);
  compare(
    "update with a tap against update without",
    size,
    () => putAllOf(plain),
    () => putAllOf(tapped),
  );
  if (seen === 0) throw new Error("the tap was not told");
});

const manyKeys = keysOf(many);
const ttlOptions = { ttl: 60_000 };
const withTtl = defineCache<string, User>({ name: "with-ttl" });
const withoutTtl = defineCache<string, User>({ name: "without-ttl" });
await withCaches([withTtl, withoutTtl], () => {
  const one = user(1);
  const put = (cache: Cache<string, User>, options?: { ttl: number }): void => {
    for (let n = 0; n < many; n++) cache.put(manyKeys[n] as string, one, options);
  };
  compare(
    "1M: update with a TTL against update without",
    many,
    () => put(withoutTtl),
    () => put(withTtl, ttlOptions),
  );
  compare(
    "1M: insert with a TTL against insert without",
    many,
    () => {
      withoutTtl.deleteAll();
      put(withoutTtl);
    },
    () => {
      withTtl.deleteAll();
      put(withTtl, ttlOptions);
    },
  );
});
