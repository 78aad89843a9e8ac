import { describe, expect, jest, test } from "@jest/globals";
import { lookupStream, PubSubError } from "../../src/index.js";
import { Listener } from "../helpers/actors.js";
import { Cluster, type ClusterNode, fieldsOf, heartbeat, isData, type Reader } from "./cluster.js";

/** Two nodes; a reader on b has received an event of a: the next one has the sequence 1. */
async function pair(
  cluster: Cluster,
  stream: Parameters<Cluster["start"]>[1] = {},
): Promise<{ a: ClusterNode; b: ClusterNode; reader: Reader }> {
  const [a, b] = (await cluster.startAll(["a", "b"], stream)) as [ClusterNode, ClusterNode];
  const reader = b.read();
  await cluster.rest();
  a.cache.put("first", 0);
  await cluster.until(() => reader.events.length === 1);
  reader.messages.length = 0;
  return { a, b, reader };
}

/** Writes keys, each in a message of its own. */
async function putOneByOne(cluster: Cluster, { cache }: ClusterNode, keys: readonly string[]) {
  for (const key of keys) {
    cache.put(key, key);
    await cluster.rest(10);
  }
}

describe("a reader of another node's events", () => {
  test("gets a gap for a message lost in the middle before the next one", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    cluster.hub.intercept((message) =>
      isData(message) && fieldsOf(message)?.[9] === 1 ? "drop" : "deliver",
    );
    await putOneByOne(cluster, a, ["k1", "lost", "k3"]);
    expect(reader.messages).toMatchObject([
      { target: { key: "k1" }, metadata: { sequence: 1 } },
      {
        type: "gap",
        from: 2,
        to: 2,
        reason: "transport",
        node: "a",
        epoch: a.epoch,
        partition: null,
      },
      { target: { key: "k3" }, metadata: { sequence: 3 } },
    ]);
  });

  test("gets a gap for the last message by the next heartbeat", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    const cancel = cluster.hub.intercept((message) => (isData(message) ? "drop" : "deliver"));
    for (const key of ["k1", "k2", "k3"]) a.cache.put(key, 1);
    await cluster.rest();
    cancel();
    expect(reader.messages).toEqual([]);
    await cluster.clock.advance(heartbeat / 3);
    expect(reader.messages).toMatchObject([{ type: "gap", from: 1, to: 3, node: "a" }]);
    a.cache.put("k4", 1);
    await cluster.until(() => reader.events.length > 0);
    expect(reader.gaps).toHaveLength(1);
  });

  test("gets a gap for what it missed as soon as its node is connected again", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    cluster.hub.disconnect("b");
    for (const key of ["k1", "k2", "k3"]) a.cache.put(key, 1);
    await cluster.rest();
    cluster.hub.connect("b");
    await cluster.rest();
    expect(reader.gapsOf("a")).toEqual(["1..3"]);
    a.cache.put("k4", 1);
    await cluster.until(() => reader.keysFrom("a").length === 1);
    expect(reader.gapsOf("a")).toEqual(["1..3"]);
  });

  test("misses nothing after an outage of the writing node", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    cluster.hub.disconnect("a");
    const local = a.read();
    for (let n = 0; n < 3000; n++) a.cache.put(`k${n}`, n);
    await cluster.until(() => local.events.length === 3000);
    await cluster.clock.advance(3 * heartbeat);
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length === 3000);
    expect(reader.events.map(({ metadata }) => metadata.sequence)).toEqual(
      Array.from({ length: 3000 }, (_, n) => n + 1),
    );
    // Only a gap since it was silent.
    expect(reader.gapsOf("a")).toEqual(["1..0"]);
  });

  test("gets the exact bounds of what did not fit into the writing node's log during its outage", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster, { stream: { capacity: 100, retain: 0 } });
    cluster.hub.disconnect("a");
    for (let n = 1; n <= 1000; n++) a.cache.put(`k${n}`, n);
    await cluster.rest();
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length >= 100);
    await cluster.clock.advance(heartbeat);
    expect(reader.gapsOf("a")).toEqual(["1..900"]);
    expect(reader.keysFrom("a")).toEqual(Array.from({ length: 100 }, (_, n) => `k${n + 901}`));
  });

  test("gets one gap without bounds for a silent node, and exact bounds when it is back", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    using states = new Listener<{ node: string; status: string; pubsub: string }>(
      "nebulex.streams.node",
    );
    cluster.hub.pause("a");
    await cluster.clock.advance(5 * heartbeat);
    expect(reader.gapsOf("a")).toEqual(["1..0"]);
    cluster.hub.resume("a");
    a.cache.put("k1", 1);
    await cluster.clock.advance(heartbeat);
    expect(reader.keysFrom("a")).toEqual(["k1"]);
    expect(reader.gapsOf("a")).toEqual(["1..0"]);
    expect(
      states.messages.filter(({ pubsub }) => pubsub === "b").map(({ status }) => status),
    ).toEqual(["silent", "up"]);
  });

  test("gets a gap for a killed node, and all events of its next epoch", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    const { epoch } = a;
    cluster.hub.disconnect("a");
    a.cache.put("never sent", 1);
    await cluster.hit(a, "users", "kill");
    await cluster.until(() => a.epoch !== epoch);
    a.cache.put("new", 1);
    await cluster.rest();
    cluster.hub.connect("a");
    await cluster.until(() => reader.keysFrom("a").length === 1);
    expect(reader.gaps.filter(({ node }) => node === "a")).toMatchObject([
      { from: 1, to: 0, epoch },
    ]);
    expect(reader.events).toMatchObject([
      { target: { key: "new" }, metadata: { epoch: a.epoch, sequence: 0 } },
    ]);
  });

  test("gets no gap for a node that stops in order, and starts again", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    for (let n = 0; n < 100; n++) a.cache.put(n, n);
    await cluster.passing(a.sup.terminateChild("users:stream"));
    await cluster.passing(a.sup.restartChild("users:stream"));
    a.cache.put("new", 1);
    await cluster.until(() => reader.events.length === 101);
    expect(reader.gapsOf("a")).toEqual([]);
  });

  test("gets a gap for what a node had written and not sent when its epoch ended", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    const { epoch } = a;
    // Some messages are in flight, and some wait for them.
    cluster.hub.pause("a");
    for (let n = 0; n < 40_000; n++) a.cache.put(n, n);
    await cluster.rest();
    await cluster.hit(a, "users", "kill");
    await cluster.until(() => a.epoch !== epoch);
    cluster.hub.resume("a");
    await cluster.clock.advance(heartbeat);
    const reported = reader.gaps.filter((gap) => gap.epoch === epoch && gap.to >= gap.from);
    const sequences = reader.events.map(({ metadata }) => metadata.sequence);
    expect(sequences).toEqual(Array.from(sequences, (_, n) => n + 1));
    expect(sequences.length).toBeLessThan(40_000);
    expect(reported).toMatchObject([{ from: sequences.length + 1, to: 40_000 }]);
  });

  test("continues after its stream server was killed while the broker hung, and another one has taken over", async () => {
    await using cluster = new Cluster();
    const { a, b, reader } = await pair(cluster);
    cluster.hub.pause("b");
    b.cache.put("never sent", 1);
    await cluster.until(() => reader.events.length === 1);
    await cluster.passing(b.sup.terminateChild("users:stream"));
    await cluster.passing(b.sup.restartChild("users:stream"));
    cluster.hub.resume("b");
    await cluster.rest();
    b.cache.put("own", 1);
    a.cache.put("other", 1);
    await cluster.until(() => reader.events.length === 3);
    expect(reader.keysFrom("b")).toEqual(["never sent", "own"]);
    expect(reader.keysFrom("a")).toEqual(["other"]);
    expect(reader.gaps.filter(({ from, to }) => to >= from)).toEqual([]);
  });

  test("gets exact bounds of what other nodes wrote while its own stream was stopped", async () => {
    await using cluster = new Cluster();
    const { a, b, reader } = await pair(cluster);
    const c = await cluster.start("c");
    await cluster.rest();
    await cluster.passing(b.sup.terminateChild("users:stream"));
    for (let n = 0; n < 5; n++) a.cache.put(n, n);
    for (let n = 0; n < 3; n++) c.cache.put(n, n);
    await cluster.rest();
    await cluster.passing(b.sup.restartChild("users:stream"));
    a.cache.put("after", 1);
    await cluster.until(() => reader.keysFrom("a").length === 1);
    expect(reader.gapsOf("a")).toEqual(["1..5"]);
    expect(reader.gapsOf("c")).toEqual(["0..2"]);
  });

  test.each([
    ["can't be encoded", () => {}, "not_encodable"],
    ["is too large", "x".repeat(5000), "too_large"],
  ])(
    "receives a gap for an event whose value %s, and the events around it",
    async (_, value, reason) => {
      await using cluster = new Cluster();
      const { a, reader } = await pair(cluster, {
        stream: { include: ["value"] },
        pubsub: { maxMessageSize: 2048 },
      });
      using reported = new Listener<{ status: string; reason: unknown; event: unknown }>(
        "nebulex.streams.broadcast",
      );
      const local = a.read();
      for (let n = 1; n <= 40; n++) a.cache.put(`k${n}`, n === 20 ? value : n);
      await cluster.until(() => reader.events.length === 39);
      expect(local.events).toHaveLength(40);
      expect(reader.gapsOf("a")).toEqual(["20..20"]);
      const errors = reported.messages.filter(({ status }) => status === "error");
      expect(errors).toMatchObject([
        {
          reason: { reason },
          event: { target: { key: "k20" } },
          topic: "users:inserted",
          pubsub: "a",
        },
      ]);
      expect(errors[0]?.reason).toBeInstanceOf(PubSubError);
      // Also for the last one, which no message follows.
      a.cache.put("k41", value);
      await cluster.clock.advance(heartbeat);
      expect(reader.gapsOf("a")).toEqual(["20..20", "41..41"]);
    },
  );

  test("reports an event that can't be encoded once, however often the events around it are sent again", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster, { stream: { include: ["value"] } });
    using reported = new Listener<{ status: string }>("nebulex.streams.broadcast");
    cluster.hub.disconnect("a");
    a.cache.put("k1", 1);
    a.cache.put("k2", () => {});
    a.cache.put("k3", 3);
    await cluster.clock.advance(5 * heartbeat);
    cluster.hub.connect("a");
    await cluster.until(() => reader.keysFrom("a").length === 2);
    expect(reported.messages.filter(({ status }) => status === "error")).toHaveLength(1);
  });

  test("receives what a broker refused for a while, in order", async () => {
    await using cluster = new Cluster();
    const { a, reader } = await pair(cluster);
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    let refusals = 0;
    cluster.hub.intercept((message) => {
      if (isData(message) && refusals++ < 5) throw new Error("refused");
      return "deliver";
    });
    for (let n = 0; n < 5000; n++) a.cache.put(n, n);
    await cluster.until(
      () =>
        reader.events.length + reader.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0) ===
        5000,
    );
    const sequences = reader.events.map(({ metadata }) => metadata.sequence);
    expect(sequences).toEqual([...sequences].sort((x, y) => x - y));
    expect(lookupStream(a.cache)?.registered).toBe(true);
    // Once, not for each attempt.
    expect(warn.mock.calls.filter(([what]) => String(what).includes("refused"))).toHaveLength(1);
  });
});
