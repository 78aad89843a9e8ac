import { afterEach, describe, expect, test } from "@jest/globals";
import { startSupervisor, type Supervisor } from "nebulex-streams/actor";
import { waitFor } from "nebulex-streams/testing";
import { createHub, type HubMessage } from "../../src/pubsub/hub.js";
import { localPubSub, type LocalPubSubOptions } from "../../src/pubsub/local.js";
import { busOf, type PubSub, type PubSubWithBus } from "../../src/pubsub/types.js";

const supervisors: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop();
});

async function start(options: LocalPubSubOptions): Promise<PubSub> {
  const pubsub = localPubSub(options);
  supervisors.push(await startSupervisor({ children: [pubsub], strategy: "one_for_one" }));
  return pubsub;
}

/** Nodes `a` and `b` on one hub, and what `b` receives on topic `t`. */
async function pair() {
  const hub = createHub();
  const heard: unknown[] = [];
  const b = localPubSub({ nodeName: "b", hub });
  // Before the start, so that the subscription is made when it is connected.
  b.subscribe("t", (message) => heard.push(message));
  supervisors.push(await startSupervisor({ children: [b], strategy: "one_for_one" }));
  return { hub, a: await start({ nodeName: "a", hub }), b, heard };
}

describe("the options", () => {
  test.each([
    [{ hub: {} }, "hub"],
    [{ url: "x" }, "url"],
    [{ nodeName: "a:b" }, "nodeName"],
  ])("%j is refused", (options, option) => {
    expect(() => localPubSub(options as object)).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });
});

describe("without a hub", () => {
  test("it reaches no other node, and encodes nothing", async () => {
    const [a, b] = [await start({ nodeName: "a" }), await start({ nodeName: "b" })];
    const heard: unknown[] = [];
    for (const pubsub of [a, b]) pubsub.subscribe("t", (message) => heard.push(message));
    const unencodable = (): void => {};
    await a.broadcast("t", unencodable);
    await a.directBroadcast("b", "t", "to b");
    await (b as PubSubWithBus)[busOf].publish("c", Uint8Array.of(1));
    expect(heard).toEqual([unencodable]);
    expect(a.status).toBe("connected");
  });
});

