import { setImmediate as turn } from "node:timers/promises";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { createSystem, spawn, startSupervisor, type Supervisor } from "nebulex-streams/actor";
import { SimulatedClock, waitFor } from "nebulex-streams/testing";
import { createPubSub } from "../../src/pubsub/create-pubsub.js";
import { binaryCodec } from "../../src/pubsub/binary-codec.js";
import { frame } from "../../src/pubsub/frame.js";
import { type Bus, busOf, type PubSub, type PubSubWithBus } from "../../src/pubsub/types.js";
import { channels } from "../../src/telemetry/channels.js";
import { ofVersion, sealed } from "./sealed.js";
import { deferred, FakeTransport } from "./fake-transport.js";

const supervisors: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop();
});

async function start(pubsub: PubSub, clock?: SimulatedClock): Promise<Supervisor> {
  const supervisor = await startSupervisor({
    children: [pubsub],
    strategy: "one_for_one",
    ...(clock === undefined ? {} : { clock }),
  });
  supervisors.push(supervisor);
  return supervisor;
}

const busIn = (pubsub: PubSub): Bus => (pubsub as PubSubWithBus)[busOf];

async function holder(supervisor: Supervisor) {
  const [child] = await supervisor.whichChildren();
  if (typeof child?.ref !== "object") throw new Error("no actor");
  return child.ref;
}

describe("the options", () => {
  const transport = new FakeTransport();

  test.each([
    [{ nodeName: "a:b" }, "nodeName"],
    [{ nodeName: "" }, "nodeName"],
    [{ namespace: "a:b" }, "namespace"],
    [{ codec: "xml" }, "codec"],
    [{ maxMessageSize: 10 }, "maxMessageSize"],
    [{ heartbeat: 0 }, "heartbeat"],
    [{ unheard: 1 }, "unheard"],
  ])("%j is refused by the factory", (options, option) => {
    expect(() => createPubSub(transport, options as object)).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });

  test("what is no transport is refused by the factory", () => {
    expect(() => createPubSub({ open() {} } as never)).toThrow('option "transport"');
  });

  test("a node name is made up where none is given, and goes to the transport", async () => {
    const make = jest.fn((_context: object) => new FakeTransport());
    const [a, b] = [createPubSub(make), createPubSub(make)];
    expect(a.nodeName).toMatch(/^node-[\da-f]{12}$/);
    expect(a.nodeName).not.toBe(b.nodeName);
    expect(make).not.toHaveBeenCalled();
    await start(a);
    expect(make).toHaveBeenCalledWith({
      nodeName: a.nodeName,
      namespace: "nebulex",
      random: Math.random,
    });
  });

  test("topics and subscribers are checked at the call", async () => {
    const pubsub = createPubSub(transport);
    expect(() => pubsub.subscribe("", () => {})).toThrow('option "topic"');
    expect(() => pubsub.subscribe("t", {} as never)).toThrow('option "subscriber"');
    expect(() => pubsub.unsubscribe("t", 1 as never)).toThrow('option "subscriber"');
    expect(() => pubsub.onStatus(1 as never)).toThrow('option "fn"');
    await expect(pubsub.broadcast(1 as never, 1)).rejects.toThrow('option "topic"');
    await expect(pubsub.broadcastFrom("me" as never, "t", 1)).rejects.toThrow('option "from"');
    await expect(pubsub.directBroadcast("a:b", "t", 1)).rejects.toThrow('option "nodeName"');
  });
});

