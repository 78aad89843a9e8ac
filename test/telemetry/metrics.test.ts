import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, jest, test } from "@jest/globals";
import { metrics } from "@opentelemetry/api";
import { Keyv } from "keyv";
import {
  actor,
  batchHandler,
  createHub,
  createSystem,
  defineCache,
  dynamicSupervisor,
  handlerPool,
  invalidator,
  localAdapter,
  localPubSub,
  startSupervisor,
  storeAdapter,
  streamServer,
  supervisorOf,
  whenIdle,
} from "nebulex-streams";
import { keyvAdapter } from "nebulex-streams/keyv";
import { slotOf } from "../../src/cache/cache-handle.js";
import { Gate, Listener, until } from "../helpers/actors.js";
import { Collector, version } from "./helpers.js";

const byType = ({ type }: Record<string, unknown>): unknown => type;
const byPartition = ({ partition }: Record<string, unknown>): unknown => partition;

test("counts events by cache, name, type and partition", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-events" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, partitions: 2, hash: ({ target }) => target.key % 2 })],
  });
  for (let key = 0; key < 5; key++) cache.put(key, "first");
  cache.put(1, "second");
  cache.delete(3);
  const of = { cache: "metrics-events", name: "metrics-events" };
  expect(await collector.values("nebulex.streams.events", { ...of, partition: 0 }, byType)).toEqual(
    { inserted: 3, updated: 0, deleted: 0, expired: 0, evicted: 0 },
  );
  expect(await collector.values("nebulex.streams.events", { ...of, partition: 1 }, byType)).toEqual(
    { inserted: 2, updated: 1, deleted: 1, expired: 0, evicted: 0 },
  );
});

test("attributes have a namespace; caches, pubsubs and invalidators are measured until they end", async () => {
  await using collector = new Collector("delta");
  const cache = defineCache<number, string>({
    name: "metrics-cache",
    adapter: localAdapter({ maxEntries: 2 }),
  });
  const pubsub = localPubSub({ nodeName: "metrics-node", hub: createHub() });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      pubsub,
      cache,
      streamServer({ cache, pubsub, partitions: 2 }),
      invalidator({ cache, eventScope: "local" }),
    ],
  });
  for (let key = 0; key < 3; key++) cache.put(key, "value");
  cache.get(0);
  cache.get(2);
  await whenIdle(cache);
  const of = { "nebulex.cache": "metrics-cache", "nebulex.instance": "metrics-cache" };
  const own = async (): Promise<unknown[]> =>
    (await collector.exported())
      .filter(({ metric }) => !metric.startsWith("nebulex.streams.handler."))
      .filter(({ attributes }) =>
        Object.values(attributes).some((it) => it === "metrics-cache" || it === "metrics-node"),
      )
      .map(({ metric, attributes, value }) => [metric, attributes, value]);
  expect(await own()).toEqual(
    expect.arrayContaining([
      ["nebulex.cache.hits", of, 1],
      ["nebulex.cache.misses", of, 1],
      ["nebulex.cache.writes", of, 3],
      ["nebulex.cache.evictions", of, 1],
      ["nebulex.cache.expirations", of, 0],
      ["nebulex.cache.entries", of, 0],
      ["nebulex.invalidator.invalidations", { ...of, "nebulex.status": "ok" }, 3],
      ["nebulex.invalidator.invalidations", { ...of, "nebulex.status": "error" }, 0],
      [
        "nebulex.pubsub.status",
        { "nebulex.node": "metrics-node", "nebulex.status": "connected" },
        1,
      ],
    ]),
  );
  await tree.stop();
  expect(await own()).toEqual([]);
});

