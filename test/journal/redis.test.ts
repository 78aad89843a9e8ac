import { describe, expect, test } from "@jest/globals";
import { createCluster } from "redis";
import type {
  JournalEngine,
  NewEntry,
  PartitionName,
  StoredEntry,
} from "../../src/journal/engine.js";
import { redisJournal } from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import {
  addClusterReplica,
  startRedis,
  startRedisCluster,
  startSentinel,
  tellRedis,
  tellSentinel,
} from "../helpers/brokers/servers.js";
import { OpenRedis } from "./redis-engines.js";

const partition: PartitionName = { cache: "orders", name: "main", partition: 0 };
const groupPartition = { ...partition, group: "mailer" };
const log = "{ns:orders:main:0}:log";

const urlOf = ({ port }: { port: number }, auth = ""): string => `redis://${auth}127.0.0.1:${port}`;

/** A writer of entries of one event each. */
class Writer {
  last = -1;
  readonly #engine: JournalEngine;
  readonly #at: PartitionName;

  constructor(engine: JournalEngine, at = partition) {
    this.#engine = engine;
    this.#at = at;
  }

  entry(payload = Buffer.from([0, 255, this.last + 1])): NewEntry {
    const after = this.last++;
    return { node: "a", epoch: "e", startedAt: 1, after, to: this.last, count: 1, payload };
  }

  async append(times = 1): Promise<void> {
    for (let time = 0; time < times; time++) await this.store(this.entry());
  }

  /** Sends the entry until it is known to be stored. */
  async store(entry: NewEntry): Promise<void> {
    await waitFor(
      async () => {
        const result = await this.#engine.append(this.#at, entry).catch(() => undefined);
        if (result === undefined) return false;
        // A conflict: an attempt without an answer had stored it.
        if (result.status === "conflict" && result.last === entry.to) return true;
        if (result.status !== "appended") throw new Error(`not stored: ${result.status}`);
        return true;
      },
      { timeout: 20_000, message: "an entry to be stored" },
    );
  }
}

/** A tail, and what it has brought. */
class Reader {
  readonly read: StoredEntry[] = [];
  readonly close: () => void;

  constructor(engine: JournalEngine, from = 0, at = partition) {
    const tail = engine.tail(at, from, { entries: (entries) => void this.read.push(...entries) });
    this.close = () => tail.close();
  }
}

/** Waits until it has read so many entries, and checks that none is missing or comes twice. */
async function expectRead({ read }: Reader, count: number): Promise<void> {
  const isThere = (): boolean => read.length >= count;
  await waitFor(isThere, { timeout: 20_000, message: `${count} entries` });
  expect(read.map(({ position }) => position)).toEqual(
    Array.from({ length: count }, (_, at) => at),
  );
}

