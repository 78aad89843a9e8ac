import { describe, expect, test } from "@jest/globals";
import { getStream, handlerPool, type SubscribeOptions } from "../../src/index.js";
import { Gate, Listener } from "../helpers/actors.js";
import { Cluster, type ClusterNode, type Message } from "./cluster.js";

interface Undelivered {
  from: number;
  to: number;
  count: number;
  others?: { node: string; epoch: string; from: number; to: number; count: number }[];
}

const shown = (message: Message): string =>
  message.type === "gap"
    ? `gap ${message.node} ${message.from}..${message.to}`
    : `${message.metadata.node} ${message.metadata.sequence}`;

/** Two nodes; on `b` a group whose handler blocks at `b`'s event `stuckAt`. */
async function stuckPair(
  cluster: Cluster,
  stuckAt: number,
  partitions?: number,
  options: { capacity?: number; retain?: number; overflow?: "gap" | "coalesce" } = {},
) {
  const gate = new Gate();
  const handled: string[] = [];
  const { overflow, ...limits } = options;
  const stream = { ...(partitions === undefined ? {} : { partitions }), ...limits };
  const a = await cluster.start("a", { stream });
  const b = await cluster.start("b", {
    stream,
    children: (cache) => [
      handlerPool<unknown, unknown, unknown>({
        cache,
        shutdown: 100,
        ...(overflow === undefined ? {} : { overflow }),
        handler: async (event) => {
          const { node, sequence } = event.metadata;
          if (node === "b" && sequence === stuckAt) await gate.promise;
          handled.push(`${node} ${sequence}`);
        },
      }),
    ],
  });
  const live = b.read();
  await cluster.rest();
  return { a, b, gate, handled, live };
}

/** Has the nodes write in turn, one event each, in the order in which `b` receives them. */
async function alternate(
  cluster: Cluster,
  { a, b, live }: { a: ClusterNode; b: ClusterNode; live: { messages: Message[] } },
  rounds: number,
): Promise<void> {
  for (let n = 0; n < rounds; n++) {
    const before = live.messages.length;
    a.cache.put(`a${n}`, n);
    await cluster.until(() => live.messages.length === before + 1);
    b.cache.put(`b${n}`, n);
    await cluster.until(() => live.messages.length === before + 2);
  }
}

const onlyGroup = ({ cache }: ClusterNode) => {
  const [group] = getStream(cache).groups();
  if (group === undefined) throw new Error("no group");
  return group;
};

describe.each([undefined, 1])("numbers on a stream of two nodes, %p partitions", (partitions) => {
  const at: Partial<SubscribeOptions> = partitions === undefined ? {} : { partition: 0 };

  test("groups() counts this node's events, and from takes its position", async () => {
    await using cluster = new Cluster();
    const pair = await stuckPair(cluster, 2, partitions);
    await alternate(cluster, pair, 4);
    await cluster.until(() => pair.handled.length === 5);
    expect(onlyGroup(pair.b)).toMatchObject({ last: 3, position: 2, lag: 3 });
    const reader = pair.b.read({ ...at, from: onlyGroup(pair.b).position });
    await cluster.until(() => reader.messages.length === 3);
    expect(reader.messages.map(shown)).toEqual(["b 2", "a 3", "b 3"]);
    pair.gate.open();
    await cluster.until(() => pair.handled.length === 8);
    expect(onlyGroup(pair.b)).toMatchObject({ last: 3, position: 4, lag: 0 });
    expect(() => pair.b.read({ ...at, from: onlyGroup(pair.b).position })).not.toThrow();
  });

  test("undelivered has bounds of this node, and those of the others apart", async () => {
    await using cluster = new Cluster();
    using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
    const pair = await stuckPair(cluster, 1, partitions);
    await alternate(cluster, pair, 4);
    await cluster.until(() => pair.handled.length === 3);
    await cluster.passing(pair.b.sup.terminateChild("users:handlers"));
    expect(undelivered.messages).toMatchObject([
      {
        from: 1,
        to: 3,
        count: 5,
        others: [{ node: "a", epoch: pair.a.epoch, from: 2, to: 3, count: 2 }],
      },
    ]);
  });

  test("undelivered counts what overtook the group, and what was merged", async () => {
    for (const overflow of ["gap", "coalesce"] as const) {
      await using cluster = new Cluster();
      using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
      const limits = { capacity: 1024, retain: 0, overflow };
      const { a, b, handled, live } = await stuckPair(cluster, 0, partitions, limits);
      for (let n = 0; n < 800; n++) a.cache.put(`a${n}`, n);
      await cluster.until(() => live.events.length === 800 && handled.length === 800);
      for (let n = 0; n < 900; n++) b.cache.put(`b${n}`, n);
      await cluster.until(() => live.events.length === 1700);
      for (let n = 800; n < 1600; n++) a.cache.put(`a${n}`, n);
      await cluster.until(() => live.events.length === 2500);
      expect(onlyGroup(b)).toMatchObject({ last: 899, position: 0 });
      await cluster.passing(b.sup.terminateChild("users:handlers"));
      expect(undelivered.messages).toMatchObject([
        {
          from: 0,
          to: 899,
          count: 1700,
          others: [{ node: "a", from: 800, to: 1599, count: 800 }],
        },
      ]);
    }
  });

  test("an entry of a snapshot has the sequence of this node's last event", async () => {
    await using cluster = new Cluster();
    const pair = await stuckPair(cluster, -1, partitions);
    await alternate(cluster, pair, 3);
    const reader = pair.b.read({ snapshot: true });
    await cluster.until(() => reader.events.length > 0);
    expect(new Set(reader.events.map(({ metadata }) => metadata.sequence))).toEqual(new Set([2]));
  });
});
