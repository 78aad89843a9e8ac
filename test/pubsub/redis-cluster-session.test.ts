import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { createCluster } from "redis";
import type { BrokerSession } from "../../src/pubsub/broker-session.js";
import type {
  RedisClusterConnection,
  RedisNodeConnection,
  RedisSubscriberConnection,
} from "../../src/pubsub/redis-client.js";
import { redisClusterDial } from "../../src/pubsub/redis-cluster-session.js";
import { Gate, rest, until } from "../helpers/actors.js";
import type { Broker } from "../helpers/brokers/broker.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";

const timeout = 5000;

function dial(
  cluster: RedisClusterConnection,
  settings: { timeout?: number; lost?: (error: Error) => void } = {},
): Promise<BrokerSession> {
  const { lost = () => {} } = settings;
  return redisClusterDial(() => cluster, settings.timeout ?? timeout)(
    lost,
    new AbortController().signal,
  );
}

type Subscriber = NonNullable<
  ReturnType<typeof createCluster>["masters"][number]["pubSub"]
>["client"];
type Listener = (message: Buffer) => void;

/** A cluster client without a cluster. */
function fakeCluster(changes: Partial<RedisClusterConnection> = {}) {
  const listeners: Listener[] = [];
  const cluster: RedisClusterConnection = {
    masters: [],
    on: () => {},
    connect: () => Promise.resolve(),
    sPublish: () => Promise.resolve(),
    sSubscribe: (_channel, listener) => {
      listeners.push(listener);
      return Promise.resolve();
    },
    sUnsubscribe: () => Promise.resolve(),
    subscribe: () => Promise.resolve(),
    unsubscribe: () => Promise.resolve(),
    sendCommand: () => Promise.resolve(),
    destroy: () => {},
    ...changes,
  };
  return { cluster, listeners };
}

test("what arrives for a subscription that is ending is not passed on", async () => {
  const { cluster, listeners } = fakeCluster();
  const session = await dial(cluster);
  const heard: string[] = [];
  await session.subscribe("c", () => heard.push("first"));
  const ending = session.unsubscribe("c");
  const again = session.subscribe("c", () => heard.push("second"));
  listeners[0]?.(Buffer.from("x"));
  await Promise.all([ending, again]);
  expect(heard).toEqual([]);
  listeners[1]?.(Buffer.from("x"));
  expect(heard).toEqual(["second"]);
  session.destroy(new Error("ended"));
});

test("subscriptions are made together, and end together", async () => {
  const gates = Array.from({ length: 4 }, () => new Gate());
  const calls: string[] = [];
  const called = (kind: string) => (channel: string) => {
    calls.push(`${kind} ${channel}`);
    return gates[calls.length - 1]?.promise ?? Promise.resolve();
  };
  const { cluster } = fakeCluster({ sSubscribe: called("+"), sUnsubscribe: called("-") });
  const session = await dial(cluster);
  const nothing = (): void => {};
  const all = [session.subscribe("a", nothing), session.subscribe("b", nothing)];
  all.push(session.unsubscribe("a"), session.unsubscribe("b"), session.subscribe("a", nothing));
  await rest();
  expect(calls).toEqual(["+ a", "+ b"]);
  gates[0]?.open();
  await rest();
  expect(calls).toHaveLength(2);
  gates[1]?.open();
  await until(() => calls.length === 4);
  gates[2]?.open();
  await rest();
  expect(calls).toEqual(["+ a", "+ b", "- a", "- b"]);
  gates[3]?.open();
  await Promise.all(all);
  expect(calls.at(-1)).toBe("+ a");
  session.destroy(new Error("ended"));
});

test("a request that fails does not hold up later ones", async () => {
  let fails = true;
  const sSubscribe = (): Promise<void> =>
    fails ? Promise.reject(new Error("NOPERM no")) : Promise.resolve();
  const session = await dial(fakeCluster({ sSubscribe }).cluster);
  await expect(session.subscribe("c", () => {})).rejects.toThrow("NOPERM");
  fails = false;
  await session.subscribe("c", () => {});
  session.destroy(new Error("ended"));
});

interface Master {
  pubSub?: { client: RedisSubscriberConnection };
  client?: RedisNodeConnection;
}

describe("a subscribing connection that the client", () => {
  const never = { isReady: false, ping: () => Promise.reject(new Error("offline")) };
  const closed = { isReady: true, ping: () => Promise.reject(new Error("closed")) };

  test.each([
    { what: "is making is not pinged", pubSub: { client: never } },
    { what: "has closed meanwhile is not missed", pubSub: { client: closed }, closes: true },
  ])("$what", async ({ pubSub, closes }) => {
    let pings = 0;
    const master: Master = { pubSub };
    const ping = async (): Promise<void> => {
      pings++;
      if (closes !== true) return;
      delete master.pubSub;
      await rest();
      master.pubSub = pubSub;
    };
    master.client = { sendCommand: () => Promise.resolve(), ping };
    const lost: Error[] = [];
    const { cluster } = fakeCluster({ masters: [master] });
    const session = await dial(cluster, { timeout: 30, lost: (error) => lost.push(error) });
    await until(() => pings > 3);
    expect(lost).toEqual([]);
    session.destroy(new Error("ended"));
  });

  test("has not closed, and that fails, is the loss of the session", async () => {
    let open = true;
    const ping = (): Promise<void> => (open ? Promise.resolve() : Promise.reject(new Error("cut")));
    const { cluster } = fakeCluster({ masters: [{ pubSub: { client: { isReady: true, ping } } }] });
    const lost: Error[] = [];
    const session = await dial(cluster, { timeout: 30, lost: (error) => lost.push(error) });
    open = false;
    await until(() => lost.length > 0);
    expect(lost[0]?.message).toBe("cut");
    session.destroy(new Error("ended"));
  });
});

describeWith("redis-server")("with a cluster of one node", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startRedis({ cluster: true });
  });
  afterAll(() => broker.stop());

  test("a subscription stands, whenever it is made while the last one ends", async () => {
    const { host, port } = broker;
    const client = createCluster({
      rootNodes: [{ socket: { host, port } }],
      defaults: { disableOfflineQueue: true, socket: { reconnectStrategy: false } },
    });
    const cluster = client as unknown as RedisClusterConnection;
    const session = await dial(cluster);
    for (let turns = 0; turns < 8; turns++) {
      await session.subscribe("last", () => {});
      const subscriber = client.masters[0]?.pubSub?.client as Subscriber;
      const heard: string[] = [];
      let subscribed: Promise<void> | undefined;
      const after = (left: number): void => {
        if (left > 0) queueMicrotask(() => after(left - 1));
        else subscribed = session.subscribe("next", (payload) => heard.push(String(payload)));
      };
      const unsubscribe = subscriber.SUNSUBSCRIBE.bind(subscriber);
      const spy = jest.spyOn(subscriber, "SUNSUBSCRIBE").mockImplementationOnce((...args) => {
        const ended = unsubscribe(...args);
        void ended?.then(() => after(turns));
        return ended;
      });
      await session.unsubscribe("last");
      await until(() => subscribed !== undefined);
      spy.mockRestore();
      await subscribed;
      await session.publish("next", Buffer.from("x"));
      await until(() => heard.length > 0);
      expect(heard).toEqual(["x"]);
      await session.unsubscribe("next");
    }
    session.destroy(new Error("ended"));
  });
});