describe("the start", () => {
  test("fails when the transport can't ever connect, and closes it", async () => {
    const transport = new FakeTransport();
    transport.opening = () => Promise.reject(new Error("wrong password"));
    const pubsub = createPubSub(() => transport, { nodeName: "start-fails" });
    await expect(start(pubsub)).rejects.toMatchObject({
      reason: "failed_to_start_child",
      cause: {
        code: "E_PUBSUB",
        reason: "connect_failed",
        node: "start-fails",
        cause: { message: "wrong password" },
      },
    });
    expect(transport.calls).toEqual(["open", "close"]);
    expect(pubsub.status).toBe("closed");
  });

  test("fails when the factory throws", async () => {
    const pubsub = createPubSub(() => {
      throw new Error("no such broker");
    });
    await expect(start(pubsub)).rejects.toMatchObject({
      cause: { reason: "connect_failed", cause: { message: "no such broker" } },
    });
  });

  test("does not wait for a broker that can't be reached", async () => {
    const transport = new FakeTransport();
    const pending = deferred();
    transport.opening = () => transport.events.status("reconnecting");
    transport.subscribing = () => pending.promise;
    const pubsub = createPubSub(transport);
    await start(pubsub);
    expect(pubsub.status).toBe("reconnecting");
    await expect(pubsub.broadcast("t", 1)).rejects.toMatchObject({ reason: "not_connected" });
    expect(transport.published).toEqual([]);
    pending.resolve();
    transport.events.status("connected");
    await waitFor(() => pubsub.status === "connected");
  });

  test("waits a heartbeat for a broker that does not answer; a later refusal is a crash", async () => {
    const clock = new SimulatedClock();
    const transport = new FakeTransport();
    const pending = deferred();
    transport.opening = () => pending.promise;
    const second = new FakeTransport();
    const transports = [transport, second];
    const pubsub = createPubSub(() => transports.shift() as FakeTransport, { heartbeat: 500 });
    const starting = start(pubsub, clock);
    await waitFor(() => transport.calls.length > 0);
    await clock.advance(499);
    expect(pubsub.status).toBe("reconnecting");
    await clock.advance(1);
    await starting;
    expect(pubsub.status).toBe("reconnecting");
    pending.reject(new Error("refused after all"));
    await waitFor(() => second.calls.includes("open"));
    expect(transport.calls).toEqual(["open", "close"]);
    await waitFor(() => pubsub.status === "connected");
  });

  test("loads what the transport needs, however long that takes, before the broker's time begins", async () => {
    const clock = new SimulatedClock();
    const loading = deferred();
    const transport = Object.assign(new FakeTransport(), { load: () => loading.promise });
    const pubsub = createPubSub(transport, { heartbeat: 500 });
    const starting = start(pubsub, clock);
    await clock.advance(10_000);
    expect(transport.calls).toEqual([]);
    loading.resolve();
    await starting;
    expect(pubsub.status).toBe("connected");
  });

  test("fails when what the transport needs can't be loaded", async () => {
    const load = (): Promise<void> => Promise.reject(new Error("no such package"));
    const transport = Object.assign(new FakeTransport(), { load });
    await expect(start(createPubSub(transport))).rejects.toMatchObject({
      cause: { reason: "connect_failed", cause: { message: "no such package" } },
    });
    expect(transport.calls).toEqual(["close"]);
  });

  test("is connected only when the broker has confirmed the subscriptions", async () => {
    const transport = new FakeTransport();
    const pending = deferred();
    transport.subscribing = (channel) =>
      channel.endsWith(":topic:early") ? pending.promise : undefined;
    const pubsub = createPubSub(transport, { nodeName: "n" });
    pubsub.subscribe("early", () => {});
    const starting = start(pubsub);
    await waitFor(() => transport.calls.length === 3);
    expect(transport.calls).toEqual([
      "open",
      "subscribe nebulex:node:n",
      "subscribe nebulex:topic:early",
    ]);
    expect(pubsub.status).toBe("reconnecting");
    pending.resolve();
    await starting;
    expect(pubsub.status).toBe("connected");
  });

  test("a start that is given up closes the transport", async () => {
    const transport = new FakeTransport();
    transport.opening = () => new Promise(() => {});
    const abort = new AbortController();
    const starting = startSupervisor({
      children: [createPubSub(transport)],
      strategy: "one_for_one",
      signal: abort.signal,
    });
    await waitFor(() => transport.calls.length > 0);
    abort.abort(new Error("given up"));
    await expect(starting).rejects.toThrow("given up");
    expect(transport.calls).toEqual(["open", "close"]);
  });

  test("a transport that is no factory's can be opened once only", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport);
    const supervisor = await start(pubsub);
    await supervisor.stop();
    await expect(start(pubsub)).rejects.toMatchObject({ cause: { reason: "connect_failed" } });
    expect(transport.calls.filter((call) => call === "open")).toHaveLength(1);
  });
});

