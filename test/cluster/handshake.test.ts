import { describe, expect, test } from "@jest/globals";
import {
  createPubSub,
  getStream,
  type Hub,
  lookupStream,
  PubSubError,
  ShapeMismatchError,
} from "../../src/index.js";
import type { LocalHub } from "../../src/pubsub/hub.js";
import type { Transport } from "../../src/pubsub/transport.js";
import { failure, Listener } from "../helpers/actors.js";
import { Cluster, heartbeat, isData } from "./cluster.js";

/** The innermost cause of a failed start. */
function rootOf(error: unknown): unknown {
  const { cause } = error as { cause?: unknown };
  return cause === undefined ? error : rootOf(cause);
}

describe("a stream that begins, among other nodes", () => {
  test.each([
    ["partitions", { partitions: 4 }, { partitions: 8 }],
    ["partitions, and none", { partitions: 4 }, {}],
    [
      "hash functions",
      {
        partitions: 4,
        hash: function first() {
          return 0;
        },
      },
      {
        partitions: 4,
        hash: function second() {
          return 0;
        },
      },
    ],
  ])("fails with other %s, naming both shapes and the other node", async (_, own, other) => {
    await using cluster = new Cluster();
    const a = await cluster.start("a", { stream: own });
    using clashes = new Listener<{ node: string }>("nebulex.streams.shape_mismatch");
    const error = rootOf(await failure(cluster.start("b", { stream: other })));
    expect(error).toBeInstanceOf(ShapeMismatchError);
    const { message } = error as ShapeMismatchError;
    expect(message).toContain("node a");
    const shapes = [own, other] as { partitions?: number; hash?: () => number }[];
    for (const { partitions = null, hash } of shapes)
      expect(message).toContain(
        `{ partitions: ${partitions}, hash: ${hash?.name ?? "defaultHash"}`,
      );
    // The older node continues, and reports the conflict.
    expect(clashes.messages).toMatchObject([{ node: "b" }]);
    expect(lookupStream(a.cache)?.registered).toBe(true);
  });

  test("fails with the name of another node, which continues, and which no other node reports as gone", async () => {
    await using cluster = new Cluster();
    const [a, b] = await cluster.startAll(["a", "b"]);
    const reader = b!.read();
    await cluster.rest();
    a!.cache.put("before", 1);
    await cluster.until(() => reader.events.length === 1);
    using _clashes = new Listener("nebulex.streams.shape_mismatch");
    const error = rootOf(await failure(cluster.start("a")));
    expect(error).toBeInstanceOf(PubSubError);
    expect(error).toMatchObject({ reason: "node_name_taken" });
    await cluster.clock.advance(heartbeat);
    a!.cache.put("after", 1);
    await cluster.until(() => reader.keysFrom("a").length === 2);
    expect(reader.gaps.filter(({ from, to }) => to >= from)).toEqual([]);
    expect(getStream(b!.cache).nodes()).toMatchObject([{ node: "a", epoch: a!.epoch }]);
  });

  test("ends if another node of its name is heard later and is older", async () => {
    await using cluster = new Cluster();
    const [older] = await cluster.startAll(["a", "b"]);
    await cluster.clock.advance(heartbeat);
    let isLost = true;
    cluster.hub.intercept(({ from, to }) => (isLost && from === to ? "drop" : "deliver"));
    const younger = await cluster.start("a");
    using _clashes = new Listener("nebulex.streams.shape_mismatch");
    using ends = new Listener<object>("nebulex.supervisor.child_terminated");
    isLost = false;
    younger.read();
    await cluster.until(() => ends.messages.length > 0);
    expect(ends.messages[0]).toMatchObject({
      childId: "users:stream",
      reason: { reason: "node_name_taken" },
    });
    expect(lookupStream(older!.cache)?.registered).toBe(true);
  });

  test.each(["disconnect", "pause"] as const)(
    "succeeds while the broker is away (%s), and ends with the mismatch when it is back, as does each further start",
    async (fault) => {
      await using cluster = new Cluster();
      await cluster.start("a", { stream: { partitions: 4 } });
      cluster.hub[fault]("b");
      const b = await cluster.start("b", { stream: { partitions: 2 } });
      expect(lookupStream(b.cache)?.registered).toBe(true);
      const data: string[] = [];
      cluster.hub.intercept((message) => {
        if (isData(message)) data.push(`${message.from}-${message.to}`);
        return "deliver";
      });
      using ends = new Listener<{ childId: string; reason: unknown }>(
        "nebulex.supervisor.child_terminated",
      );
      using _clashes = new Listener("nebulex.streams.shape_mismatch");
      using failures = new Listener<{ error?: unknown; reason?: unknown }>(
        "nebulex.supervisor.restart",
      );
      cluster.hub[fault === "pause" ? "resume" : "connect"]("b");
      await cluster.until(() => ends.messages.length > 0);
      expect(ends.messages[0]).toMatchObject({
        childId: "users:stream",
        reason: expect.any(ShapeMismatchError),
      });
      // The supervisor restarts it, and no restart succeeds.
      await cluster.until(() => failures.messages.length > 3);
      expect(lookupStream(b.cache)).toBeUndefined();
      expect(data).toEqual([]);
    },
  );

  test("does not wait without other nodes, and has a timeout", async () => {
    await using cluster = new Cluster();
    const before = cluster.clock.now();
    await cluster.start("a");
    expect(cluster.clock.now() - before).toBeLessThanOrEqual(heartbeat);
  });

  test("does not take late messages of its own former epoch for another node's", async () => {
    await using cluster = new Cluster();
    // A node that is alone on its hub waits for no answer.
    await cluster.start("z", { cacheName: "orders" });
    const late: { channel: string; payload: Uint8Array }[] = [];
    let arrive: ((channel: string, payload: Uint8Array) => void) | undefined;
    const pubsub = createPubSub(
      ({ nodeName }): Transport => {
        const transport = (cluster.hub as Hub as LocalHub).transport(nodeName);
        const { open, publish } = transport;
        transport.open = (events) => {
          arrive = events.message;
          return open.call(transport, events);
        };
        transport.publish = (channel, payload) => {
          late.push({ channel, payload });
          return publish.call(transport, channel, payload);
        };
        return transport;
      },
      { nodeName: "a", heartbeat },
    );
    const a = await cluster.start("a", { over: pubsub });
    await cluster.clock.advance(heartbeat);
    await cluster.passing(a.sup.terminateChild("users:stream"));
    const restarted = a.sup.restartChild("users:stream");
    await cluster.rest(10);
    expect(late.length).toBeGreaterThan(2);
    for (const { channel, payload } of late.splice(0)) arrive?.(channel, payload);
    await cluster.passing(restarted);
    expect(lookupStream(a.cache)?.registered).toBe(true);
  });
});
