import { describe, expect, test } from "@jest/globals";
import type { StreamShape } from "../../src/errors.js";
import type { CacheEvent } from "../../src/event/event.js";
import type { GapEvent } from "../../src/event/types.js";
import { localPubSub, startSupervisor, type Supervisor } from "../../src/index.js";
import { frame } from "../../src/pubsub/frame.js";
import { type Bus, busOf, type PubSubWithBus } from "../../src/pubsub/types.js";
import { type ObservedNode, Observer } from "../../src/cli/observer.js";
import { Cluster, fieldsOf, heartbeat, isData } from "../cluster/cluster.js";

/** The bus, whose subscriptions to data are ready only when `until` has settled. */
function slow(bus: Bus, until: Promise<void>): Bus {
  const listen: Bus["listen"] = (channel, onMessage) => {
    if (!channel.includes(":data:")) return bus.listen(channel, onMessage);
    const ready = until.then(() => bus.listen(channel, onMessage).ready);
    return { ready, close: () => {} };
  };
  return new Proxy(bus, {
    get: (target, name) => {
      if (name === "listen") return listen;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** An observer, and all that it has reported. */
class Watching implements AsyncDisposable {
  readonly events: CacheEvent[] = [];
  readonly gaps: GapEvent[] = [];
  readonly statuses: string[] = [];
  readonly shapes: [StreamShape, string, readonly number[]][] = [];
  readonly taken: string[] = [];
  readonly rejected: string[] = [];
  readonly bus: Bus;
  readonly observer: Observer;
  readonly #sup: Supervisor;
  readonly #cluster: Cluster;

  constructor(cluster: Cluster, bus: Bus, sup: Supervisor, partition?: number) {
    this.#cluster = cluster;
    this.#sup = sup;
    this.bus = bus;
    this.observer = new Observer({
      bus: this.bus,
      cache: "users",
      name: "users",
      clock: cluster.clock,
      ...(partition === undefined ? {} : { partition }),
      listener: {
        events: (events) => void this.events.push(...events),
        gap: (gap) => void this.gaps.push(gap),
        node: ({ node }, status) => void this.statuses.push(`${node} ${status}`),
        shape: (...shape) => void this.shapes.push(shape),
        nameTaken: (node) => void this.taken.push(node),
        rejected: (reason) => void this.rejected.push(reason),
      },
    });
  }

  static async start(
    cluster: Cluster,
    partition?: number,
    subscribed?: Promise<void>,
  ): Promise<Watching> {
    const pubsub = localPubSub({ hub: cluster.hub, nodeName: "watcher", heartbeat });
    const { clock } = cluster;
    const sup = await cluster.passing(
      startSupervisor({ strategy: "one_for_one", clock, children: [pubsub] }),
    );
    const bus = (pubsub as PubSubWithBus)[busOf];
    const used = subscribed === undefined ? bus : slow(bus, subscribed);
    const watching = new Watching(cluster, used, sup, partition);
    await cluster.rest();
    return watching;
  }

  get keys(): unknown[] {
    return this.events.map(({ target }) => (target.kind === "key" ? target.key : target));
  }

  node(name: string): ObservedNode | undefined {
    return this.observer.nodes().find(({ node }) => node === name);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.observer.close();
    await this.#cluster.passing(this.#sup.stop());
  }
}

const two = { stream: { partitions: 2, include: ["value"] as const } };

describe("an observer", () => {
  test("finds the running nodes, and sees all that they write", async () => {
    await using cluster = new Cluster();
    const [a] = await cluster.startAll(["a", "b"], two);
    a!.cache.put("before", 0);
    await cluster.rest();
    await using watching = await Watching.start(cluster);
    expect(
      watching.observer
        .nodes()
        .map(({ node }) => node)
        .sort(),
    ).toEqual(["a", "b"]);
    expect(watching.shapes).toEqual([
      [{ partitions: 2, hash: "defaultHash", version: 1 }, expect.any(String), [0, 1]],
    ]);
    const value = new Map([[1n, new Set([new Date(0)])]]);
    a!.cache.put("x", value);
    a!.cache.delete("before");
    await cluster.until(() => watching.events.length === 2);
    expect(
      watching.events.find(({ target }) => target.kind === "key" && target.key === "x"),
    ).toMatchObject({
      cache: "users",
      name: "users",
      type: "inserted",
      command: "put",
      value,
      metadata: { node: "a", epoch: a!.epoch, partitions: 2, sequence: expect.any(Number) },
    });
    expect(watching.gaps).toEqual([]);
  });

  test("expects nothing that was sent before it subscribed, though a running node says hello", async () => {
    await using cluster = new Cluster();
    const a = await cluster.start("a");
    for (const key of ["k0", "k1", "k2"]) a.cache.put(key, 0);
    await cluster.rest();
    const cancel = cluster.hub.intercept((message) =>
      message.to === "watcher" && fieldsOf(message)?.[0] === 2 ? "drop" : "deliver",
    );
    let subscribe!: () => void;
    const subscribed = new Promise<void>((resolve) => (subscribe = resolve));
    await using watching = await Watching.start(cluster, undefined, subscribed);
    // A node says hello whenever it subscribes to something.
    a.read();
    await cluster.until(() => watching.shapes.length === 1);
    a.cache.put("meanwhile", 0);
    await cluster.rest();
    subscribe();
    cancel();
    await cluster.rest();
    a.cache.put("after", 0);
    await cluster.until(() => watching.keys.includes("after"));
    expect([watching.keys, watching.gaps]).toEqual([["after"], []]);
  });

  test("is no node: no node knows it, and it publishes only its questions", async () => {
    await using cluster = new Cluster();
    const said: unknown[] = [];
    const statuses: number[] = [];
    cluster.hub.intercept((message) => {
      if (message.from === "watcher") said.push(fieldsOf(message)?.[0]);
      return "deliver";
    });
    const a = await cluster.start("a", two);
    await using watching = await Watching.start(cluster);
    await using second = await Watching.start(cluster);
    await cluster.start("b", { stream: { partitions: 2 } });
    await cluster.until(() => watching.statuses.includes("b up"));
    statuses.push(a.bus.rejected);
    expect(new Set(said)).toEqual(new Set([5]));
    expect(statuses).toEqual([0]);
    expect(second.statuses).toContain("a up");
    expect(second.statuses).not.toContain("watcher up");
  });

  test("follows nodes that start later, and misses nothing that they write at once", async () => {
    await using cluster = new Cluster();
    await using watching = await Watching.start(cluster);
    expect(watching.observer.nodes()).toEqual([]);
    const a = await cluster.start("a", two);
    for (let n = 0; n < 10; n++) a.cache.put(n, n);
    await cluster.until(
      () =>
        watching.events.length +
          watching.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0) ===
        10,
    );
    await cluster.stop(a);
    await cluster.until(() => watching.statuses.includes("a down"));
    expect(watching.observer.nodes()).toEqual([]);
  });

  test("expects what a new node writes before its subscriptions are made; later observers only what comes then", async () => {
    await using cluster = new Cluster();
    let subscribe = (): void => {};
    const subscribed = new Promise<void>((resolve) => (subscribe = resolve));
    await using watching = await Watching.start(cluster, undefined, subscribed);
    const a = await cluster.start("a");
    await using late = await Watching.start(cluster);
    for (let n = 0; n < 3; n++) a.cache.put(n, n);
    await cluster.rest();
    await using later = await Watching.start(cluster);
    subscribe();
    await cluster.until(() => watching.gaps.length > 0);
    expect(watching.gaps).toMatchObject([{ from: 0, to: 2 }]);
    a.cache.put(3, 3);
    await cluster.until(() => watching.keys.length === 1 && later.keys.length === 1);
    expect([late.gaps, later.gaps]).toEqual([[], []]);
  });

  test("reports gaps with exact bounds", async () => {
    await using cluster = new Cluster();
    const a = await cluster.start("a");
    await using watching = await Watching.start(cluster);
    a.cache.put(0, 0);
    await cluster.until(() => watching.events.length === 1);
    const stop = cluster.hub.intercept((message) =>
      isData(message) && message.to === "watcher" ? "drop" : "deliver",
    );
    a.cache.put(1, 1);
    a.cache.put(2, 2);
    await cluster.rest();
    stop();
    a.cache.put(3, 3);
    await cluster.until(() => watching.events.length === 2);
    expect(watching.keys).toEqual([0, 3]);
    expect(watching.gaps).toEqual([
      {
        type: "gap",
        cache: "users",
        name: "users",
        partition: null,
        from: 1,
        to: 2,
        reason: "transport",
        node: "a",
        epoch: a.epoch,
      },
    ]);
  });

  test("sees nodes of different shapes, and the events of all", async () => {
    await using cluster = new Cluster();
    await using watching = await Watching.start(cluster);
    // Each of them starts while it cannot hear the other.
    cluster.hub.intercept(({ from, to }) =>
      from !== "watcher" && to !== "watcher" ? "drop" : "deliver",
    );
    const a = await cluster.start("a", { stream: { partitions: 2 } });
    const b = await cluster.start("b", { stream: { partitions: 3 } });
    await cluster.rest();
    a.cache.put("of a", 1);
    b.cache.put("of b", 1);
    await cluster.until(() => watching.events.length === 2);
    expect(watching.keys.map(String).sort()).toEqual(["of a", "of b"]);
    expect(watching.observer.shapes().map(({ partitions }) => partitions)).toEqual([2, 3]);
    expect(watching.node("b")?.shape.partitions).toBe(3);
  });

  test("can keep to one partition", async () => {
    await using cluster = new Cluster();
    const a = await cluster.start("a", { stream: { partitions: 2 } });
    await using watching = await Watching.start(cluster, 1);
    await using none = await Watching.start(cluster, 2);
    for (let n = 0; n < 20; n++) a.cache.put(n, n);
    await cluster.until(() => watching.events.length > 0);
    await cluster.rest();
    expect(new Set(watching.events.map(({ metadata }) => metadata.partition))).toEqual(
      new Set([1]),
    );
    expect(none.events).toEqual([]);
    expect(none.shapes).toEqual([[expect.anything(), "a", []]]);
  });

  test("distinguishes a second node of one name from one that restarts", async () => {
    await using cluster = new Cluster();
    await using watching = await Watching.start(cluster);
    const first = await cluster.start("a");
    await cluster.until(() => watching.statuses.includes("a up"));
    await cluster.hit(first, "users:stream", "crash");
    await cluster.rest();
    expect(watching.taken).toEqual([]);
    const other = await cluster.start("b");
    const epoch = other.epoch;
    // b takes the name of a.
    cluster.hub.intercept((message) => {
      const fields = message.from === "b" ? fieldsOf(message) : undefined;
      if (fields === undefined || fields[4] !== "b") return "deliver";
      if (message.to !== "watcher") return "drop";
      return frame(other.bus.codec, fields.with(4, "a"));
    });
    await cluster.until(() => watching.taken.length > 0);
    first.cache.put("of the first", 1);
    other.cache.put("of the other", 1);
    await cluster.until(() => watching.events.length === 2);
    expect(watching.taken).toEqual(["a"]);
    expect(watching.keys.map(String).sort()).toEqual(["of the first", "of the other"]);
    const epochs = watching.observer.nodes().filter(({ node }) => node === "a");
    expect(epochs.map((node) => node.epoch)).toContain(epoch);
  });

  test("notices silence and return", async () => {
    await using cluster = new Cluster();
    await cluster.start("a");
    await using watching = await Watching.start(cluster);
    cluster.hub.pause("a");
    await cluster.until(() => watching.node("a")?.silent === true);
    expect(watching.node("a")?.heard).toBeGreaterThan(heartbeat);
    cluster.hub.resume("a");
    await cluster.until(() => watching.node("a")?.silent === false);
    expect(watching.statuses).toEqual(["a up", "a silent", "a up"]);
  });

  test("rejects what is no message, or hostile, and continues", async () => {
    await using cluster = new Cluster();
    const a = await cluster.start("a");
    await using watching = await Watching.start(cluster);
    const { codec } = a.bus;
    const shape = (partitions: number): unknown[] => [partitions, "h", 1];
    const state = (partitions: number, coverage: number): unknown[] => {
      const head = [3, "nebulex", "users", "users", "evil", "e", 0, 0, shape(partitions)];
      return [...head, new Array(coverage).fill(-1), 0, null];
    };
    const hostile: unknown[] = [
      1,
      [],
      [5],
      [5, "nebulex", "users", "users", ""],
      [5, "nebulex", "users", "users", "x", "y"],
      [5, "other", "users", "users", "x"],
      [6, "nebulex", "users", "users", "x"],
      state(2, 1),
    ];
    for (const value of hostile)
      await a.bus.publish("stream:users:users:nodes", frame(codec, value));
    await a.bus.publish("stream:users:users:nodes", Uint8Array.of(1, 2, 3));
    await cluster.until(() => watching.rejected.length === hostile.length + 1);
    for (let partitions = 1; partitions < 100; partitions++)
      await a.bus.publish("stream:users:users:nodes", frame(codec, state(partitions, partitions)));
    await cluster.rest();
    expect(watching.observer.shapes().length).toBeLessThan(10);
    a.cache.put("x", 1);
    await cluster.until(() => watching.keys.includes("x"));
  });
});