describe("the end of an incarnation", () => {
  test("closes its transport, and receives nothing more from it", async () => {
    const transports: FakeTransport[] = [];
    const pubsub = createPubSub(
      () => {
        transports.push(new FakeTransport());
        return transports.at(-1) as FakeTransport;
      },
      { nodeName: "n" },
    );
    const heard: unknown[] = [];
    pubsub.subscribe("t", (message) => heard.push(message));
    const supervisor = await start(pubsub);
    const [first] = transports as [FakeTransport];
    await (await holder(supervisor)).kill();
    expect(first.calls.at(-1)).toBe("close");
    await waitFor(() => pubsub.status === "connected");
    expect(transports).toHaveLength(2);
    expect(transports[1]?.calls).toEqual(first.calls.slice(0, -1));
    const payload = frame(binaryCodec, ["nebulex", "t", "other", "hello"]);
    first.events.message("nebulex:topic:t", payload);
    first.events.status("reconnecting");
    expect([heard, pubsub.status]).toEqual([[], "connected"]);
    transports[1]?.events.message("nebulex:topic:t", payload);
    expect(heard).toEqual(["hello"]);
  });

  test("is not changed by what its broker still answers", async () => {
    const pending = deferred();
    const [first, second] = [new FakeTransport(), new FakeTransport()];
    first.subscribing = () => pending.promise;
    first.opening = () => first.events.status("reconnecting");
    const transports = [first, second];
    const pubsub = createPubSub(() => transports.shift() as FakeTransport);
    const supervisor = await start(pubsub);
    await (await holder(supervisor)).kill();
    await waitFor(() => pubsub.status === "connected");
    pending.resolve();
    // All effects happen within a turn of the event loop.
    await turn();
    expect(pubsub.status).toBe("connected");
  });
});

describe("the subscribers", () => {
  test("one that is unsubscribed in the middle of a broadcast receives nothing", () => {
    const pubsub = createPubSub(new FakeTransport());
    const heard: unknown[] = [];
    const late = (): void => void heard.push("late");
    const last = (): void => void heard.push("last");
    pubsub.subscribe("t", () => {
      pubsub.unsubscribe("t", late);
      pubsub.subscribe("t", () => heard.push("new"));
    });
    pubsub.subscribe("t", late);
    pubsub.subscribe("t", last);
    pubsub.localBroadcast("t", 1);
    expect(heard).toEqual(["last"]);
  });

  test("the death of the last one ends the broker's subscription", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport);
    const { system } = await start(pubsub);
    const ref = await spawn(system, { receive: () => {} });
    pubsub.subscribe("t", ref);
    pubsub.subscribe("t", ref);
    await ref.kill();
    expect(transport.calls.slice(-2)).toEqual([
      "subscribe nebulex:topic:t",
      "unsubscribe nebulex:topic:t",
    ]);
    pubsub.subscribe("t", ref);
    expect(transport.calls.at(-1)).toBe("unsubscribe nebulex:topic:t");
  });

  test("one whose promise rejects is reported like one that throws", async () => {
    const reports: unknown[] = [];
    const report = (message: unknown): void => void reports.push(message);
    const pubsub = createPubSub(new FakeTransport(), { nodeName: "rejecting" });
    const error = new Error("a subscriber's");
    pubsub.subscribe("t", () => Promise.reject(error));
    channels.topicSubscriberError.subscribe(report);
    pubsub.localBroadcast("t", 1);
    await waitFor(() => reports.length > 0);
    channels.topicSubscriberError.unsubscribe(report);
    expect(reports).toEqual([expect.objectContaining({ pubsub: "rejecting", topic: "t", error })]);
  });
});

