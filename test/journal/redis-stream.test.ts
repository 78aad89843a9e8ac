import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import {
  defineCache,
  type GapEvent,
  handlerPool,
  type Journal,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "../../src/index.js";
import { redisJournal, type RedisJournalOptions } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { startRedis, startRedisCluster, tellRedis } from "../helpers/brokers/servers.js";

const urlOf = ({ port }: { port: number }): string => `redis://127.0.0.1:${port}`;
const patience = { timeout: 30_000 };

/** A node whose pool shares the partitions of the stream with those of the other nodes. */
class Node implements AsyncDisposable {
  readonly cache = defineCache<string, number>({ name: "orders" });
  readonly journal: Journal;
  #sup: Supervisor | undefined;

  constructor(options: RedisJournalOptions) {
    this.journal = redisJournal({ heartbeat: 10_000, connectionTimeout: 1000, ...options });
  }

  async start(handled: string[], gaps: GapEvent[]): Promise<void> {
    const { cache, journal } = this;
    this.#sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        cache,
        journal,
        streamServer({ cache, journal, partitions: 4 }),
        handlerPool<string, number>({
          cache,
          scope: "cluster",
          group: "mailer",
          from: "earliest",
          leaseTime: 1000,
          handler: {
            handle: ({ target }) => void (target.kind === "key" && handled.push(target.key)),
            onGap: (gap) => void gaps.push(gap),
          },
        }),
      ],
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sup?.stop();
  }
}

/**
 * Writes on both nodes, in turns, while `during` runs; returns what was written. What is not handled
 * is less than the outboxes can hold.
 */
async function writing(
  nodes: readonly Node[],
  handled: readonly string[],
  during: () => Promise<void>,
): Promise<string[]> {
  const written: string[] = [];
  let isWriting = true;
  const loop = (async () => {
    while (isWriting) {
      for (let turn = 0; turn < 20 && written.length < handled.length + 3000; turn++) {
        const n = written.length;
        nodes[n % nodes.length]?.cache.put(`k${n}`, n);
        written.push(`k${n}`);
      }
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  await during().finally(() => (isWriting = false));
  await loop;
  return written;
}

const missing = (written: readonly string[], handled: readonly string[]): string[] => {
  const found = new Set(handled);
  return written.filter((key) => !found.has(key));
};

async function expectHandled(written: readonly string[], handled: readonly string[]) {
  // The nodes are in this process: to look for the missing ones again and again would hold them up.
  const isHandled = (): boolean =>
    handled.length >= written.length && missing(written, handled).length === 0;
  await waitFor(isHandled, { ...patience, message: "all events to be handled" });
  expect(missing(written, handled)).toEqual([]);
}

describeWith("redis-server")("cluster groups over Redis", () => {
  test("handle everything over kills and restarts of the server, and cut connections", async () => {
    await using redis = await startRedis({ persistent: true });
    await using proxy = await Proxy.start(redis);
    await using a = new Node({ url: urlOf(redis), nodeName: "a" });
    await using b = new Node({ url: urlOf(proxy), nodeName: "b" });
    const [handled, gaps]: [string[], GapEvent[]] = [[], []];
    await a.start(handled, gaps);
    await b.start(handled, gaps);
    const written = await writing([a, b], handled, async () => {
      for (let turn = 0; turn < 2; turn++) {
        const before = handled.length;
        await waitFor(() => handled.length > before + 200, patience);
        await redis.kill();
        await waitFor(() => a.journal.status === "reconnecting", patience);
        await redis.restart();
        const restarted = handled.length;
        await waitFor(() => handled.length > restarted + 200, patience);
        proxy.cut();
      }
    });
    await expectHandled(written, handled);
    expect(gaps).toEqual([]);
  }, 90_000);

  test("handle each event once where nothing happens, in a Redis Cluster too", async () => {
    const brokers = await startRedisCluster(2);
    try {
      const rootNodes = brokers.map((broker) => ({ url: urlOf(broker) }));
      await using a = new Node({ rootNodes, nodeName: "a" });
      await using b = new Node({ rootNodes, nodeName: "b" });
      const [handled, gaps]: [string[], GapEvent[]] = [[], []];
      await a.start(handled, gaps);
      await b.start(handled, gaps);
      const written = await writing([a, b], handled, async () => {
        await waitFor(() => handled.length > 500, patience);
      });
      await expectHandled(written, handled);
      expect([...handled].sort()).toEqual([...written].sort());
      expect(gaps).toEqual([]);
    } finally {
      await Promise.all(brokers.map((broker) => broker.stop()));
    }
  }, 60_000);

  test("report that a journal is lost, and go on", async () => {
    await using redis = await startRedis();
    await using a = new Node({ url: urlOf(redis), nodeName: "a" });
    const [handled, gaps]: [string[], GapEvent[]] = [[], []];
    await a.start(handled, gaps);
    for (let n = 0; n < 100; n++) a.cache.put(`before${n}`, n);
    await waitFor(() => handled.length >= 100, patience);
    await tellRedis(redis, "FLUSHALL");
    const after: string[] = [];
    for (let n = 0; n < 100; n++) {
      a.cache.put(`after${n}`, n);
      after.push(`after${n}`);
    }
    await expectHandled(after, handled);
    expect(new Set(gaps.map(({ reason }) => reason as string))).toContain("journal_lost");
  }, 60_000);

  test("store again what a server that came back with older data has lost, in a new generation", async () => {
    await using redis = await startRedis({ persistent: true });
    await using a = new Node({ url: urlOf(redis), nodeName: "a" });
    await using b = new Node({ url: urlOf(redis), nodeName: "b" });
    const [handled, gaps]: [string[], GapEvent[]] = [[], []];
    await a.start(handled, gaps);
    await b.start(handled, gaps);
    const put = (from: number, to: number): string[] =>
      Array.from({ length: to - from }, (_, index) => {
        const key = `k${from + index}`;
        [a, b][index % 2]?.cache.put(key, index);
        return key;
      });
    await expectHandled(put(0, 200), handled);
    const folder = join(redis.folder, "appendonlydir");
    const copy = join(redis.folder, "copy");
    await cp(folder, copy, { recursive: true });
    await expectHandled(put(200, 400), handled);
    await redis.kill();
    await rm(folder, { recursive: true });
    await cp(copy, folder, { recursive: true });
    await redis.restart();
    handled.length = 0;
    await expectHandled(put(400, 600), handled);
    await waitFor(() => gaps.some(({ reason }) => reason === "journal_lost"), patience);
    expect(new Set(gaps.map(({ reason }) => reason))).toEqual(new Set(["journal_lost"]));
  }, 60_000);
});