describeWith("redis-server")("a journal on Redis", () => {
  test("sends its scripts again to a server that has forgotten them, in their order", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const writer = new Writer(a.engine);
    await writer.append();
    await tellRedis(redis, "SCRIPT FLUSH");
    const entries = Array.from({ length: 20 }, () => writer.entry());
    const results = await Promise.all(entries.map((entry) => a.engine.append(partition, entry)));
    expect(results.map(({ status }) => status)).toEqual(entries.map(() => "appended"));
    await expectRead(new Reader(a.engine), 21);
  });

  test("stores nothing behind an append that has failed, also not of an epoch that begins", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    await tellRedis(redis, "CONFIG SET maxmemory 1");
    const writer = new Writer(a.engine);
    const first = a.engine.append(partition, writer.entry());
    const second = a.engine.append(partition, writer.entry());
    await expect(first).rejects.toThrow("OOM");
    await tellRedis(redis, "CONFIG SET maxmemory 0");
    await expect(second).rejects.toThrow("OOM");
    expect((await a.engine.bounds(partition)).next).toBe(0);
  });

  test("keeps everything when the server is killed and restarted, if that persists", async () => {
    await using redis = await startRedis({ persistent: true });
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const reader = new Reader(a.engine);
    const writer = new Writer(a.engine);
    await writer.append(5);
    const { generation } = await a.engine.bounds(partition);
    const owner = await a.engine.acquire(groupPartition, "m", 60_000, "earliest");
    await redis.kill();
    await a.reaches("reconnecting");
    await expect(a.engine.bounds(partition)).rejects.toThrow("no connection");
    await redis.restart();
    await a.reaches("connected");
    await writer.append(5);
    await expectRead(reader, 10);
    expect(await a.engine.bounds(partition)).toEqual({ generation, first: 0, next: 10 });
    const { fence = 0, seeks = 0 } = owner ?? {};
    const rest = { leaseTime: 1000, dead: [], retried: [] };
    const commit = { fence, seeks, generation, position: 7, ...rest };
    const { status, state } = await a.engine.commit(groupPartition, commit);
    expect([status, state.position]).toEqual(["committed", 7]);
  });

  test("counts a server that hangs as lost, and reads on when it is back", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis), connectionTimeout: 600 });
    const [reader, writer] = [new Reader(a.engine), new Writer(a.engine)];
    await writer.append(3);
    await expectRead(reader, 3);
    await redis.freeze();
    const pending = a.engine.append(partition, writer.entry());
    await expect(pending).rejects.toThrow("the connection was lost before the server answered");
    await a.reaches("reconnecting");
    redis.thaw();
    await a.reaches("connected");
    writer.last = 2;
    await writer.append(3);
    await expectRead(reader, 6);
  });

  test("stores each entry once, and reads it once, while connections are cut under load", async () => {
    await using redis = await startRedis();
    await using proxy = await Proxy.start(redis);
    await using a = await OpenRedis.connected({ url: urlOf(proxy) });
    const [reader, writer] = [new Reader(a.engine), new Writer(a.engine)];
    let isWriting = true;
    const writing = (async () => {
      while (isWriting) await writer.append();
    })();
    for (let cut = 1; cut <= 10; cut++) {
      const before = writer.last;
      proxy.cut();
      await waitFor(() => writer.last > before + 20, { timeout: 20_000, message: "more writes" });
    }
    isWriting = false;
    await writing;
    await expectRead(reader, writer.last + 1);
    expect((await a.engine.bounds(partition)).next).toBe(writer.last + 1);
  });

  test("reads on when only the connection that waits is dead", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis), connectionTimeout: 600 });
    const [reader, writer] = [new Reader(a.engine), new Writer(a.engine)];
    await writer.append();
    await expectRead(reader, 1);
    const waiting = /id=(\d+) [^\n]* cmd=xread /;
    const list = (): Promise<string> => tellRedis(redis, "CLIENT LIST");
    const found = await waitFor(async () => waiting.exec(await list()), { message: "a read" });
    await tellRedis(redis, `CLIENT KILL ID ${found[1]}`);
    await writer.append(3);
    await expectRead(reader, 4);
  });

  test("reads a partition that is added while it waits for others, at once", async () => {
    await using redis = await startRedis();
    // A read waits for so long that the test would fail without an interruption.
    await using a = await OpenRedis.connected({ url: urlOf(redis), connectionTimeout: 90_000 });
    const places = Array.from({ length: 8 }, (_, index) => ({ ...partition, partition: index }));
    for (const place of places) {
      const reader = new Reader(a.engine, 0, place);
      await new Writer(a.engine, place).append(2);
      await expectRead(reader, 2);
      await new Writer(a.engine, { ...place, name: "other" }).append();
    }
  });

  test("reads in short steps where the server does not permit to interrupt", async () => {
    await using redis = await startRedis();
    await tellRedis(redis, "ACL SETUSER u on >p ~* &* +@all -client|unblock");
    const url = urlOf(redis, "u:p@");
    await using a = await OpenRedis.connected({ url, connectionTimeout: 90_000 });
    for (let index = 0; index < 3; index++) {
      const place = { ...partition, partition: index };
      const reader = new Reader(a.engine, 0, place);
      await new Writer(a.engine, place).append(2);
      await expectRead(reader, 2);
    }
  });

  test("begins a new generation when everything is flushed while it runs", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const writer = new Writer(a.engine);
    await writer.append(3);
    const before = await a.engine.bounds(partition);
    const owner = await a.engine.acquire(groupPartition, "m", 60_000, "earliest");
    await tellRedis(redis, "FLUSHALL");
    const result = await a.engine.append(partition, writer.entry());
    expect(result).toMatchObject({ status: "appended", position: 0 });
    const after = await a.engine.bounds(partition);
    expect(after.generation).not.toBe(before.generation);
    const again = await a.engine.acquire(groupPartition, "n", 60_000, "earliest");
    expect(again?.fence).toBeGreaterThan(owner?.fence ?? Infinity);
    expect(again?.position).toBe(0);
  });

  test("brings nothing more where others have come in place of what a tail has read", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    await new Writer(a.engine).append(3);
    const [early, late]: [number[], number[]] = [[], []];
    let strays = 0;
    const note = (into: number[]) => ({
      entries: (entries: readonly StoredEntry[]) =>
        void into.push(...entries.map(({ position }) => position)),
      astray: () => void strays++,
    });
    a.engine.tail(partition, 0, note(early));
    await waitFor(() => early.length === 3, { message: "a tail to read" });
    await tellRedis(redis, "FLUSHALL");
    const other = new Writer(a.engine);
    for (let count = 0; count < 10; count++)
      await a.engine.append(partition, { ...other.entry(), epoch: "f", startedAt: 2 });
    await waitFor(() => strays === 1, { message: "the tail to be told" });
    a.engine.tail(partition, 0, note(late));
    await waitFor(() => late.length === 10, { message: "another tail to read" });
    expect([early, strays]).toEqual([[0, 1, 2], 1]);
  });

  test("goes on behind the entries whose partition's other keys are gone, in a new generation", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const writer = new Writer(a.engine);
    await writer.append(3);
    const { generation } = await a.engine.bounds(partition);
    await tellRedis(redis, "DEL {ns:orders:main:0}:meta");
    await writer.append();
    const bounds = await a.engine.bounds(partition);
    expect([bounds.first, bounds.next]).toEqual([0, 4]);
    expect(bounds.generation).not.toBe(generation);
  });

  test("forgets the writers of which nothing is kept any more", async () => {
    await using redis = await startRedis();
    const context = { retain: 10, capacity: 20 };
    await using a = await OpenRedis.connected({ url: urlOf(redis) }, context);
    for (let node = 0; node < 300; node++) {
      const entry = { ...new Writer(a.engine).entry(), node: `node-${node}` };
      await a.engine.append(partition, entry);
    }
    const count = await tellRedis(redis, "HLEN {ns:orders:main:0}:writers");
    expect(Number(/^:(\d+)/.exec(count)?.[1])).toBeLessThan(140);
    expect(await a.engine.lastSequence(partition, "node-299", "e")).toBe(0);
  });

  test("skips and reports what another program has written", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const writer = new Writer(a.engine);
    await writer.append(2);
    await tellRedis(redis, `XADD ${log} 1-7 payload x`, `XADD ${log} 1-8 a b count -1`);
    const reader = new Reader(a.engine);
    await expectRead(reader, 2);
    await writer.append();
    await expectRead(reader, 3);
    await tellRedis(
      redis,
      "HSET {ns:orders:main}:nodes x nonsense",
      "HSET {ns:}:streams nonsense x",
      "HSET {ns:orders:main}:groups g many",
      "HSET {ns:orders:main:0}:letters:mailer l nonsense",
      "ZADD {ns:orders:main:0}:dead:mailer 1 l",
    );
    expect(await a.engine.nodes(partition)).toEqual([]);
    expect(await a.engine.streams()).toEqual([]);
    expect(await a.engine.deadLetters(groupPartition, "resting", 10)).toEqual([]);
    await expect(a.engine.viewGroup({ ...partition, group: "g" })).rejects.toThrow(
      "another program has changed it",
    );
  });

  test("reports a partition whose keys have another type, and reads the others", async () => {
    await using redis = await startRedis();
    await tellRedis(redis, `SET ${log} x`);
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const other = { ...partition, partition: 1 };
    const [bad, good] = [new Reader(a.engine), new Reader(a.engine, 0, other)];
    await new Writer(a.engine, other).append(2);
    await expectRead(good, 2);
    await expect(a.engine.append(partition, new Writer(a.engine).entry())).rejects.toThrow(
      "a key of the journal has another type",
    );
    await expect(a.engine.entryAt(partition, 0)).rejects.toThrow("another type");
    await tellRedis(redis, `DEL ${log}`);
    await new Writer(a.engine).append(2);
    await expectRead(bad, 2);
  });

  describe("refuses to start, and says why,", () => {
    const refusal = async (redis: Broker, auth = ""): Promise<unknown> => {
      await using a = new OpenRedis({ url: urlOf(redis, auth) });
      return await a.open().catch((error: unknown) => (error as Error).message);
    };

    test.each([
      { what: "a command", rule: "~* &* +@all -xtrim", named: "XTRIM is not permitted" },
      { what: "scripts", rule: "~* &* +@all -evalsha", named: "evalsha" },
      { what: "keys", rule: "~other:* &* +@all", named: "probe" },
      { what: "channels", rule: "~* resetchannels +@all", named: "PUBLISH is not permitted" },
      { what: "subscriptions", rule: "~* &* +@all -subscribe", named: "SUBSCRIBE" },
      { what: "reads", rule: "~* &* +@all -xread", named: "XREAD" },
    ])("where $what are not permitted", async ({ rule, named }) => {
      await using redis = await startRedis();
      await tellRedis(redis, `ACL SETUSER u on >p ${rule}`);
      const message = await refusal(redis, "u:p@");
      expect(message).toContain(`keys and channels that match "{ns:*"`);
      expect(message).toContain(named);
    });

    test("where the password is wrong, without showing it", async () => {
      await using redis = await startRedis({ password: "right" });
      const message = await refusal(redis, ":secret@");
      expect(message).toContain("WRONGPASS");
      expect(message).not.toContain("secret");
    });

    test("where the URL is that of a node of a cluster, or of a Sentinel", async () => {
      await using redis = await startRedis({ cluster: true });
      expect(await refusal(redis)).toContain(`give "rootNodes"`);
      await using master = await startRedis();
      await using sentinel = await startSentinel({ master, name: "m" });
      expect(await refusal(sentinel)).toContain(`give "sentinel"`);
    });
  });

  test("says what in the settings of the server endangers it", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    await tellRedis(redis, "CONFIG SET maxmemory-policy allkeys-lru");
    const problems = async (): Promise<string> =>
      ((await a.engine.health?.()) ?? []).map(({ problem }) => problem).join("\n");
    expect(await problems()).toMatch(/maxmemory-policy allkeys-lru[^]*appendonly no/);
    await tellRedis(redis, "CONFIG SET maxmemory-policy noeviction", "CONFIG SET appendonly yes");
    expect(await problems()).toBe("");
    await tellRedis(redis, "ACL SETUSER u on >p ~* &* +@all -config");
    await using b = await OpenRedis.connected({ url: urlOf(redis, "u:p@") });
    await tellRedis(redis, "CONFIG SET maxmemory-policy allkeys-lfu");
    const [found] = (await b.engine.health?.()) ?? [];
    expect(found?.problem).toContain("allkeys-lfu");
  });

  test("counts a server that was demoted as lost, and tries its address until it is a master", async () => {
    await using redis = await startRedis();
    await using a = await OpenRedis.connected({ url: urlOf(redis) });
    const writer = new Writer(a.engine);
    await writer.append();
    await tellRedis(redis, "REPLICAOF 127.0.0.1 1");
    await expect(a.engine.append(partition, writer.entry())).rejects.toThrow("READONLY");
    await a.reaches("reconnecting");
    await tellRedis(redis, "REPLICAOF NO ONE");
    await a.reaches("connected");
    writer.last = 0;
    await writer.append();
    await expectRead(new Reader(a.engine), 2);
  });

  test("follows the master that Sentinels name", async () => {
    await using master = await startRedis();
    await using replica = await startRedis({ replicaOf: master });
    await using sentinel = await startSentinel({ master, name: "m" });
    const sentinelRootNodes = [{ host: sentinel.host, port: sentinel.port }];
    await using a = await OpenRedis.connected({
      sentinel: { name: "m", sentinelRootNodes },
      connectionTimeout: 1000,
    });
    const [reader, writer] = [new Reader(a.engine), new Writer(a.engine)];
    await writer.append(3);
    await expectRead(reader, 3);
    await copied(master);
    const failover = (): Promise<unknown> => tellSentinel(sentinel, "FAILOVER", "m");
    const begins = async (): Promise<boolean> => (await failover().catch(() => "")) === "OK";
    await waitFor(begins, { timeout: 20_000, message: "the fail-over to begin" });
    await a.reaches("reconnecting");
    await a.reaches("connected");
    await writer.append(3);
    await expectRead(reader, 6);
    expect(await tellRedis(replica, `XLEN ${log}`)).toContain(":6");
  }, 60_000);

  test("hears of changes again when a cluster has closed the connection that subscribes", async () => {
    await using cluster = await clusterOf(2);
    const rootNodes = cluster.brokers.map((broker) => ({ url: urlOf(broker) }));
    await using a = await OpenRedis.connected({ rootNodes, connectionTimeout: 90_000 });
    let changes = 0;
    a.engine.watchGroup(groupPartition, () => changes++);
    const reader = new Reader(a.engine);
    await new Writer(a.engine).append();
    await expectRead(reader, 1);
    await Promise.all(
      cluster.brokers.map((broker) => tellRedis(broker, "CLIENT KILL TYPE pubsub")),
    );
    await a.reaches("reconnecting");
    await a.reaches("connected");
    changes = 0;
    await a.engine.joinGroup(groupPartition, "m", 1000);
    await waitFor(() => changes > 0, { message: "a change" });
    expect(changes).toBeGreaterThan(0);
  }, 60_000);

  test("stays connected to a cluster while nothing happens", async () => {
    await using cluster = await clusterOf(2);
    const rootNodes = cluster.brokers.map((broker) => ({ url: urlOf(broker) }));
    // A busy machine may hold up a server for a while: that must not count as silence.
    await using a = await OpenRedis.connected({ rootNodes, connectionTimeout: 2000 });
    a.engine.watchGroup(groupPartition, () => {});
    const reader = new Reader(a.engine);
    const pings = async (): Promise<number> => {
      const stats = cluster.brokers.map((broker) => tellRedis(broker, "INFO commandstats"));
      const found = (await Promise.all(stats)).map((text) => /cmdstat_ping:calls=(\d+)/.exec(text));
      return found.reduce((sum, match) => sum + Number(match?.[1] ?? 0), 0);
    };
    // Each of the two is pinged three times in that time.
    const before = await pings();
    await waitFor(async () => (await pings()) > before + 9, { timeout: 20_000 });
    expect(a.statuses).toEqual(["connected"]);
    await new Writer(a.engine).append();
    await expectRead(reader, 1);
  }, 60_000);

  test("runs over a cluster client, and takes the fail-over of a master", async () => {
    await using cluster = await clusterOf(3);
    const { brokers } = cluster;
    const replica = await addClusterReplica(brokers);
    brokers.push(replica);
    const client = createCluster({ rootNodes: brokers.map((broker) => ({ url: urlOf(broker) })) });
    await using a = await OpenRedis.connected({ client, connectionTimeout: 1000 });
    // One partition at least is in the slots of the first master.
    const places = Array.from({ length: 12 }, (_, index) => ({ ...partition, partition: index }));
    const readers = places.map((place) => new Reader(a.engine, 0, place));
    const writers = places.map((place) => new Writer(a.engine, place));
    await Promise.all(writers.map((writer) => writer.append(2)));
    await Promise.all(readers.map((reader) => expectRead(reader, 2)));
    await copied(brokers[0] as Broker);
    await brokers[0]?.kill();
    await tellRedis(replica, "CLUSTER FAILOVER TAKEOVER");
    await Promise.all(writers.map((writer) => writer.append(2)));
    await Promise.all(readers.map((reader) => expectRead(reader, 4)));
  }, 60_000);
});

