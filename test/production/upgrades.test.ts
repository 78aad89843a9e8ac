import { beforeEach, expect, test } from "@jest/globals";
import {
  createHub,
  type Hub,
  localPubSub,
  type PubSub,
  ShapeMismatchError,
} from "../../src/index.js";
import type { LocalHub } from "../../src/pubsub/hub.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { Listener } from "../helpers/actors.js";
import { ofVersion } from "../pubsub/sealed.js";
import { exchange, startFailure, startNode } from "./nodes.js";

let hub: Hub;
beforeEach(() => {
  hub = createHub();
});

const pubsub = (nodeName: string, options = {}): PubSub =>
  localPubSub({ hub, nodeName, heartbeat: 500, ...options });

test("a node of the same shape joins, whatever its codec, and others stop without a gap", async () => {
  await using a = await startNode(pubsub("a"));
  const b = await startNode(pubsub("b", { codec: "json" }));
  await exchange(a, b);
  using nodes = new Listener<{ status: string }>("nebulex.streams.node");
  await b.tree.stop();
  await waitFor(() => nodes.messages.some(({ status }) => status === "down"));
  expect(a.gaps.filter(({ from, to }) => to >= from)).toEqual([]);
});

test("a node with other partitions does not start; the others go on, also beside its namespace", async () => {
  await using a = await startNode(pubsub("a"));
  using clashes = new Listener("nebulex.streams.shape_mismatch");
  const error = await startFailure(startNode(pubsub("b"), 8));
  expect(error).toBeInstanceOf(ShapeMismatchError);
  expect(clashes.messages).toHaveLength(1);
  await using c = await startNode(pubsub("c"));
  await exchange(a, c);
  await using next = await startNode(pubsub("b", { namespace: "release-2" }), 8);
  next.cache.put("key", 1, { fill: true });
  a.cache.put("key", 2);
  a.cache.put("last", 1);
  await exchange(a, c);
  expect(next.cache.get("key")).toBe(1);
});

test("a node of a name that is taken does not start", async () => {
  await using a = await startNode(pubsub("a"));
  const error = await startFailure(startNode(pubsub("a")));
  expect(error).toMatchObject({ name: "PubSubError", reason: "node_name_taken" });
  expect(a.pubsub.status).toBe("connected");
});

test("messages of another version of the wire format are rejected, and counted", async () => {
  await using a = await startNode(pubsub("a"));
  await using b = await startNode(pubsub("b"));
  using rejected = new Listener<{ reason: string; channel: string }>(
    "nebulex.pubsub.message_rejected",
  );
  const transport = (hub as LocalHub).transport("stranger");
  await transport.open({ message: () => {}, status: () => {} });
  await transport.publish("nebulex:bus:stream:users:users:nodes", ofVersion(9));
  await waitFor(() => rejected.messages.length === 2);
  expect(rejected.messages.map(({ reason }) => reason)).toEqual(["version", "version"]);
  await exchange(a, b);
});
