import { describe, expect, jest, test } from "@jest/globals";
import { CacheNotStartedError, defineCache } from "nebulex-streams";
import { slotOf } from "../../src/cache/cache-handle.js";
import { RecentWrites } from "../../src/invalidator/recent-writes.js";
import type { Replica } from "../../src/cluster/replica.js";
import type { Replicator } from "../../src/cluster/replicator.js";
import { crash, kill } from "../helpers/streams.js";
import { startCache } from "../helpers/caches.js";
import { type Node, Nodes, shapes, Wall } from "./nodes.js";

const second = 1000;
const epochStart = 1_700_000_000_000;

/**
 * Nodes `a` and `b`, whose clocks differ by `skew` (how far that of `b` is ahead), and the true
 * time.
 */
class Skewed extends Nodes {
  readonly wallA = new Wall(epochStart);
  readonly wallB: Wall;
  a!: Node;
  b!: Node;

  constructor(skew: number) {
    super();
    this.wallB = new Wall(epochStart + skew);
  }

  static async start(skew: number, partitions?: number): Promise<Skewed> {
    const nodes = new Skewed(skew);
    nodes.a = await nodes.start("a", { partitions, clock: nodes.wallA });
    nodes.b = await nodes.start("b", { partitions, clock: nodes.wallB });
    await nodes.quiet();
    return nodes;
  }

  pass(milliseconds: number): void {
    this.wallA.pass(milliseconds);
    this.wallB.pass(milliseconds);
  }

  /** What `a` writes in `fn` is under way while `b` writes in `meanwhile`. */
  async delayed(fn: () => void, meanwhile: () => void): Promise<void> {
    this.hub.pause("a");
    fn();
    await this.stirred();
    meanwhile();
    this.pass(second);
    this.hub.resume("a");
    await this.quiet();
  }

  /** Lets what was written go out to the broker. */
  async stirred(): Promise<void> {
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
  }
}

describe.each(shapes)("partitions: %s", (partitions) => {
  describe.each([0, 3_600_000, -3_600_000])("with clocks %i ms apart", (skew) => {
    test("a newer write stays, an older one goes", async () => {
      await using nodes = await Skewed.start(skew, partitions);
      const { a, b } = nodes;
      await nodes.delayed(
        () => a.users.put("x", 1),
        () => {
          nodes.pass(second);
          b.users.put("x", 2);
        },
      );
      expect(b.users.get("x")).toBe(2);
      b.users.put("y", 1);
      nodes.pass(second);
      a.users.put("y", 2);
      await nodes.quiet();
      expect(b.users.has("y")).toBe(false);
      // What it kept was newer: the writer of the older one has removed that.
      expect(a.users.has("x")).toBe(false);
    });
  });

  describe.each(["wallA", "wallB"] as const)("when %s is set", (wall) => {
    test.each([3_600_000, -3_600_000])("by %i ms, what is older goes", async (step) => {
      await using nodes = await Skewed.start(0, partitions);
      const { a, b } = nodes;
      b.users.put("x", 1);
      nodes.pass(second);
      nodes[wall].set(step);
      b.users.put("y", 1);
      nodes.pass(second);
      for (const key of ["x", "y"]) a.users.put(key, 2);
      await nodes.quiet();
      expect([...b.users.getAll().keys()]).toEqual([]);
      // And what is newer stays.
      await nodes.delayed(
        () => a.users.put("x", 3),
        () => {
          nodes.pass(second);
          b.users.put("x", 4);
        },
      );
      expect(b.users.get("x")).toBe(4);
    });
  });

  test("what was written at the same time, within the precision of the clocks, is deleted", async () => {
    await using nodes = await Skewed.start(0, partitions);
    const { a, b } = nodes;
    for (const apart of [0, 1]) {
      await nodes.delayed(
        () => a.users.put("x", 1),
        () => {
          nodes.pass(apart);
          b.users.put("x", 2);
        },
      );
      expect(b.users.has("x")).toBe(false);
    }
  });

  test("each key by itself; prefixes and everything spare what is newer", async () => {
    await using nodes = await Skewed.start(0, partitions);
    const { a, b } = nodes;
    const left = async (change: () => void): Promise<string[]> => {
      b.users.putAll([
        ["p1", 0],
        ["p2", 0],
        ["q", 0],
      ]);
      nodes.pass(second);
      await nodes.quiet();
      a.users.putAll(
        [
          ["p1", 0],
          ["p2", 0],
          ["q", 0],
        ],
        { fill: true },
      );
      await nodes.quiet();
      await nodes.delayed(change, () => {
        nodes.pass(second);
        b.users.put("p2", 1);
      });
      return [...b.users.getAll().keys()].sort();
    };
    expect(
      await left(() =>
        a.users.putAll([
          ["p1", 1],
          ["p2", 2],
        ]),
      ),
    ).toEqual(["p2", "q"]);
    expect(await left(() => a.users.deleteAll({ prefix: "p" }))).toEqual(["p2", "q"]);
    expect(await left(() => a.users.deleteAll())).toEqual(["p2"]);
    expect(await left(() => a.users.deleteAll({ prefix: "q" }))).toEqual(["p1", "p2"]);
  });

  test("without newer ones a query goes as a query", async () => {
    await using nodes = await Skewed.start(0, partitions);
    const { a, b } = nodes;
    b.users.putAll([
      ["p1", 0],
      ["p2", 0],
    ]);
    await nodes.quiet();
    nodes.pass(second);
    a.users.put("p1", 0, { fill: true });
    await nodes.quiet();
    b.take();
    a.users.deleteAll({ prefix: "p" });
    await nodes.quiet();
    expect(b.take()).toContain("deleted deleteAll p* !");
  });
});