test("records how long each call of a handler takes, and each event's delay", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-histograms" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache }),
      handlerPool({
        cache,
        maxAttempts: 2,
        onError: "resume",
        handler: ({ target }, { attempt }) => {
          if (target.kind === "key" && target.key === 1 && attempt === 1) throw new Error("once");
          return target.kind === "key" && target.key === 2 ? nextTurn() : undefined;
        },
      }),
    ],
  });
  using _errors = new Listener("nebulex.streams.handler_error");
  for (let key = 0; key < 4; key++) cache.put(key, "value");
  await whenIdle(cache);
  const counted = async (metric: string): Promise<unknown> =>
    (await collector.points())
      .filter((point) => point.metric === metric && point.attributes["name"] === cache.name)
      .map(({ unit, value }) => [unit, (value as { count: number }).count]);
  expect(await counted("nebulex.streams.handler.duration")).toEqual([["s", 5]]);
  expect(await counted("nebulex.streams.handler.delay")).toEqual([["s", 4]]);
});

test("the buckets of the histograms are for seconds, from 0.1 milliseconds on", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-buckets" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache }), handlerPool({ cache, handler: () => {} })],
  });
  cache.put(1, "value");
  await whenIdle(cache);
  const points = await collector.points();
  const bounds = points
    .filter(
      ({ metric, attributes }) => /\.handler\.d/.test(metric) && attributes["name"] === cache.name,
    )
    .map(({ value }) => (value as { buckets: { boundaries: number[] } }).buckets.boundaries);
  expect(bounds).toHaveLength(2);
  for (const boundaries of bounds) expect([boundaries[0], boundaries.at(-1)]).toEqual([0.0001, 10]);
});

test("a handler's thenable is used once, so that one that works in `then` works once", async () => {
  await using _collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-thenable" });
  let executed = 0;
  const lazy: PromiseLike<void> = {
    // oxlint-disable-next-line unicorn/no-thenable -- query builders are such objects
    then: (onfulfilled, onrejected) => {
      executed++;
      return Promise.resolve().then(onfulfilled, onrejected);
    },
  };
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache }),
      handlerPool({ cache, handler: () => lazy as Promise<void> }),
    ],
  });
  cache.put(1, "value");
  await whenIdle(cache);
  expect(executed).toBe(1);
});

test("misses do not become fewer when a cache is no longer bypassed", async () => {
  await using collector = new Collector("delta");
  const cache = defineCache<number, string>({ name: "metrics-bypassed" });
  await using _tree = await startSupervisor({ strategy: "one_for_one", children: [cache] });
  const { running } = slotOf(cache);
  if (running === undefined) throw new Error("not started");
  running.bypassed = true;
  cache.get(1);
  running.bypassed = false;
  cache.get(1);
  expect(cache.info().misses).toBe(2);
  const misses = await collector.values("nebulex.cache.misses", { cache: cache.name }, () => "");
  expect(misses).toEqual({ "": 2 });
});

test("of a cache whose store is elsewhere each process counts what it has done, but no entries", async () => {
  await using collector = new Collector("delta");
  const overMap = defineCache<string, number>({
    name: "metrics-remote",
    adapter: storeAdapter<string, number>(new Map()),
  });
  const overKeyv = defineCache<string, number>({
    name: "metrics-keyv",
    adapter: keyvAdapter(new Keyv()),
  });
  await using _tree = await startSupervisor({
    strategy: "one_for_one",
    children: [overMap, overKeyv],
  });
  for (const cache of [overMap, overKeyv]) {
    await cache.put("k", 1);
    await cache.put("due", 1, { ttl: 1 });
    await cache.get("k");
    await cache.get("absent");
    await cache.delete("k");
    await until(async () => (await cache.get("due")) === undefined);
    const { running } = slotOf(cache);
    if (running === undefined) throw new Error("not started");
    running.bypassed = true;
    await cache.get("k");
    running.bypassed = false;
    const { entries: _, near: _none, ...counts } = await cache.info();
    expect(counts).toMatchObject({ writes: 2, deletions: 1, evictions: 0 });
    const exported = (await collector.points()).filter(
      ({ metric, attributes }) =>
        metric.startsWith("nebulex.cache.") && attributes["cache"] === cache.name,
    );
    expect(
      Object.fromEntries(
        exported.map(({ metric, value }) => [metric.slice("nebulex.cache.".length), value]),
      ),
    ).toEqual(counts);
  }
});

