import { inspect as show } from "node:util";
import { describe, expect, jest, test } from "@jest/globals";
import { CacheEvent } from "../../src/event/event.js";
import { decodeEvents, encodeEvents } from "../../src/handler/threads/codec.js";
import {
  type ActorRef,
  defineCache,
  getStream,
  handlerPool,
  localPubSub,
  spawn,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Listener, until } from "../helpers/actors.js";
import { Cluster, type ClusterNode, fieldsOf, heartbeat, isData, type Message } from "./cluster.js";

async function pair(
  cluster: Cluster,
  options: Parameters<Cluster["start"]>[1] = {},
): Promise<[ClusterNode, ClusterNode]> {
  return (await cluster.startAll(["a", "b"], options)) as [ClusterNode, ClusterNode];
}

const inspect = (event: unknown): string => show(event, { depth: 5 });

describe("events of several nodes", () => {
  test("keep to their namespace, their cache and their instance", async () => {
    await using cluster = new Cluster();
    const a = await cluster.start("a");
    const [other, elsewhere] = [
      await cluster.start("b", { pubsub: { namespace: "other" } }),
      await cluster.start("c", { cacheName: "orders" }),
    ];
    const readers = [other.read(), elsewhere.read()];
    await cluster.rest();
    a.cache.put("k", 1);
    await cluster.clock.advance(heartbeat);
    expect(readers.map(({ messages }) => messages)).toEqual([[], []]);
    expect([a, other, elsewhere].map(({ bus }) => bus.rejected)).toEqual([0, 0, 0]);
  });

  test("of two instances of one cache don't mix", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster);
    const second = async (node: ClusterNode): Promise<void> => {
      const cache = node.cache.instance("second");
      await cluster.passing(node.sup.startChild(cache));
      await cluster.passing(node.sup.startChild(streamServer({ cache, pubsub: node.pubsub })));
    };
    await second(a);
    await second(b);
    const first = b.read();
    const keys: unknown[] = [];
    b.cache
      .instance("second")
      .subscribe(({ target }) => void keys.push(target.kind === "key" && target.key));
    await cluster.rest();
    a.cache.put("one", 1);
    a.cache.instance("second").put("two", 2);
    await cluster.until(() => first.events.length + keys.length === 2);
    expect([first.keysFrom("a"), keys]).toEqual([["one"], ["two"]]);
  });

  test("reach actors on other nodes, though broadcast_from keeps them from the actor that caused them", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster, { stream: { broadcastFun: "broadcast_from" } });
    const got: string[] = [];
    const listener = (name: string, node: ClusterNode): Promise<ActorRef> =>
      spawn(node.sup.system, {
        receive: (state: undefined, message: Message) => {
          if (message.type !== "gap") got.push(`${name} ${message.metadata.node}`);
          return state;
        },
      }) as Promise<ActorRef>;
    const [writer, peer, remote] = [
      await listener("writer", a),
      await listener("peer", a),
      await listener("remote", b),
    ];
    a.cache.subscribe(writer);
    a.cache.subscribe(peer);
    b.cache.subscribe(remote);
    await cluster.rest();
    a.cache.from(writer).put("k", 1);
    await cluster.until(() => got.length >= 2);
    await cluster.rest();
    expect(got.sort()).toEqual(["peer a", "remote a"]);
  });

  test.each(["disconnect", "pause"] as const)(
    "do not keep local readers waiting while the broker is away (%s)",
    async (fault) => {
      await using cluster = new Cluster();
      const [a] = await pair(cluster);
      const reader = a.read();
      cluster.hub[fault]("a");
      for (let n = 0; n < 10_000; n++) a.cache.put(n, n);
      await until(() => reader.events.length === 10_000);
      await cluster.passing(whenIdle(a.cache));
      expect(reader.gaps).toEqual([]);
    },
  );

  test("count as waiting only while they can't be given to the broker", async () => {
    await using cluster = new Cluster();
    const [a] = await pair(cluster);
    const waiting: unknown[] = [];
    const write = (): void => {
      for (let n = 0; n < 3; n++) a.cache.put(n, n);
    };
    cluster.hub.intercept((message) => {
      const fields = fieldsOf(message);
      if (message.from === "a" && fields?.[0] === 3) waiting.push(fields[10]);
      return "deliver";
    });
    // In flight: the broker has them, but has not confirmed them.
    cluster.hub.pause("a");
    write();
    await cluster.clock.advance(heartbeat / 3);
    cluster.hub.resume("a");
    await cluster.until(() => waiting.length === 1);
    // Written in the same turn of the event loop.
    const { setTimeout } = cluster.clock;
    jest.spyOn(cluster.clock, "setTimeout").mockImplementation((fn, ms) =>
      setTimeout.call(
        cluster.clock,
        () => {
          write();
          fn();
        },
        ms,
      ),
    );
    await cluster.clock.advance(heartbeat);
    expect(waiting.length).toBeGreaterThan(2);
    expect(waiting).toEqual(waiting.map(() => 0));
  });

  test("are read from the earliest on, or from a sequence of this node, with the gaps between them", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster);
    const live = b.read();
    await cluster.rest();
    a.cache.put("a0", 1);
    await cluster.until(() => live.events.length === 1);
    b.cache.put("b0", 1);
    const stop = cluster.hub.intercept((message) => (isData(message) ? "drop" : "deliver"));
    a.cache.put("a1", 1);
    await cluster.rest();
    stop();
    a.cache.put("a2", 1);
    await cluster.until(() => live.events.length === 3);
    b.cache.put("b1", 1);
    await cluster.until(() => live.events.length === 4);
    const earliest = b.read({ from: "earliest" });
    const second = b.read({ from: 1 });
    await cluster.until(() => earliest.messages.length === 5 && second.messages.length === 1);
    expect(earliest.messages).toEqual(live.messages);
    expect(
      earliest.messages.map((it) =>
        it.type === "gap" ? `gap ${it.from}..${it.to}` : it.metadata.sequence,
      ),
    ).toEqual([0, 0, "gap 1..1", 2, 1]);
    expect(second.keysFrom("b")).toEqual(["b1"]);
    expect(() => b.read({ from: 3 })).toThrow("<= 2");
  });

  test("overrun a slow reader, which gets a gap for each node", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster, { stream: { capacity: 256, retain: 0 } });
    const seen: Message[] = [];
    const gate: { open?: () => void } = {};
    b.cache.subscribe(
      async (message) => {
        seen.push(message as Message);
        if (seen.length === 1) await new Promise<void>((resolve) => (gate.open = resolve));
      },
      { gaps: true },
    );
    await cluster.rest();
    b.cache.put("b0", 1);
    await cluster.until(() => seen.length === 1);
    for (let round = 0; round < 20; round++) {
      for (let n = 0; n < 100; n++) a.cache.put(`a${n}`, round);
      for (let n = 0; n < 50; n++) b.cache.put(`b${n}`, round);
      await cluster.rest(20);
    }
    gate.open?.();
    await cluster.until(
      () =>
        getStream(b.cache).nodes().length === 1 && seen.at(-1)?.type !== "gap" && seen.length > 250,
    );
    await cluster.rest();
    for (const [node, count] of [
      ["a", 2000],
      ["b", 1001],
    ] as const) {
      const sequences = new Set<number>();
      for (const message of seen) {
        if (message.type !== "gap") {
          if (message.metadata.node === node) sequences.add(message.metadata.sequence);
          continue;
        }
        if (message.node !== node) continue;
        expect(message.reason).toBe("overrun");
        for (let n = message.from; n <= message.to; n++) {
          expect(sequences.has(n)).toBe(false);
          sequences.add(n);
        }
      }
      expect(sequences.size).toBe(count);
    }
  });

  test("are handled by a group's next worker where the last one was killed", async () => {
    await using cluster = new Cluster();
    const seen: unknown[] = [];
    const [a, b] = await pair(cluster, {
      children: (cache) => [
        handlerPool<unknown, unknown, unknown>({
          cache,
          maxRestarts: 1000,
          handler: ({ target }) => {
            if (cache === b?.cache && target.kind === "key") seen.push(target.key);
          },
        }),
      ],
    });
    await cluster.rest();
    for (let n = 0; n < 1000; n++) {
      a.cache.put(n, n);
      if (n % 200 === 0) {
        await cluster.rest(3);
        await cluster.hit(b, "users:handlers", "kill");
      }
    }
    await cluster.until(() => seen.length >= 1000);
    expect(seen).toEqual(Array.from({ length: 1000 }, (_, n) => n));
  });

  test("cross to a worker thread as they are", async () => {
    await using cluster = new Cluster();
    const [a, b] = await pair(cluster, { stream: { include: ["value"] } });
    const reader = b.read();
    await cluster.rest();
    for (const { cache } of [a, b]) {
      cache.put("filled", 1n, { fill: true });
      cache.putAll([["x", new Date(0)]]);
      cache.deleteAll();
    }
    await cluster.until(() => reader.events.length === 6);
    const events = reader.events as unknown as CacheEvent[];
    const source = CacheEvent.sourceOf(events[0] as CacheEvent);
    const crossed = decodeEvents(structuredClone(encodeEvents(events)), source);
    expect(crossed.map(inspect)).toEqual(events.map(inspect));
    expect(new Set(crossed.map(({ metadata }) => metadata.epoch))).toEqual(
      new Set([a.epoch, b.epoch]),
    );
  });

  test("of a pubsub without other nodes need no broker, and nothing is sent", async () => {
    const pubsub = localPubSub({ nodeName: "alone" });
    const cache = defineCache<string, number>({ name: "users" });
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [pubsub, cache, streamServer({ cache, pubsub })],
    });
    using rejected = new Listener("nebulex.pubsub.message_rejected");
    const keys: unknown[] = [];
    cache.subscribe(({ metadata }) => void keys.push(metadata.node));
    cache.put("k", 1);
    await until(() => keys.length === 1);
    expect(keys).toEqual(["alone"]);
    expect(rejected.messages).toEqual([]);
    await sup.stop();
  });
});