describe("what a broker does", () => {
  test("the broker has a subscription only while there is a local subscriber", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport);
    await start(pubsub);
    transport.calls.length = 0;
    const [one, other] = [() => {}, () => {}];
    pubsub.subscribe("t", one);
    pubsub.subscribe("t", other);
    pubsub.unsubscribe("t", one);
    expect(transport.calls).toEqual(["subscribe nebulex:topic:t"]);
    pubsub.unsubscribe("t", other);
    expect(transport.calls).toEqual(["subscribe nebulex:topic:t", "unsubscribe nebulex:topic:t"]);
  });

  test("a refused publish is the call's rejection", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "n" });
    await start(pubsub);
    transport.publishing = () => Promise.reject(new Error("not allowed"));
    await expect(pubsub.broadcast("t", 1)).rejects.toMatchObject({
      reason: "publish_failed",
      node: "n",
      cause: { message: "not allowed" },
    });
    transport.publishing = () => {
      transport.events.status("reconnecting");
      throw new Error("gone");
    };
    await expect(pubsub.broadcast("t", 1)).rejects.toMatchObject({ reason: "not_connected" });
  });

  test("the broker's own limit of a message's size counts if it is less", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { maxMessageSize: 5000 });
    await start(pubsub);
    expect(busIn(pubsub).maxMessageSize).toBe(5000);
    await pubsub.broadcast("t", "x".repeat(4000));
    transport.maxPayload = 2000;
    expect(busIn(pubsub).maxMessageSize).toBe(2000);
    await expect(pubsub.broadcast("t", "x".repeat(4000))).rejects.toMatchObject({
      reason: "too_large",
    });
    expect(transport.published).toHaveLength(1);
  });

  test("a refused subscription is reported, and tried again until it is permitted", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "refused" });
    await start(pubsub);
    expect(pubsub.status).toBe("connected");
    transport.subscribing = () => Promise.reject(new Error("no permission"));
    const { ready } = busIn(pubsub).listen("c", () => {});
    await waitFor(() => warn.mock.calls.length > 0);
    expect(warn).toHaveBeenCalledWith(
      expect.stringContaining("no permission"),
      expect.objectContaining({
        detail: "pubsub refused: a channel is refused, and tried again",
      }),
    );
    expect(JSON.stringify(warn.mock.calls[0])).toContain("subscribe to nebulex:bus:c");
    expect(pubsub.status).toBe("reconnecting");
    transport.subscribing = () => {};
    await ready;
    await waitFor(() => pubsub.status === "connected");
    expect(warn).toHaveBeenCalledTimes(1);
  });
});

describe("a connection that is lost and made again", () => {
  test("counts as connected only when all subscriptions are made again, new ones included", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "n" });
    pubsub.subscribe("before", () => {});
    await start(pubsub);
    const seen: string[] = [];
    pubsub.onStatus((status) => seen.push(status));
    transport.calls.length = 0;
    transport.events.status("reconnecting");
    const { ready } = busIn(pubsub).listen("meanwhile", () => {});
    expect(transport.calls).toEqual([]);
    const [pending, last] = [deferred(), deferred()];
    transport.subscribing = (channel) =>
      channel.endsWith("meanwhile") ? pending.promise : undefined;
    transport.events.status("connected");
    expect(transport.calls).toEqual([
      "subscribe nebulex:node:n",
      "subscribe nebulex:topic:before",
      "subscribe nebulex:bus:meanwhile",
    ]);
    transport.subscribing = () => last.promise;
    pubsub.subscribe("last", () => {});
    pending.resolve();
    await ready;
    await expect(pubsub.broadcast("t", 1)).rejects.toMatchObject({ reason: "not_connected" });
    expect(seen).toEqual(["reconnecting"]);
    last.resolve();
    await waitFor(() => pubsub.status === "connected");
    expect(seen).toEqual(["reconnecting", "connected"]);
  });

  test("that is lost before its subscriptions are made does not count", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "n" });
    await start(pubsub);
    const pending = deferred();
    transport.subscribing = () => pending.promise;
    transport.events.status("reconnecting");
    transport.events.status("connected");
    transport.events.status("reconnecting");
    pending.resolve();
    await turn();
    expect(pubsub.status).toBe("reconnecting");
    transport.events.status("connected");
    await waitFor(() => pubsub.status === "connected");
    expect(transport.calls.filter((call) => call.startsWith("subscribe"))).toHaveLength(3);
  });

  test("loses no more than the channels that the broker refuses by then", async () => {
    const warn = jest.spyOn(process, "emitWarning").mockImplementation(() => {});
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "fewer-rights" });
    const heard: unknown[] = [];
    pubsub.subscribe("open", (message) => heard.push(message));
    const bus = busIn(pubsub);
    bus.listen("closed", () => {});
    const { close } = bus.listen("close", () => {});
    await start(pubsub);
    transport.subscribing = (channel) => {
      if (channel.includes(":bus:")) throw new Error("no permission any more");
    };
    transport.events.status("reconnecting");
    transport.events.status("connected");
    await waitFor(() => bus.refusalOf("closed") !== undefined && bus.refusalOf("close"));
    transport.events.message(
      "nebulex:topic:open",
      frame(binaryCodec, ["nebulex", "open", "o", "heard"]),
    );
    expect([heard, pubsub.status]).toEqual([["heard"], "reconnecting"]);
    expect(JSON.stringify(warn.mock.calls)).toContain("subscribe to nebulex:bus:closed");
    // The refusal of a channel whose name begins as that of one that is left stays.
    close();
    expect(bus.refusalOf("closed")).toMatchObject({ reason: "refused" });
    transport.subscribing = () => {};
    await waitFor(() => pubsub.status === "connected");
  });
});

