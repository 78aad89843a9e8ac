import { afterEach, describe, expect, test } from "@jest/globals";
import { startSupervisor, type Supervisor } from "nebulex-streams/actor";
import { waitFor } from "nebulex-streams/testing";
import { createHub } from "../../src/pubsub/hub.js";
import { localPubSub, type LocalPubSubOptions } from "../../src/pubsub/local.js";
import type { PubSub } from "../../src/pubsub/types.js";

const handles: Supervisor[] = [];
afterEach(async () => {
  for (const handle of handles.splice(0)) await handle.stop();
});

async function started(options: LocalPubSubOptions): Promise<PubSub> {
  const pubsub = localPubSub(options);
  handles.push(await startSupervisor({ children: [pubsub], strategy: "one_for_one" }));
  return pubsub;
}

describe("two nodes on one hub", () => {
  test("hear each other, and not themselves twice", async () => {
    const hub = createHub();
    const [a, b] = [await started({ nodeName: "a", hub }), await started({ nodeName: "b", hub })];
    const heard: string[] = [];
    a.subscribe("news", (message) => heard.push(`a ${String(message)}`));
    b.subscribe("news", (message) => heard.push(`b ${String(message)}`));
    // The hub knows of a subscription when a later publish has passed.
    await b.broadcast("other", 0);
    await a.broadcast("other", 0);
    await a.broadcast("news", 1);
    await b.broadcast("news", 2);
    await waitFor(() => heard.length === 4);
    expect(heard.filter((line) => line.startsWith("a"))).toEqual(["a 1", "a 2"]);
    expect(heard.filter((line) => line.startsWith("b")).sort()).toEqual(["b 1", "b 2"]);
  });
});
