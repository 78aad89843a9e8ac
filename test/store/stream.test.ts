import { afterAll, beforeAll, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type CacheEntryEvent,
  clusterGroup,
  defineCache,
  handlerPool,
  invalidator,
  JournalError,
  localPubSub,
  OptionError,
  ShapeMismatchError,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { redisAdapter, redisJournal } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";
import { shortly, StoreNode, type StoreNodeOptions } from "./store-lab.js";

describeWith("redis-server")("the stream of a shared store", () => {
  let redis: Broker;
  let caches = 0;
  beforeAll(async () => void (redis = await startRedis()));
  afterAll(() => redis[Symbol.asyncDispose]());

  const urlOf = (): string => `redis://127.0.0.1:${redis.port}`;
  const start = (options: StoreNodeOptions = {}): Promise<StoreNode> =>
    StoreNode.start({
      cache: `cache${caches}`,
      ...options,
      journal: { url: urlOf(), ...options.journal },
    });
  const fresh = (options: StoreNodeOptions = {}): Promise<StoreNode> => {
    caches++;
    return start(options);
  };

  test("has the events of each key in their order, whoever wrote", async () => {
    await using a = await fresh({ adapter: { partitions: 4 } });
    await using b = await start({ adapter: { partitions: 4 } });
    const writes: Promise<unknown>[] = [];
    for (let n = 0; n < 400; n++) writes.push((n % 2 === 0 ? a : b).cache.put(`k${n % 10}`, n));
    await Promise.all(writes);
    await a.has(400);
    await b.has(400);
    for (const { events } of [a, b]) {
      const entries = new Map<unknown, unknown>();
      const positions = new Map<number | null, number>();
      for (const { target, value, previous, metadata } of events) {
        if (target.kind !== "key") throw new Error("a target of one key");
        expect(previous).toBe(entries.get(target.key));
        entries.set(target.key, value);
        const { partition, position } = metadata;
        expect(position).toBe(positions.get(partition) ?? 0);
        positions.set(partition, (position as number) + 1);
      }
      for (const [key, value] of entries) expect(await a.cache.get(key)).toBe(value);
    }
  });

  test("is read by cluster groups: each event is handled once", async () => {
    const handled: unknown[][] = [];
    const pool = (cache: StoreNode["cache"]) =>
      handlerPool({
        cache,
        group: "index",
        scope: "cluster",
        from: "earliest",
        handler: (event) => void handled.push(shortly(event)),
      });
    await using a = await fresh({ stream: {}, children: (cache) => [pool(cache)] });
    await using b = await start({ stream: {}, children: (cache) => [pool(cache)] });
    for (let n = 0; n < 20; n++) await (n % 2 === 0 ? a : b).cache.put("k", n);
    await waitFor(() => handled.length === 20, { timeout: 10_000, message: "20 events" });
    expect(handled.map(([, , value]) => value)).toEqual(Array.from({ length: 20 }, (_, n) => n));
    const group = clusterGroup(a.cache, "index");
    await waitFor(async () => (await group.status())[0]?.lag === 0, { message: "no lag" });
  });

  test("keeps dead letters with their values", async () => {
    const pool = (cache: StoreNode["cache"]) =>
      handlerPool({
        cache,
        group: "failing",
        scope: "cluster",
        from: "earliest",
        onError: "resume",
        handler: (): void => {
          throw new Error("it fails");
        },
      });
    await using a = await fresh({ children: (cache) => [pool(cache)] });
    await a.cache.put("k", { v: 1 });
    const group = clusterGroup(a.cache, "failing");
    const [letter] = await waitFor(async () => {
      const letters = await group.deadLetters();
      return letters.length === 1 && letters;
    });
    expect(shortly(letter?.event as CacheEntryEvent)).toEqual([
      "inserted",
      "k",
      { v: 1 },
      undefined,
    ]);
  });

  test("takes journal and partitions from the store, and no others", async () => {
    const journal = redisJournal({ url: urlOf() });
    const cache = defineCache({ name: "taken", adapter: redisAdapter({ journal, partitions: 2 }) });
    for (const wrong of [
      { journal },
      { pubsub: localPubSub() },
      { partitions: 2 },
      { hash: () => 0 },
    ])
      expect(() => streamServer({ cache, ...wrong })).toThrow(OptionError);
    expect(() => invalidator({ cache })).toThrow("nothing is stale");
    expect(() => redisAdapter({ journal: localPubSub() as never })).toThrow("redisJournal");
    expect(() => redisAdapter({ journal, partitions: 0 })).toThrow(OptionError);
    expect(() => redisAdapter({ journal, commandTimeout: 0 })).toThrow(OptionError);
    const started = startSupervisor({ strategy: "rest_for_one", children: [cache] });
    expect(((await failure(started)) as Error).cause).toBeInstanceOf(JournalError);
  });

  test("refuses a process that has other partitions", async () => {
    await using _a = await fresh({ adapter: { partitions: 2 } });
    const error = await failure(start({ adapter: { partitions: 3 } }));
    expect((error as Error).cause).toBeInstanceOf(ShapeMismatchError);
  });

  test("is idle when its readers have handled all that was written, by any process", async () => {
    await using a = await fresh({ adapter: { partitions: 2 } });
    await using b = await start({ adapter: { partitions: 2 } });
    for (let n = 0; n < 20; n++) await b.cache.put(n, n);
    await whenIdle(a.cache, { timeout: 10_000 });
    expect(a.events).toHaveLength(20);
    expect(() => a.cache.subscribe(() => {}, { from: 0, partition: 0 })).toThrow("no sequences");
  });

  test("leaves nothing out over a restart of cache and stream", async () => {
    await using a = await fresh();
    await a.cache.put("k", 1);
    await a.has(1);
    const cache = (await a.sup.whichChildren()).find(({ id }) => id === a.cache.name);
    await (cache as { ref: ActorRef }).ref.kill();
    await waitFor(
      async () =>
        await a.cache.put("k", 2).then(
          () => true,
          () => false,
        ),
    );
    expect((await a.has(2)).map(({ value }) => value)).toEqual([1, 2]);
  });
});