describe("messages from outside", () => {
  const good = ["nebulex", "t", "other", "message"];
  const spoilt: [string, Uint8Array, string, string][] = [
    ["no bytes", Uint8Array.of(), "nebulex:topic:t", "truncated"],
    ["garbage", sealed(1, Uint8Array.of(0xc1)), "nebulex:topic:t", "malformed"],
    ["another version", ofVersion(9), "nebulex:topic:t", "version"],
    ["too few parts", frame(binaryCodec, good.slice(1)), "nebulex:topic:t", "malformed"],
    ["no list", frame(binaryCodec, "good"), "nebulex:topic:t", "malformed"],
    [
      "a topic that is none",
      frame(binaryCodec, ["nebulex", 1, "o", 1]),
      "nebulex:topic:t",
      "malformed",
    ],
    ["no sender", frame(binaryCodec, ["nebulex", "t", "", 1]), "nebulex:topic:t", "malformed"],
    ["another topic", frame(binaryCodec, ["nebulex", "u", "o", 1]), "nebulex:topic:t", "malformed"],
    [
      "another namespace",
      frame(binaryCodec, ["other", "t", "o", 1]),
      "nebulex:topic:t",
      "malformed",
    ],
    [
      "the node's channel",
      frame(binaryCodec, ["other", "t", "o", 1]),
      "nebulex:node:n",
      "malformed",
    ],
    ["too many bytes", new Uint8Array(2000), "nebulex:topic:t", "oversized"],
  ];

  test.each(spoilt)(
    "%s: counted, reported and harmless",
    async (_what, payload, channel, reason) => {
      const transport = new FakeTransport();
      const pubsub = createPubSub(transport, { nodeName: "n", maxMessageSize: 1024 });
      const heard: unknown[] = [];
      pubsub.subscribe("t", (message) => heard.push(message));
      await start(pubsub);
      const reported: unknown[] = [];
      const listener = (message: unknown): void => void reported.push(message);
      channels.messageRejected.subscribe(listener);
      transport.events.message(channel, payload);
      channels.messageRejected.unsubscribe(listener);
      expect(reported).toEqual([{ pubsub: "n", channel, reason, size: payload.length }]);
      expect(busIn(pubsub).rejected).toBe(1);
      transport.events.message("nebulex:topic:t", frame(binaryCodec, good));
      expect(heard).toEqual(["message"]);
    },
  );

  test("a node's own are dropped, and those on channels without a listener", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "n" });
    const heard: unknown[] = [];
    pubsub.subscribe("t", (message) => heard.push(message));
    await start(pubsub);
    await pubsub.broadcast("t", 1);
    for (const [channel, payload] of transport.published)
      transport.events.message(channel, payload);
    transport.events.message("nebulex:topic:u", Uint8Array.of(1));
    expect(heard).toEqual([1]);
    expect(busIn(pubsub).rejected).toBe(0);
  });
});

