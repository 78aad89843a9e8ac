import { expect, test } from "@jest/globals";
import {
  type Cache,
  defineCache,
  invalidator,
  type PubSub,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { natsPubSub } from "nebulex-streams/nats";
import { redisPubSub } from "nebulex-streams/redis";
import { waitFor } from "nebulex-streams/testing";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats, startRedis } from "../helpers/brokers/servers.js";

const patience = { timeout: 30_000 };
const heartbeat = 300;

interface Engine {
  readonly binary: "redis-server" | "nats-server";
  start(): Promise<Broker>;
  /** A connection that hangs is given up only after a minute. */
  pubsub(broker: Broker, nodeName: string): PubSub;
}

const connectionTimeout = 60_000;
const engines: readonly Engine[] = [
  {
    binary: "redis-server",
    start: () => startRedis(),
    pubsub: ({ host, port }, nodeName) =>
      redisPubSub({ url: `redis://${host}:${port}`, nodeName, heartbeat, connectionTimeout }),
  },
  {
    binary: "nats-server",
    start: () => startNats(),
    pubsub: ({ host, port }, nodeName) =>
      natsPubSub({ servers: `${host}:${port}`, nodeName, heartbeat, connectionTimeout }),
  },
];

/** A near cache on a node of its own. */
class Near implements AsyncDisposable {
  readonly users: Cache<string, number>;
  readonly pubsub: PubSub;
  readonly #tree: Supervisor;

  private constructor(users: Cache<string, number>, pubsub: PubSub, tree: Supervisor) {
    this.users = users;
    this.pubsub = pubsub;
    this.#tree = tree;
  }

  static async start(pubsub: PubSub, whileDisconnected: "keep" | "bypass"): Promise<Near> {
    const cache = defineCache<string, number>({ name: "users" });
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        pubsub,
        cache,
        streamServer({ cache, pubsub, partitions: 4 }),
        invalidator({ cache, whileDisconnected }),
      ],
    });
    return new Near(cache, pubsub, tree);
  }

  /** Whether what was just filled can be read. */
  get reads(): boolean {
    this.users.put("probe", 1, { fill: true });
    return this.users.has("probe");
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#tree.stop();
  }
}

describeWithEach(({ start, pubsub }) => {
  test.each(["kill", "freeze"] as const)(
    "%s: a bypassed cache gives nothing stale, and none holds anything stale afterwards",
    async (fault) => {
      await using broker = await start();
      await using a = await Near.start(pubsub(broker, "a"), "keep");
      await using b = await Near.start(pubsub(broker, "b"), "bypass");
      await using c = await Near.start(pubsub(broker, "c"), "keep");
      let truth = 1;
      for (const { users } of [b, c]) users.getOrStore("x", () => truth);
      await broker[fault]();
      await waitFor(() => !b.reads, patience);
      expect([b.users.get("x"), c.reads]).toEqual([undefined, true]);
      const isAway = (near: Near): boolean => near.pubsub.status !== "connected";
      expect(isAway(b)).toBe(fault === "kill");
      c.users.put("x", truth, { fill: true });
      truth = 2;
      a.users.put("x", truth);
      expect(b.users.getOrStore("x", () => truth)).toBe(2);
      expect(c.users.get("x")).toBe(1);
      if (fault === "freeze") broker.thaw();
      else await broker.restart();
      await waitFor(() => b.reads, patience);
      expect(b.users.getOrStore("x", () => truth)).toBe(2);
      await waitFor(() => c.users.getOrStore("x", () => truth) === 2, patience);
    },
    120_000,
  );
});

function describeWithEach(suite: (engine: Engine) => void): void {
  for (const engine of engines)
    describeWith(engine.binary)(`over ${engine.binary}`, () => suite(engine));
}