describe("a hub", () => {
  test("carries copies", async () => {
    const { hub, a, b } = await pair();
    const bytes = Uint8Array.of(1, 2, 3);
    const [busA, busB] = [a, b].map((pubsub) => (pubsub as PubSubWithBus)[busOf]);
    const got: Uint8Array[] = [];
    await busB?.listen("c", (payload) => got.push(payload)).ready;
    const seen: HubMessage[] = [];
    hub.intercept((message) => {
      seen.push(message);
      return "deliver";
    });
    await busA?.publish("c", bytes);
    await waitFor(() => got.length === 1);
    expect(got[0]).not.toBe(bytes);
    expect(got[0]).toEqual(bytes);
    expect(seen).toEqual([{ from: "a", to: "b", channel: "nebulex:bus:c", payload: bytes }]);
  });

  test("keeps nodes of different hubs apart", async () => {
    const [one, two] = [await pair(), await pair()];
    await two.a.broadcast("t", "in the other");
    await one.a.broadcast("t", 1);
    await waitFor(() => one.heard.length > 0 && two.heard.length > 0);
    expect([one.heard, two.heard]).toEqual([[1], ["in the other"]]);
  });

  test("cuts a node off, and connects it again", async () => {
    const { hub, a, b, heard } = await pair();
    hub.disconnect("b");
    hub.disconnect("b");
    expect([a.status, b.status]).toEqual(["connected", "reconnecting"]);
    await a.broadcast("t", "lost");
    await expect(b.broadcast("t", "refused")).rejects.toMatchObject({ reason: "not_connected" });
    hub.connect("b");
    hub.connect("b");
    await waitFor(() => b.status === "connected");
    await a.broadcast("t", "heard");
    await waitFor(() => heard.includes("heard"));
    expect(heard).toEqual(["refused", "heard"]);
  });

  test("loses what is in flight when a node is cut off", async () => {
    const { hub, a, b, heard } = await pair();
    hub.pause("b");
    await a.broadcast("t", "held, then lost");
    const publishing = b.broadcast("t", "own");
    hub.disconnect("b");
    await expect(publishing).rejects.toMatchObject({ reason: "not_connected" });
    hub.connect("b");
    hub.resume("b");
    await a.broadcast("t", "heard");
    await waitFor(() => heard.includes("heard"));
    expect(heard).toEqual(["own", "heard"]);
  });

  test("holds the messages of a paused node, and delivers them in order", async () => {
    const { hub, a, b, heard } = await pair();
    const atA: unknown[] = [];
    const bus = (b as PubSubWithBus)[busOf];
    await (a as PubSubWithBus)[busOf].listen("c", ([byte]) => atA.push(byte)).ready;
    hub.pause("b");
    expect(b.status).toBe("connected");
    const order: string[] = [];
    const publishing = [1, 2].map((byte) =>
      bus.publish("c", Uint8Array.of(byte)).then(() => order.push(`published ${byte}`)),
    );
    for (const message of [1, 2, 3]) await a.broadcast("t", message);
    // After a round trip of others, everything that is not held has arrived.
    await a.broadcast("fence", 0);
    expect([order, atA, heard]).toEqual([[], [], []]);
    hub.resume("b");
    await Promise.all(publishing);
    await waitFor(() => heard.length === 3 && atA.length === 2);
    expect([order, atA, heard]).toEqual([
      ["published 1", "published 2"],
      [1, 2],
      [1, 2, 3],
    ]);
  });

  test("accepts what was published before the end, even a sudden one", async () => {
    const { hub, b, heard } = await pair();
    const c = localPubSub({ nodeName: "c", hub });
    const supervisor = await startSupervisor({ children: [c], strategy: "one_for_one" });
    supervisors.push(supervisor);
    const [child] = await supervisor.whichChildren();
    const publishing = c.broadcast("t", "last words");
    if (typeof child?.ref === "object") void child.ref.kill();
    await publishing;
    await waitFor(() => heard.length > 0);
    expect([heard, b.status]).toEqual([["last words"], "connected"]);
  });

  test("has messages dropped, changed and doubled on their way", async () => {
    const { hub, a, b, heard } = await pair();
    const bus = (b as PubSubWithBus)[busOf];
    const cancels = [
      hub.intercept(({ payload }) => [payload, payload]),
      hub.intercept(() => "deliver"),
    ];
    await a.broadcast("t", 1);
    await waitFor(() => heard.length === 2);
    for (const cancel of cancels) cancel();
    cancels.push(hub.intercept(() => "drop"));
    await a.broadcast("t", 2);
    cancels.pop()?.();
    cancels.push(hub.intercept(({ payload }) => payload.fill(0xff)));
    await a.broadcast("t", 3);
    cancels.pop()?.();
    await a.broadcast("t", 4);
    await waitFor(() => heard.includes(4));
    expect(heard).toEqual([1, 1, 4]);
    expect(bus.rejected).toBe(1);
  });

  test("refuses a publish whose interceptor fails, or answers with anything else", async () => {
    const { hub, a } = await pair();
    const verdicts: (() => unknown)[] = [
      () => {
        throw new Error("an interceptor's");
      },
      () => undefined,
    ];
    for (const verdict of verdicts) {
      const cancel = hub.intercept(verdict as () => "drop");
      await expect(a.broadcast("t", 1)).rejects.toMatchObject({ reason: "publish_failed" });
      cancel();
    }
    expect(() => hub.intercept(1 as never)).toThrow('option "fn"');
    expect(() => hub.pause("")).toThrow('option "nodeName"');
  });

  test("knows faults of nodes that are not there yet", async () => {
    const hub = createHub();
    hub.disconnect("late");
    const late = await start({ nodeName: "late", hub });
    expect(late.status).toBe("reconnecting");
    hub.connect("late");
    await waitFor(() => late.status === "connected");
    hub.pause("frozen");
    const frozen = await start({ nodeName: "frozen", hub, heartbeat: 20 });
    expect(frozen.status).toBe("reconnecting");
    hub.resume("frozen");
    await waitFor(() => frozen.status === "connected");
  });
});
