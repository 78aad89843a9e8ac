import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { PubSubStatus } from "../../pubsub/transport.js";
import { type Case, rejectsWith } from "./cluster.js";

/** What holds on one node. @internal */
export const localCases: readonly Case[] = [
  [
    "is closed, then connected, then closed",
    async (cluster) => {
      const pubsub = cluster.create("a");
      assert.equal(pubsub.status, "closed");
      assert.equal(pubsub.childSpec().id, `pubsub:${pubsub.nodeName}`);
      const seen: PubSubStatus[] = [];
      const cancel = pubsub.onStatus((status) => seen.push(status));
      const node = await cluster.startPubSub(pubsub);
      await node.connected();
      await node.supervisor.stop();
      assert.equal(pubsub.status, "closed");
      assert.deepEqual([seen.at(-2), seen.at(-1)], ["connected", "closed"]);
      const before = seen.length;
      cancel();
      await (await cluster.startPubSub(pubsub)).connected();
      assert.equal(seen.length, before, "onStatus's function was called after it was cancelled");
    },
  ],
  [
    "refuses to broadcast before its start, and serves the local subscribers all the same",
    async (cluster) => {
      const pubsub = cluster.create("a");
      const heard: unknown[] = [];
      pubsub.subscribe("topic", (message) => heard.push(message));
      await rejectsWith(pubsub.broadcast("topic", 1), "closed");
      pubsub.localBroadcast("topic", 2);
      assert.deepEqual(heard, [1, 2]);
    },
  ],
  [
    "serves the local subscribers before a call returns, with the message itself",
    async (cluster) => {
      const { pubsub } = await cluster.join("a");
      const heard: unknown[] = [];
      pubsub.subscribe("topic", (message) => heard.push(message));
      const message = { some: "message" };
      const calls = [
        () => pubsub.broadcast("topic", message),
        () => pubsub.broadcastFrom(() => {}, "topic", message),
        async () => pubsub.localBroadcast("topic", message),
        () => pubsub.directBroadcast(pubsub.nodeName, "topic", message),
      ];
      for (const [index, call] of calls.entries()) {
        const result = call();
        assert.equal(heard.length, index + 1);
        assert.equal(heard[index], message);
        await result;
      }
    },
  ],
  [
    "serves a subscriber as often as it has subscribed, until one unsubscribe",
    async (cluster) => {
      const { pubsub } = await cluster.join("a");
      const heard: unknown[] = [];
      const subscriber = (message: unknown): void => void heard.push(message);
      pubsub.unsubscribe("topic", subscriber);
      pubsub.subscribe("topic", subscriber);
      pubsub.subscribe("topic", subscriber);
      pubsub.subscribe("other", subscriber);
      await pubsub.broadcast("topic", 1);
      assert.deepEqual(heard, [1, 1]);
      pubsub.unsubscribe("topic", subscriber);
      await pubsub.broadcast("topic", 2);
      await pubsub.broadcast("other", 3);
      assert.deepEqual(heard, [1, 1, 3]);
    },
  ],
  [
    "forgets an actor that has ended",
    async (cluster) => {
      const node = await cluster.join("a");
      const heard: unknown[] = [];
      const ref = await node.actor("topic", heard);
      await node.pubsub.broadcast("topic", 1);
      await cluster.arrives(heard, [1]);
      await ref.kill();
      node.pubsub.subscribe("topic", ref);
      await node.pubsub.broadcast("topic", 2);
      await node.actor("topic", heard);
      await node.pubsub.broadcast("topic", 3);
      await cluster.arrives(heard, [1, 3]);
    },
  ],
  [
    "goes on when a subscriber throws, and reports it",
    async (cluster) => {
      const { pubsub } = await cluster.join("a");
      const reports: unknown[] = [];
      const report = (message: unknown): void => void reports.push(message);
      subscribe("nebulex.pubsub.subscriber_error", report);
      try {
        const heard: unknown[] = [];
        const error = new Error("a subscriber's");
        pubsub.subscribe("topic", () => {
          throw error;
        });
        pubsub.subscribe("topic", (message) => heard.push(message));
        await pubsub.broadcast("topic", 1);
        await pubsub.broadcast("topic", 2);
        assert.deepEqual(heard, [1, 2]);
        const ours = reports.filter((each) => (each as { error: unknown }).error === error);
        assert.equal(ours.length, 2);
      } finally {
        unsubscribe("nebulex.pubsub.subscriber_error", report);
      }
    },
  ],
  [
    "refuses what it can't encode, and what is too large, and serves the local subscribers all the same",
    async (cluster) => {
      const { pubsub } = await cluster.join("a", { maxMessageSize: 2048 });
      const heard: unknown[] = [];
      pubsub.subscribe("topic", (message) => heard.push(message));
      const messages = [() => 1, "x".repeat(4096)];
      await rejectsWith(pubsub.broadcast("topic", messages[0]), "not_encodable");
      await rejectsWith(pubsub.broadcast("topic", messages[1]), "too_large");
      assert.deepEqual(heard, messages);
    },
  ],
  [
    "can't be started twice at a time, but again after it was stopped",
    async (cluster) => {
      const node = await cluster.join("a");
      const second = await cluster.startPubSub(node.pubsub).then(
        () => undefined,
        (error: unknown) => error as { cause?: { reason?: unknown } },
      );
      assert.equal(second?.cause?.reason, "already_started");
      assert.equal(node.pubsub.status, "connected");
      await node.supervisor.stop();
      await (await cluster.startPubSub(node.pubsub)).connected();
    },
  ],
];
