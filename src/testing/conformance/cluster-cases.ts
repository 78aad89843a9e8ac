import assert from "node:assert/strict";
import { type Case } from "./cluster.js";

/** Values of every type that codecs keep. */
const values: readonly unknown[] = [
  "text",
  "Grüße, 世界 🌍",
  "",
  0,
  -0,
  1.5,
  2 ** 40,
  Number.NaN,
  -Infinity,
  2n ** 100n,
  -1n,
  true,
  null,
  undefined,
  new Date(1_700_000_000_000),
  Uint8Array.of(0, 1, 255),
  new Map<unknown, unknown>([
    [1, "one"],
    [{ key: 1 }, new Set(["a", 2])],
  ]),
  [undefined, [null, []]],
  { field: undefined, nested: { constructor: 1, $date: 2 } },
];

/** What holds among several nodes that are connected. @internal */
export const clusterCases: readonly Case[] = [
  [
    "broadcasts to every subscriber of exactly that topic on every node, the sender's included, once",
    async (cluster) => {
      const nodes = [await cluster.join("a"), await cluster.join("b"), await cluster.join("c")];
      const [a, b, c] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
      const lists = [a.record("topic"), b.record("topic"), b.record("topic"), c.record("topic")];
      const others = nodes.map((node) => node.record("topic:1"));
      for (const node of [b, c]) await node.hears(a, "topic");
      for (const node of [b, c]) await node.hears(a, "topic:1");
      for (const message of [1, 2, 3]) await a.pubsub.broadcast("topic", message);
      for (const list of lists) await cluster.arrives(list, [1, 2, 3]);
      await a.pubsub.broadcast("topic:1", "fence");
      for (const list of others) await cluster.arrives(list, ["fence"]);
      for (const list of lists) assert.deepEqual(list, [1, 2, 3]);
    },
  ],
  [
    "delivers to actors on other nodes",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const heard: unknown[] = [];
      await b.actor("topic", heard);
      await b.hears(a, "topic");
      await a.pubsub.broadcast("topic", { to: "an actor" });
      await cluster.arrives(heard, [{ to: "an actor" }]);
    },
  ],
  [
    "keeps a message from the one it is broadcast from, and from nobody else",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const [own, others]: [unknown[], unknown[]] = [[], []];
      const from = a.recorder(own);
      a.pubsub.subscribe("topic", from);
      a.pubsub.subscribe("topic", from);
      a.pubsub.subscribe("topic", a.recorder(others));
      const remote = b.record("topic");
      await b.hears(a, "topic");
      await a.pubsub.broadcastFrom(from, "topic", 1);
      await cluster.arrives(remote, [1]);
      assert.deepEqual([own, others], [[], [1]]);
    },
  ],
  [
    "reaches one node alone, and itself alone",
    async (cluster) => {
      const [a, b, c] = [await cluster.join("a"), await cluster.join("b"), await cluster.join("c")];
      const lists = [a.record("topic"), b.record("topic"), c.record("topic")] as const;
      for (const node of [b, c]) await node.hears(a, "topic");
      await a.pubsub.directBroadcast(b.pubsub.nodeName, "topic", "to b");
      await a.pubsub.directBroadcast(b.pubsub.nodeName, "unheard of", "to nobody");
      await a.pubsub.directBroadcast(`nobody-${cluster.id}`, "topic", "to nobody");
      await a.pubsub.directBroadcast(a.pubsub.nodeName, "topic", "to a");
      a.pubsub.localBroadcast("topic", "local");
      await cluster.arrives(lists[1], ["to b"]);
      await a.pubsub.broadcast("topic", "fence");
      await cluster.arrives(lists[1], ["to b", "fence"]);
      await cluster.arrives(lists[2], ["fence"]);
      assert.deepEqual(lists[0], ["to a", "local", "fence"]);
    },
  ],
  [
    "keeps a sender's order",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const heard = b.record("topic");
      await b.hears(a, "topic");
      const numbers = Array.from({ length: 1000 }, (_, index) => index);
      await Promise.all(numbers.map((number) => a.pubsub.broadcast("topic", number)));
      await cluster.arrives(heard, numbers);
    },
  ],
  [
    "keeps the types of what it sends, and large messages whole",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const heard = b.record("topic");
      await b.hears(a, "topic");
      const sent = [...values, "x".repeat(300_000)];
      for (const value of sent) await a.pubsub.broadcast("topic", value);
      await cluster.arrives(heard, sent);
    },
  ],
  [
    "reads both codecs",
    async (cluster) => {
      const a = await cluster.join("a", { codec: "binary" });
      const b = await cluster.join("b", { codec: "json" });
      const lists = [a.record("topic"), b.record("topic")] as const;
      await b.hears(a, "topic");
      await a.hears(b, "topic");
      for (const value of values) await a.pubsub.broadcast("topic", value);
      await cluster.arrives(lists[1], values);
      for (const value of values) await b.pubsub.broadcast("topic", value);
      await cluster.arrives(lists[0], [...values, ...values]);
    },
  ],
  [
    "keeps namespaces apart",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const other = await cluster.join("c", { namespace: `other-${cluster.id}` });
      const [heard, elsewhere] = [b.record("topic"), other.record("topic")];
      await b.hears(a, "topic");
      await other.pubsub.broadcast("topic", "from elsewhere");
      await other.pubsub.directBroadcast(b.pubsub.nodeName, "topic", "from elsewhere");
      await a.pubsub.broadcast("topic", 1);
      await cluster.arrives(heard, [1]);
      assert.deepEqual(elsewhere, ["from elsewhere"]);
    },
  ],
  [
    "takes topics of any characters, and none for a pattern",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const topics = [
        "a.b",
        "a.*",
        "a.>",
        ">",
        "*",
        "a b",
        "a\r\nb",
        "ä🌍",
        "{a}b",
        "a%2Eb",
        "A.B",
        "a..b",
        ".",
        "$SYS.x",
        "x".repeat(200),
      ];
      const lists = topics.map((topic) => b.record(topic));
      for (const topic of topics) await b.hears(a, topic);
      for (const topic of topics) await a.pubsub.broadcast(topic, topic);
      for (const [index, list] of lists.entries()) await cluster.arrives(list, [topics[index]]);
    },
  ],
  [
    "ends and renews a subscription on all nodes",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const fences = b.record("fence");
      const heard: unknown[] = [];
      const subscriber = b.recorder(heard);
      b.pubsub.subscribe("topic", subscriber);
      await b.hears(a, "topic");
      await b.hears(a, "fence");
      b.pubsub.unsubscribe("topic", subscriber);
      await a.pubsub.broadcast("topic", "unheard");
      await a.pubsub.broadcast("fence", 1);
      await cluster.arrives(fences, [1]);
      for (let time = 0; time < 10; time++) {
        b.pubsub.subscribe("topic", subscriber);
        b.pubsub.unsubscribe("topic", subscriber);
      }
      b.pubsub.subscribe("topic", subscriber);
      await b.hears(a, "topic");
      await a.pubsub.broadcast("topic", "heard");
      await cluster.arrives(heard, ["heard"]);
    },
  ],
  [
    "sends what was broadcast before it is stopped",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const heard = b.record("topic");
      await b.hears(a, "topic");
      const numbers = Array.from({ length: 100 }, (_, index) => index);
      const sending = numbers.map((number) => a.pubsub.broadcast("topic", number));
      await a.supervisor.stop();
      await Promise.all(sending);
      await cluster.arrives(heard, numbers);
    },
  ],
  [
    "has its subscriptions again when its actor is restarted",
    async (cluster) => {
      const [a, b] = [await cluster.join("a"), await cluster.join("b")];
      const heard = b.record("topic");
      await b.hears(a, "topic");
      const holder = await b.holder();
      await holder.kill();
      await cluster.until(async () => (await b.holder()) !== holder, "another incarnation");
      await b.connected();
      // Connected is reported when the subscriptions stand, so this one needs no further try.
      await a.pubsub.broadcast("topic", 1);
      await cluster.arrives(heard, [1]);
      await a.pubsub.directBroadcast(b.pubsub.nodeName, "topic", 2);
      await cluster.arrives(heard, [1, 2]);
    },
  ],
  [
    "has what was subscribed to before its start",
    async (cluster) => {
      const a = await cluster.join("a");
      const pubsub = cluster.create("b");
      const heard: unknown[] = [];
      pubsub.subscribe("topic", (message) => heard.push(message));
      await (await cluster.startPubSub(pubsub)).connected();
      await a.pubsub.broadcast("topic", 1);
      await cluster.arrives(heard, [1]);
    },
  ],
];