test("what came of another life of the origin's stream can't be compared", async () => {
  await using nodes = await Skewed.start(0);
  const { a, b } = nodes;
  await nodes.delayed(
    () => a.users.put("x", 1),
    () => {
      nodes.pass(second);
      b.users.put("x", 2);
      const origins = (b.stream.replicator as Replicator).replicas;
      const origin = origins.find("a") as Replica;
      jest
        .spyOn(origins, "find")
        .mockReturnValue(
          Object.create(origin, { epoch: { value: "another" }, skew: { value: 0 } }) as Replica,
        );
    },
  );
  expect(b.users.has("x")).toBe(false);
});

test("a worker's restart forgets nothing", async () => {
  await using nodes = await Skewed.start(0);
  const { a, b } = nodes;
  nodes.hub.pause("a");
  a.users.put("x", 1);
  await nodes.stirred();
  nodes.pass(second);
  b.users.put("x", 2);
  await b.tree.workerReborn(0, kill, "users:invalidator");
  await b.tree.workerReborn(0, crash, "users:invalidator");
  nodes.pass(second);
  nodes.hub.resume("a");
  await nodes.quiet();
  expect(b.users.get("x")).toBe(2);
});

describe("what is remembered", () => {
  const users = defineCache<string, number>({ name: "remembered" });
  const time = { now: 100 };

  async function started(max?: number) {
    const cache = users.instance(`i${Math.random()}`);
    const ref = await startCache(cache);
    const writes = new RecentWrites(slotOf(cache), () => time.now, max);
    return { cache, ref, writes, knows: (key: string) => writes.isNewer(key, time.now) };
  }

  test("writes, each with its time", async () => {
    const { cache, writes } = await started();
    cache.put("x", 1);
    expect([writes.isNewer("x", 100), writes.isNewer("x", 101)]).toEqual([true, false]);
    time.now = 200;
    cache.increment("x");
    expect(writes.isNewer("x", 200)).toBe(true);
    time.now = 100;
  });

  test("not fills, nor what leaves the value as it was", async () => {
    const { cache, knows } = await started();
    cache.put("filled", 1, { fill: true });
    cache.getOrStore("got", () => 1);
    await cache.fetchOrStore("fetched", () => 1);
    cache.putAll([["all", 1]], { fill: true });
    cache.touch("filled");
    cache.expire("filled", 1000);
    expect(["filled", "got", "fetched", "all"].map(knows)).toEqual([false, false, false, false]);
  });

  test("a write over a fill, not a fill over a write; touch and expire keep the write's time", async () => {
    const { cache, knows, writes } = await started();
    cache.put("x", 1, { fill: true });
    cache.replace("x", 2);
    expect(knows("x")).toBe(true);
    time.now = 150;
    cache.expire("x", 1000);
    cache.touch("x");
    expect([writes.isNewer("x", 150), writes.isNewer("x", 100)]).toEqual([false, true]);
    time.now = 100;
    cache.put("x", 3, { fill: true });
    expect(knows("x")).toBe(false);
    cache.putAll([["x", 4]]);
    expect(knows("x")).toBe(true);
    cache.putAll([["x", 4]], { fill: true });
    expect(knows("x")).toBe(false);
  });

  test("nothing of what is gone", async () => {
    const { cache, knows, writes } = await started();
    const put = (): void =>
      cache.putAll([
        ["p1", 1],
        ["p2", 1],
        ["q", 1],
      ]);
    put();
    cache.delete("p1");
    expect(["p1", "p2"].map(knows)).toEqual([false, true]);
    put();
    cache.deleteAll({ prefix: "p" });
    expect(["p1", "p2", "q"].map(knows)).toEqual([false, false, true]);
    put();
    cache.deleteAll({ keys: ["p1", "q"] });
    expect(["p1", "p2", "q"].map(knows)).toEqual([false, true, false]);
    put();
    cache.deleteAll();
    expect(writes.size).toBe(0);
  });

  test("the most recent ones, and not all of the others", async () => {
    const { cache, knows, writes } = await started(3);
    for (const key of ["a", "b", "c", "d", "e"]) {
      cache.put(key, 1);
      cache.put("hot", 1);
    }
    expect(["c", "d", "e", "hot"].map(knows)).toEqual([true, true, true, true]);
    for (let n = 0; n < 100; n++) cache.put(`k${n}`, n);
    expect(["k97", "k98", "k99"].map(knows)).toEqual([true, true, true]);
    expect(["a", "hot", "k93"].map(knows)).toEqual([false, false, false]);
    expect(writes.size).toBeLessThanOrEqual(6);
  });

  test("nothing of what is gone, however long ago it was written", async () => {
    const { cache, knows } = await started(2);
    for (const key of ["a", "b", "c"]) cache.put(key, 1);
    expect(knows("a")).toBe(true);
    cache.delete("a");
    cache.put("a", 1, { fill: true });
    cache.put("b", 1, { fill: true });
    expect(["a", "b", "c"].map(knows)).toEqual([false, false, true]);
  });

  test("nothing of a cache that has ended, and again of the next", async () => {
    const { cache, ref, writes, knows } = await started();
    cache.put("x", 1);
    await ref.kill();
    expect(writes.size).toBe(0);
    expect(() => cache.get("x")).toThrow(CacheNotStartedError);
    await startCache(cache);
    cache.put("y", 1);
    expect(["x", "y"].map(knows)).toEqual([false, true]);
  });

  test("nothing when it is closed, also where the cache starts again", async () => {
    const { cache, ref, writes } = await started();
    const { running } = slotOf(cache);
    cache.put("x", 1);
    writes.close();
    expect([running?.emitter.active, writes.size]).toEqual([false, 0]);
    await ref.kill();
    await startCache(cache);
    expect(slotOf(cache).running?.emitter.active).toBe(false);
  });

  test("a cache that starts after it is listened to from its first command on", async () => {
    const cache = users.instance("late");
    const writes = new RecentWrites(slotOf(cache), () => 5);
    await startCache(cache);
    cache.put("x", 1);
    expect(writes.isNewer("x", 5)).toBe(true);
  });
});

test("the end of an invalidator leaves no listener behind", async () => {
  await using nodes = new Nodes();
  const a = await nodes.start("a", { stream: {} });
  const { running } = a.stream.slot;
  await a.tree.sup.terminateChild("users:invalidator");
  await a.tree.sup.terminateChild("users:stream");
  expect(running?.emitter.active).toBe(false);
});