test("a stream without partitions has no partition among its attributes; instances have their own name", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-plain" });
  const tenant = cache.instance("metrics-tenant");
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [tenant, streamServer({ cache: tenant })],
  });
  tenant.put(1, "a");
  const events = await collector.points();
  expect(events).toContainEqual({
    metric: "nebulex.streams.events",
    unit: "{event}",
    attributes: { cache: "metrics-plain", name: "metrics-tenant", type: "inserted" },
    value: 1,
  });
});

test("counts what the hash leaves out, and what it fails on", async () => {
  await using collector = new Collector();
  using errors = new Listener<{ status: string }>("nebulex.streams.broadcast");
  const cache = defineCache<number, string>({ name: "metrics-hash" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({
        cache,
        partitions: 2,
        hash: ({ target }) => (target.key < 3 ? "none" : target.key),
      }),
    ],
  });
  for (let key = 0; key < 5; key++) cache.put(key, "value");
  const name = "metrics-hash";
  expect(Object.values(await collector.values("nebulex.streams.discarded", { name }))).toEqual([3]);
  expect(Object.values(await collector.values("nebulex.streams.unroutable", { name }))).toEqual([
    2,
  ]);
  expect(errors.messages).toHaveLength(2);
});

test("a pool's handling is measured: events, time, lag, dead letters", async () => {
  await using collector = new Collector();
  using _letters = new Listener("nebulex.streams.dead_letter");
  const cache = defineCache<number, string>({ name: "metrics-pool" });
  const held = new Gate();
  let holding = false;
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, partitions: 2, hash: ({ target }) => target.key % 2 }),
      handlerPool({
        cache,
        onError: "resume",
        handler: ({ target }) => {
          if (holding) return held.promise;
          if (target.kind === "key" && target.key === 6) throw new Error("a poisoned event");
          const end = performance.now() + 1;
          while (performance.now() < end);
          return undefined;
        },
      }),
    ],
  });
  for (let key = 0; key < 8; key++) cache.put(key, "value");
  await whenIdle(cache);
  const of = { name: "metrics-pool", group: "metrics-pool:handlers" };
  expect(await collector.values("nebulex.streams.handled", of, byPartition)).toEqual({
    0: 3,
    1: 4,
  });
  expect(await collector.values("nebulex.streams.dead_letters", of, byPartition)).toEqual({
    0: 1,
    1: 0,
  });
  expect(await collector.values("nebulex.streams.lag", of, byPartition)).toEqual({ 0: 0, 1: 0 });
  const times = await collector.values("nebulex.streams.handler.time", of, byPartition);
  expect(times["0"]).toBeGreaterThanOrEqual(0.003);
  expect(times["1"]).toBeGreaterThanOrEqual(0.004);

  holding = true;
  for (const key of [1, 3, 5]) cache.put(key, "again");
  expect(await collector.values("nebulex.streams.lag", of, byPartition)).toEqual({ 0: 0, 1: 3 });
  held.open();
  await whenIdle(cache);
});

test("a batch's events are counted, and its time", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-batches" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache }),
      handlerPool({ cache, handler: batchHandler({ maxSize: 3, maxWait: 0, handle: () => {} }) }),
    ],
  });
  for (let key = 0; key < 10; key++) cache.put(key, "value");
  await whenIdle(cache);
  const of = { name: "metrics-batches" };
  expect(Object.values(await collector.values("nebulex.streams.handled", of))).toEqual([10]);
  const [time] = Object.values(await collector.values("nebulex.streams.handler.time", of));
  expect(time).toBeGreaterThan(0);
});

