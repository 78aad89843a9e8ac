import { describe, expect, test } from "@jest/globals";
import type { defaultHash, GapEvent } from "nebulex-streams";
import { SimulatedClock } from "nebulex-streams/testing";
import { Gate, Listener, until } from "../helpers/actors.js";
import { crash, keys, kill, stop } from "../helpers/streams.js";
import { asyncAdapter } from "./async-adapter.js";
import { type Node, Nodes, shapes } from "./nodes.js";

/** The keys of which partition are gone, of 100 filled ones: none of it, or all of it. */
function cleared(node: Node, total = 100): Set<number | undefined> {
  const { router } = node.stream;
  const gone = keys(0, total).filter((key) => !node.users.has(key));
  const left = keys(0, total).filter((key) => node.users.has(key));
  const partitions = new Set(gone.map((key) => router.logOf(key, 0)?.index));
  for (const key of left) expect(partitions).not.toContain(router.logOf(key, 0)?.index);
  return partitions;
}

function fill(node: Node, total = 100): void {
  node.users.putAll(
    keys(0, total).map((key) => [key, 0]),
    { fill: true },
  );
}

const all = (partitions: number | undefined): Set<number> =>
  new Set(Array.from({ length: partitions ?? 1 }, (_, index) => index));

describe.each(shapes)("partitions: %s", (partitions) => {
  test("what was lost on the way clears its partition, newer writes too", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    fill(b);
    b.users.put("k0", 1);
    await nodes.losing(a, "k0", () => a.users.put("k0", 2));
    expect(cleared(b)).toEqual(new Set([b.stream.router.logOf("k0", 0)?.index]));
  });

  test("what was lost before the first message of its node clears its partition", async () => {
    await using nodes = new Nodes();
    const a = await nodes.start("a", { partitions });
    const answers = nodes.hub.intercept(({ from }) => (from === "a" ? "drop" : "deliver"));
    const b = await nodes.start("b", { partitions });
    fill(b);
    a.users.put("k0", 1);
    await nodes.quiet();
    expect(nodes.sent).toBeGreaterThan(0);
    answers();
    // It names the event before it, and changes nothing itself.
    a.users.put("k0", 1, { fill: true });
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set([b.stream.router.logOf("k0", 0)?.index]));
    fill(b);
    a.users.put("k0", 2, { fill: true });
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set());
  });

  test("a fetch under way of a partition that is cleared is not stored", async () => {
    await using nodes = new Nodes();
    const [a, b] = [await nodes.start("a", { partitions }), await nodes.start("b", { partitions })];
    const gate = new Gate<number>();
    const fetching = b.users.fetchOrStore("k0", () => gate.promise);
    await nodes.losing(a, "k0", () => a.users.put("k0", 2));
    gate.open(1);
    await fetching;
    expect(b.users.has("k0")).toBe(false);
  });

  test("a stream server that is stopped clears; one that is killed doesn't", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", { partitions });
    fill(b);
    await b.tree.reborn("users:stream", kill);
    await b.tree.ref("users:invalidator");
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set());
    await b.tree.reborn("users:stream", stop);
    await b.tree.ref("users:invalidator");
    await nodes.quiet();
    expect(cleared(b)).toEqual(all(partitions));
  });

  test("a broker that was away at the start clears when it is there", async () => {
    await using nodes = new Nodes();
    nodes.hub.disconnect("b");
    const b = await nodes.start("b", { partitions });
    fill(b);
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set());
    nodes.hub.connect("b");
    await until(() => b.users.countAll() === 0);
  });

  test("an overrun of remote events clears; of this node's own, it doesn't", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", {
      partitions,
      stream: { capacity: 4096, retain: 0 },
    });
    fill(b);
    await nodes.quiet();
    using gaps = new Listener<GapEvent & { group: string | null }>("nebulex.streams.gap");
    const mine = (): GapEvent[] =>
      gaps.messages.filter(({ group }) => group === "users:invalidator");
    for (let n = 0; n < 40_000; n++) b.users.put("own", n, { fill: true });
    await until(() => mine().length > 0);
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set());
    expect(mine().every(({ node, reason }) => node === "b" && reason === "overrun")).toBe(true);
    const { stream } = b;
    const log = stream.logs[0];
    log?.reportGap({ ...(mine()[0] as GapEvent), node: "a", partition: log.source.partition });
    await nodes.quiet();
    expect(cleared(b)).toEqual(new Set([0]));
  });
});

test("keys that the hash leaves out of the stream stay", async () => {
  await using nodes = new Nodes();
  const hash = (event: Parameters<typeof defaultHash>[0]): number | "none" =>
    event.target.kind === "key" && event.target.key === "k1" ? "none" : 1;
  const stream = { hash: hash as never };
  const [a, b] = [
    await nodes.start("a", { partitions: 2, stream }),
    await nodes.start("b", { partitions: 2, stream }),
  ];
  fill(b, 3);
  await nodes.losing(a, "k0", () => a.users.put("k0", 2));
  expect([...b.users.getAll().keys()]).toEqual(["k1"]);
});

test("a node that falls silent clears", async () => {
  await using nodes = new Nodes();
  const heartbeat = 60;
  const clock = new SimulatedClock();
  const options = { heartbeat, clock };
  const [a, b] = [await nodes.start("a", options), await nodes.start("b", options)];
  await nodes.quiet();
  fill(b);
  // What it has heard of it may not be all.
  a.users.put("other", 1);
  await nodes.quiet();
  expect(cleared(b)).toEqual(new Set());
  nodes.hub.pause("a");
  await until(async () => {
    await clock.advance(heartbeat);
    return b.users.countAll() === 0;
  });
});

describe("a cache that restarts", () => {
  test("is new: nothing is cleared", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", { strategy: "one_for_one" });
    using gaps = new Listener<GapEvent>("nebulex.streams.gap");
    await b.tree.reborn("users", crash);
    b.users.put("x", 1);
    await until(() => gaps.messages.some(({ reason }) => reason === "cache_restarted"));
    await nodes.quiet();
    expect(b.users.get("x")).toBe(1);
  });

  test("is cleared if the stream was late to listen to it", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", {
      strategy: "one_for_one",
      stream: { backoffInitial: 5 },
    });
    const { slot } = b.stream;
    slot.registering = () => {
      slot.registering = undefined;
      throw new Error("refused");
    };
    await b.tree.reborn("users", crash);
    b.users.put("x", 1);
    expect(b.users.get("x")).toBe(1);
    await until(() => !b.users.has("x"));
  });

  test("in front of a store that is elsewhere is cleared", async () => {
    await using nodes = new Nodes();
    const b = await nodes.start("b", { strategy: "one_for_one", adapter: asyncAdapter() });
    await b.elsewhere.put("x", 1);
    await nodes.quiet();
    expect(await b.elsewhere.get("x")).toBe(1);
    await b.tree.reborn("users", crash);
    await until(async () => (await b.elsewhere.countAll()) === 0);
  });
});

test("scope local: gaps in what comes from here clear", async () => {
  await using nodes = new Nodes();
  const b = await nodes.start("b", {
    invalidator: { eventScope: "local" },
    stream: { capacity: 4096, retain: 0 },
  });
  b.users.put("x", 1, { fill: true });
  for (let n = 0; n < 40_000; n++) b.users.put("own", n, { fill: true });
  expect(b.users.has("x")).toBe(true);
  await until(() => !b.users.has("x"));
});
