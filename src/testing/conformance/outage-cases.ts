import assert from "node:assert/strict";
import type { PubSubStatus } from "../../pubsub/transport.js";
import { type Case, type Cluster, type Node, rejectsWith } from "./cluster.js";

/** What holds while the broker is away, and afterwards. @internal */
export const outageCases: readonly Case[] = [
  [
    "refuses to broadcast during an outage, and serves the local subscribers all the same",
    async (cluster) => {
      const a = await cluster.join("a");
      const heard = a.record("topic");
      const seen: PubSubStatus[] = [];
      a.pubsub.onStatus((status) => seen.push(status));
      await outage(cluster, [a], async () => {
        await rejectsWith(a.pubsub.broadcast("topic", 1), "not_connected");
        await rejectsWith(a.pubsub.directBroadcast("nobody", "topic", 2), "not_connected");
        await a.pubsub.directBroadcast(a.pubsub.nodeName, "topic", 3);
        a.pubsub.localBroadcast("topic", 4);
        assert.deepEqual(heard, [1, 3, 4]);
      });
      assert.deepEqual([seen[0], seen.at(-1)], ["reconnecting", "connected"]);
      await a.pubsub.broadcast("topic", 5);
      assert.deepEqual(heard, [1, 3, 4, 5]);
    },
  ],
  [
    "has its subscriptions again once it reports that it is connected, those of the meantime included",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const [before, fences] = [b.record("before"), b.record("fence")];
      const dropped: unknown[] = [];
      const subscriber = b.recorder(dropped);
      b.pubsub.subscribe("dropped", subscriber);
      for (const topic of ["before", "dropped", "fence"]) await b.hears(a, topic);
      let during: unknown[] = [];
      await outage(cluster, [a, b], () => {
        during = b.record("during");
        b.pubsub.unsubscribe("dropped", subscriber);
      });
      for (const topic of ["before", "during", "dropped", "fence"])
        await a.pubsub.broadcast(topic, topic);
      await a.pubsub.directBroadcast(b.pubsub.nodeName, "fence", "direct");
      await cluster.arrives(before, ["before"]);
      await cluster.arrives(during, ["during"]);
      await cluster.arrives(fences, ["fence", "direct"]);
      assert.deepEqual(dropped, []);
    },
  ],
  [
    "starts, and is stopped, while the broker is away",
    async (cluster) => {
      const a = await cluster.join("a");
      let late!: Node;
      let heard: unknown[] = [];
      await outage(cluster, [a], async () => {
        late = await cluster.start("late");
        assert.equal(late.pubsub.status, "reconnecting");
        heard = late.record("topic");
        const brief = await cluster.start("brief");
        await brief.supervisor.stop();
        assert.equal(brief.pubsub.status, "closed");
      });
      await late.connected();
      await a.pubsub.broadcast("topic", 1);
      await cluster.arrives(heard, [1]);
    },
  ],
];

/** The broker is away while `during` runs; before and after it, all nodes know. */
async function outage(
  cluster: Cluster,
  nodes: readonly Node[],
  during: () => void | Promise<void>,
): Promise<void> {
  await cluster.interrupt();
  try {
    for (const { pubsub } of nodes)
      await cluster.until(() => pubsub.status === "reconnecting", "the outage to be noticed");
    await during();
  } finally {
    await cluster.restore();
  }
  for (const node of nodes) await node.connected();
}