test("gaps are measured, and events dropped and coalesced", async () => {
  await using collector = new Collector();
  using _gaps = new Listener("nebulex.streams.gap");
  const cache = defineCache<number, string>({ name: "metrics-gaps" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, capacity: 300, retain: 0 }),
      handlerPool({ cache, id: "merging", overflow: "coalesce", handler: () => {} }),
      handlerPool({ cache, id: "gap-readers", handler: { handle: () => {}, onGap: () => {} } }),
    ],
  });
  using _reader = cache.subscribe(() => {}, { group: "slow" });
  for (let round = 0; round < 1000; round++) cache.put(round % 5, `round ${round}`);
  await whenIdle(cache);
  const ofSlow = { name: "metrics-gaps", group: "slow" };
  expect(Object.values(await collector.values("nebulex.streams.gaps", ofSlow))).toEqual([1]);
  expect(Object.values(await collector.values("nebulex.streams.dropped", ofSlow))).toEqual([700]);
  expect(Object.values(await collector.values("nebulex.streams.handled", ofSlow))).toEqual([300]);
  // A gap that a handler receives is not an event that it has handled.
  const ofGroup = { name: "metrics-gaps", group: "gap-readers" };
  expect(Object.values(await collector.values("nebulex.streams.handled", ofGroup))).toEqual([300]);
  const ofMerging = { name: "metrics-gaps", group: "merging" };
  expect(Object.values(await collector.values("nebulex.streams.dropped", ofMerging))).toEqual([0]);
  const [handled] = Object.values(await collector.values("nebulex.streams.handled", ofMerging));
  const [merged] = Object.values(await collector.values("nebulex.streams.coalesced", ofMerging));
  expect(merged).toBeGreaterThan(0);
  expect((handled as number) + (merged as number)).toBe(1000);
});

test("readers without a group are counted together, also those that have gone", async () => {
  await using collector = new Collector();
  const cache = defineCache<number, string>({ name: "metrics-readers" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache })],
  });
  const of = { name: "metrics-readers" };
  const one = cache.subscribe(() => {});
  using _two = cache.subscribe(() => {});
  cache.put(1, "value");
  await whenIdle(cache);
  expect(Object.values(await collector.values("nebulex.streams.subscriptions", of))).toEqual([2]);
  one.unsubscribe();
  cache.put(2, "value");
  await whenIdle(cache);
  expect(Object.values(await collector.values("nebulex.streams.subscriptions", of))).toEqual([1]);
  expect(Object.values(await collector.values("nebulex.streams.handled", of))).toEqual([3]);
});

test("counts survive the stream server's crash, and the cache's", async () => {
  await using collector = new Collector();
  using _gaps = new Listener("nebulex.streams.gap");
  const cache = defineCache<number, string>({ name: "metrics-crash" });
  await using tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache }), handlerPool({ cache, handler: () => {} })],
  });
  const restartOf = async (id: string): Promise<void> => {
    const children = await tree.whichChildren();
    const { ref } = children.find((child) => child.id === id) as (typeof children)[number];
    await (ref as { kill(): Promise<void> }).kill();
    await until(async () =>
      (await tree.whichChildren()).every(
        (child) => typeof child.ref === "object" && child.ref.alive && child.ref !== ref,
      ),
    );
  };
  const inserted = { name: "metrics-crash", type: "inserted" };
  cache.put(1, "value");
  await restartOf("metrics-crash:stream");
  cache.put(2, "value");
  expect(Object.values(await collector.values("nebulex.streams.events", inserted))).toEqual([2]);
  await restartOf("metrics-crash");
  cache.put(1, "value");
  expect(Object.values(await collector.values("nebulex.streams.events", inserted))).toEqual([3]);
});

