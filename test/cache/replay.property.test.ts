import { describe, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { createSystem } from "../../src/actor.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import { defineCache } from "../../src/cache/define-cache.js";
import type { Cache } from "../../src/cache/types.js";
import type { CacheEntryEvent } from "../../src/event/types.js";
import { ManualClock, startCache } from "../helpers/caches.js";

type Step = (cache: Cache<string, number>, clock: ManualClock) => void;
interface Named {
  readonly text: string;
  readonly run: Step;
}

const step = (text: string, run: Step): Named => ({ text, run });
const key = fc.constantFrom("a1", "a2", "a3", "b1", "b2", "b3", "c");
const keys = fc.array(key, { maxLength: 5 });
const value = fc.integer({ min: 0, max: 99 });
const pairs = fc.array(fc.tuple(key, value), { maxLength: 6 });
const ttl = fc.constantFrom(undefined, null, 5, 40, 700, 5000);
const options = ttl.map((of) => (of === undefined ? undefined : { ttl: of }));

const commandSteps: fc.Arbitrary<Named> = fc.oneof(
  fc
    .tuple(key, value, options)
    .map(([k, v, o]) => step(`put ${k} ${v} ${o?.ttl}`, (c) => c.put(k, v, o))),
  fc
    .tuple(key, value, options)
    .map(([k, v, o]) => step(`putNew ${k} ${o?.ttl}`, (c) => void c.putNew(k, v, o))),
  fc
    .tuple(key, value, options)
    .map(([k, v, o]) => step(`replace ${k} ${o?.ttl}`, (c) => void c.replace(k, v, o))),
  fc
    .tuple(pairs, options)
    .map(([p, o]) => step(`putAll ${p.join(" ")} ${o?.ttl}`, (c) => c.putAll(p, o))),
  fc
    .tuple(pairs, options)
    .map(([p, o]) => step(`putNewAll ${p.join(" ")} ${o?.ttl}`, (c) => void c.putNewAll(p, o))),
  key.map((k) => step(`delete ${k}`, (c) => void c.delete(k))),
  key.map((k) => step(`take ${k}`, (c) => void c.take(k))),
  key.map((k) => step(`get ${k}`, (c) => void c.get(k))),
  fc.tuple(key, ttl).map(([k, t]) => step(`expire ${k} ${t}`, (c) => void c.expire(k, t ?? null))),
  key.map((k) => step(`touch ${k}`, (c) => void c.touch(k))),
  fc
    .tuple(key, options)
    .map(([k, o]) => step(`increment ${k} ${o?.ttl}`, (c) => void c.increment(k, 2, o))),
  fc
    .tuple(key, value)
    .map(([k, v]) => step(`update ${k} ${v}`, (c) => void c.update(k, v, (old) => old + 1))),
  fc
    .tuple(key, value)
    .map(([k, v]) => step(`getOrStore ${k}`, (c) => void c.getOrStore(k, () => v))),
  keys.map((k) => step(`deleteAll ${k.join(" ")}`, (c) => void c.deleteAll({ keys: k }))),
  keys.map((k) => step(`getAll ${k.join(" ")}`, (c) => void c.getAll({ keys: k }))),
  fc
    .constantFrom("a", "b")
    .map((p) => step(`deleteAll ${p}*`, (c) => void c.deleteAll({ prefix: p }))),
  value.map((v) =>
    step(`deleteAll where < ${v}`, (c) => void c.deleteAll({ where: (_, of) => of < v })),
  ),
  fc.constant(step("deleteAll", (c) => void c.deleteAll())),
);
const steps: fc.Arbitrary<Named> = fc.oneof(
  { arbitrary: commandSteps, weight: 9 },
  fc.integer({ min: 1, max: 900 }).map((ms) => step(`jump ${ms}`, (_, clock) => clock.jump(ms))),
  fc
    .integer({ min: 1, max: 9000 })
    .map((ms) => step(`advance ${ms}`, (_, clock) => clock.advance(ms))),
);

/** What an event says happened, done to a Map; complains of what can't have happened. */
function replay(copy: Map<string, number>, event: CacheEntryEvent<string, number>): void {
  const { type, target } = event;
  if (target.kind === "query") {
    const prefix = target.query?.prefix ?? "";
    for (const known of copy.keys()) if (known.startsWith(prefix)) copy.delete(known);
    return;
  }
  const single = target.kind === "key";
  for (const known of single ? [target.key] : target.keys) {
    const previous = single ? event.previous : event.previousValues?.get(known);
    if (copy.has(known) !== (type !== "inserted")) throw new Error(`${type} ${known} can't be`);
    if (copy.get(known) !== previous) throw new Error(`previous of ${known}: ${previous}`);
    const stored = single ? event.value : event.values?.get(known);
    if (type === "inserted" || type === "updated") copy.set(known, stored as number);
    else copy.delete(known);
  }
}

/** The entries when every TTL has been reached, and its event emitted. */
function contents(cache: Cache<string, number>, clock: ManualClock): [string, number][] {
  clock.advance(6000);
  return [...cache.getAll()].sort(([a], [b]) => (a < b ? -1 : 1));
}

describe("replaying the events of any commands gives the cache", () => {
  test.each([{ maxEntries: 1 }, { maxEntries: 3 }, { maxEntries: 3, ttl: 300 }, { ttl: 300 }, {}])(
    "with %j",
    async (adapterOptions) => {
      await fc.assert(
        asyncProperty(fc.array(steps, { maxLength: 60 }), async (program) => {
          const clock = new ManualClock();
          const cache = defineCache<string, number>({
            name: "replayed",
            adapter: localAdapter(adapterOptions),
          });
          await startCache(cache, createSystem({ clock }));
          const copy = new Map<string, number>();
          const errors: unknown[] = [];
          cache.registerEventListener((event) => {
            try {
              replay(copy, event);
            } catch (error) {
              errors.push(error);
            }
          });
          for (const { run } of program) {
            run(cache, clock);
            expect(errors).toEqual([]);
            const there = cache.getAll();
            expect(cache.info().entries).toBe(there.size);
            expect(cache.countAll()).toBe(there.size);
            for (const [known, of] of there) expect([known, copy.get(known)]).toEqual([known, of]);
          }
          const left = contents(cache, clock);
          expect([...copy].sort(([a], [b]) => (a < b ? -1 : 1))).toEqual(left);
          const { writes, deletions, evictions, expirations, entries } = cache.info();
          expect(entries).toBe(left.length);
          expect(writes).toBeGreaterThanOrEqual(deletions + evictions + expirations + entries);
        }),
        { numRuns: 100 },
      );
    },
  );

  test("also when a listener answers with commands of its own", async () => {
    await fc.assert(
      asyncProperty(
        fc.array(steps, { maxLength: 20 }),
        fc.array(commandSteps, { maxLength: 10 }),
        async (program, answers) => {
          const clock = new ManualClock();
          const cache = defineCache<string, number>({
            name: "answered",
            adapter: localAdapter({ maxEntries: 3 }),
          });
          await startCache(cache, createSystem({ clock }));
          const copy = new Map<string, number>();
          const errors: unknown[] = [];
          const left = [...answers];
          cache.registerEventListener(() => left.pop()?.run(cache, clock));
          cache.registerEventListener((event) => {
            try {
              replay(copy, event);
            } catch (error) {
              errors.push(error);
            }
          });
          for (const { run } of program) run(cache, clock);
          expect(errors).toEqual([]);
          left.length = 0;
          const there = contents(cache, clock).map(([known]) => known);
          expect([...copy.keys()].sort()).toEqual(there);
        },
      ),
      { numRuns: 200 },
    );
  });
});