describe("the bus", () => {
  test("has channels of its own, with any number of listeners", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport, { nodeName: "n", maxMessageSize: 1024 });
    await start(pubsub);
    const bus = busIn(pubsub);
    expect(bus).toMatchObject({ nodeName: "n", namespace: "nebulex", heartbeat: 3000 });
    expect([bus.ordered, bus.status, bus.codec.name]).toEqual([false, "connected", "binary"]);
    const heard: string[] = [];
    pubsub.subscribe("c", () => heard.push("topic"));
    const one = bus.listen("c", ([byte]) => heard.push(`one ${byte}`));
    const two = bus.listen("c", ([byte]) => heard.push(`two ${byte}`));
    await one.ready;
    await two.ready;
    transport.events.message("nebulex:bus:c", Uint8Array.of(7));
    one.close();
    one.close();
    transport.events.message("nebulex:bus:c", Uint8Array.of(8));
    transport.events.message("nebulex:bus:c", new Uint8Array(1025));
    expect(heard).toEqual(["one 7", "two 7", "two 8"]);
    expect(bus.rejected).toBe(1);
    expect(transport.calls).not.toContain("unsubscribe nebulex:bus:c");
    two.close();
    expect(transport.calls.at(-1)).toBe("unsubscribe nebulex:bus:c");
    await bus.publish("c", Uint8Array.of(9));
    expect(transport.published).toEqual([["nebulex:bus:c", Uint8Array.of(9)]]);
    await expect(bus.publish("c", new Uint8Array(1025))).rejects.toMatchObject({
      reason: "too_large",
    });
  });

  test("a subscription is ready when the broker has confirmed it, before or after the start", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport);
    const bus = busIn(pubsub);
    const pending = deferred();
    transport.subscribing = (channel) => (channel.endsWith("late") ? pending.promise : undefined);
    const early = bus.listen("early", () => {});
    await start(pubsub);
    await early.ready;
    let ready = false;
    const late = bus.listen("late", () => {});
    const done = late.ready.then(() => (ready = true));
    await bus.listen("early", () => {}).ready;
    expect(ready).toBe(false);
    pending.resolve();
    await done;
  });

  test("a subscription that is not ready when the pubsub ends is rejected", async () => {
    const transport = new FakeTransport();
    const pubsub = createPubSub(transport);
    const supervisor = await start(pubsub);
    transport.subscribing = () => new Promise(() => {});
    const { ready } = busIn(pubsub).listen("c", () => {});
    await supervisor.stop();
    await expect(ready).rejects.toMatchObject({ code: "E_PUBSUB", reason: "closed" });
    await expect(busIn(pubsub).publish("c", Uint8Array.of(1))).rejects.toMatchObject({
      reason: "closed",
    });
  });

  test("a watcher of the status that throws does not affect the others", async () => {
    const reports: unknown[] = [];
    const report = (message: unknown): void => void reports.push(message);
    const pubsub = createPubSub(new FakeTransport(), { nodeName: "watched" });
    const seen: string[] = [];
    channels.topicSubscriberError.subscribe(report);
    pubsub.onStatus(() => {
      throw new Error("a watcher's");
    });
    busIn(pubsub).onStatus((status) => seen.push(status));
    const supervisor = await start(pubsub);
    await supervisor.stop();
    channels.topicSubscriberError.unsubscribe(report);
    expect(seen).toEqual(["reconnecting", "connected", "closed"]);
    expect(reports).toHaveLength(3);
  });
});

test("two systems can't run one pubsub at a time", async () => {
  const pubsub = createPubSub(() => new FakeTransport(), { nodeName: "twice" });
  await start(pubsub);
  await using system = createSystem();
  const second = startSupervisor({ children: [pubsub], strategy: "one_for_one", system });
  await expect(second).rejects.toMatchObject({
    cause: { reason: "already_started", message: "pubsub already started: twice" },
  });
  expect(pubsub.status).toBe("connected");
});