test("a stream that has closed is no longer observed", async () => {
  await using collector = new Collector("delta");
  const cache = defineCache<number, string>({ name: "metrics-closed" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache }), handlerPool({ cache, handler: () => {} })],
  });
  const mine = async (): Promise<unknown[]> =>
    (await collector.points()).filter(({ attributes }) => attributes["name"] === "metrics-closed");
  expect(await mine()).not.toEqual([]);
  await tree.stop();
  expect(await mine()).toEqual([]);
});

test("streams of one name in two systems are put together", async () => {
  await using collector = new Collector();
  const twins = [defineCache({ name: "metrics-twins" }), defineCache({ name: "metrics-twins" })];
  for (const [index, cache] of twins.entries()) {
    await startSupervisor({ strategy: "rest_for_one", children: [cache, streamServer({ cache })] });
    for (let key = 0; key <= index; key++) cache.put(key, "value");
  }
  expect(
    await collector.values("nebulex.streams.events", { name: "metrics-twins" }, byType),
  ).toMatchObject({ inserted: 3 });
});

test("a provider that is registered later observes with the next start of a stream, the older ones too", async () => {
  const early = defineCache({ name: "metrics-early" });
  const late = defineCache({ name: "metrics-late" });
  await using _earlyTree = await startSupervisor({
    strategy: "rest_for_one",
    children: [early, streamServer({ cache: early })],
  });
  await using collector = new Collector();
  expect(await collector.points()).toEqual([]);
  await using _lateTree = await startSupervisor({
    strategy: "rest_for_one",
    children: [late, streamServer({ cache: late })],
  });
  const names = new Set((await collector.points()).map(({ attributes }) => attributes["name"]));
  expect([...names]).toEqual(expect.arrayContaining(["metrics-early", "metrics-late"]));
});

test("counts restarts by the supervisor's path and the child's id", async () => {
  await using collector = new Collector("delta");
  await using system = createSystem({ name: "metrics-restarts" });
  const crashing = actor<undefined, string>({
    id: "crashing",
    receive: () => {
      throw new Error("crash");
    },
  });
  await using tree = await startSupervisor({
    system,
    strategy: "one_for_one",
    children: [crashing, dynamicSupervisor({ id: "guests" })],
    maxRestarts: 10,
  });
  const refOf = async (id: string) =>
    (await tree.whichChildren()).find((child) => child.id === id)?.ref as typeof tree.ref;
  for (let crash = 0; crash < 2; crash++) {
    const ref = await refOf("crashing");
    (ref as { dispatch(message: string): void }).dispatch("now");
    await until(async () => (await refOf("crashing")) !== ref);
  }
  const guests = supervisorOf(await refOf("guests"));
  const guest = await guests.startChild({ ...crashing, id: "guest" });
  await guest?.kill();
  await until(async () => (await guests.countChildren()).active === 1);
  const counted = async (): Promise<unknown[]> =>
    (await collector.points()).filter(
      ({ metric, attributes }) =>
        metric === "nebulex.supervisor.restarts" &&
        String(attributes["supervisor"]).startsWith("/metrics-restarts/"),
    );
  expect(await counted()).toEqual([
    {
      metric: "nebulex.supervisor.restarts",
      unit: "{restart}",
      attributes: { supervisor: tree.ref.path, child_id: "crashing" },
      value: 2,
    },
    {
      metric: "nebulex.supervisor.restarts",
      unit: "{restart}",
      attributes: { supervisor: guests.ref.path, child_id: "guest" },
      value: 1,
    },
  ]);
  await system.stop();
  expect(await counted()).toEqual([]);
});

test("a provider is given one callback, however many streams there are", async () => {
  await using _collector = new Collector();
  const meter = metrics.getMeterProvider().getMeter("nebulex-streams", version);
  const added = jest.spyOn(meter, "addBatchObservableCallback");
  for (const cache of [defineCache({ name: "metrics-one" }), defineCache({ name: "metrics-two" })])
    await startSupervisor({ strategy: "rest_for_one", children: [cache, streamServer({ cache })] });
  expect(added).toHaveBeenCalledTimes(1);
});