/** Waits until the master's only replica has everything. */
async function copied(master: Broker): Promise<void> {
  const isCopied = async (): Promise<boolean> => {
    const info = await tellRedis(master, "INFO replication");
    const [, offset] = /^slave0:.*offset=(\d+)/m.exec(info) ?? [];
    return offset !== undefined && info.includes(`master_repl_offset:${offset}`);
  };
  await waitFor(isCopied, { timeout: 20_000, message: "the replica to have everything" });
}

async function clusterOf(size: number): Promise<AsyncDisposable & { brokers: Broker[] }> {
  const brokers = await startRedisCluster(size);
  return {
    brokers,
    async [Symbol.asyncDispose]() {
      await Promise.all(brokers.map((broker) => broker.stop()));
    },
  };
}

test.each([
  { options: {}, message: "exactly one of url, client, sentinel, rootNodes, got: none" },
  {
    options: { url: "redis://h", rootNodes: [] },
    message: "exactly one of url, client, sentinel, rootNodes, got: url, rootNodes",
  },
  { options: { url: "redis://:secret@h:x" }, message: `option "url"` },
  { options: { url: "redis://h", connectionTimeout: 0 }, message: `option "connectionTimeout"` },
  { options: { url: "redis://h", sharded: true }, message: `unknown option "sharded"` },
  { options: { url: "redis://h", retain: -1 }, message: `option "retain"` },
])("redisJournal checks its options: $message", ({ options, message }) => {
  expect(() => redisJournal(options)).toThrow(message);
});
