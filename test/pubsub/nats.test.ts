import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { connect } from "@nats-io/transport-node";
import { subjectOf } from "../../src/pubsub/nats-client.js";
import { resolveNats } from "../../src/pubsub/nats.js";
import { natsPubSub } from "../../src/nats.js";
import { failure } from "../helpers/actors.js";
import { type Broker, freePort } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats } from "../helpers/brokers/servers.js";
import { brokerSuite } from "./broker-suite.js";
import { Tapped, thrown } from "./transports.js";

const at = ({ host, port }: { host: string; port: number }): string => `${host}:${port}`;

describeWith("nats-server")("a transport over NATS", () => {
  brokerSuite({
    start: () => startNats(),
    settings: (address, connectionTimeout = 5000) =>
      resolveNats({ servers: at(address), connectionTimeout })(),
  });
});

describeWith("nats-server")("natsPubSub and its user's connection", () => {
  let broker: Broker;
  beforeAll(async () => {
    broker = await startNats();
  });
  afterAll(() => broker.stop());

  test("is used, connects again by itself, and is left without our subscriptions", async () => {
    await using proxy = await Proxy.start(broker);
    const connection = await connect({
      servers: at(proxy),
      reconnectTimeWait: 20,
      maxReconnectAttempts: -1,
    });
    await using b = await Tapped.connected(resolveNats({ servers: at(broker) })(), "c");
    const a = await Tapped.connected(resolveNats({ connection })(), "c");
    await a.publish("c", "1");
    await b.hears("c=1");
    await a.losing(() => proxy.refuse());
    await failure(a.publish("c", "lost"));
    await proxy.restore();
    await a.until("connected");
    await b.publish("c", "2");
    await a.hears("c=2");
    expect(a.heard.filter((line) => line === "c=2")).toHaveLength(1);
    await a.transport.close();
    expect(connection.isClosed()).toBe(false);
    await connection.flush();
    await b.publish("c", "3");
    await b.publish("other", "x");
    await connection.flush();
    expect(connection.stats().inMsgs).toBe(2);
    expect(b.heard).toEqual(["c=1"]);
    await connection.close();
  });

  test("is refused when it has been closed, and reported as lost when it is closed later", async () => {
    const connection = await connect({ servers: at(broker) });
    await using a = await Tapped.connected(resolveNats({ connection })(), "c");
    await a.losing(() => connection.close());
    await failure(a.publish("c", "x"));
    await using b = new Tapped(resolveNats({ connection })());
    expect(String(await failure(b.transport.open(b)))).toContain("closed");
  });
});

describeWith("nats-server")("a NATS with limits", () => {
  test.each([
    { what: "no password", options: {} },
    { what: "a wrong one", options: { user: "me", pass: "wrong" } },
  ])("refuses a start with $what", async ({ options }) => {
    await using broker = await startNats({ args: ["--user", "me", "--pass", "secret"] });
    await using a = new Tapped(resolveNats({ servers: at(broker), options })());
    expect(String(await failure(a.transport.open(a)))).toMatch(/authorization/i);
    expect(a.statuses).toEqual([]);
    const right = { user: "me", pass: "secret" };
    await using b = await Tapped.connected(resolveNats({ servers: at(broker), options: right })());
    await b.subscribe("c");
  });

  test("has a limit for payloads, and a larger one is not sent", async () => {
    const config = `max_payload: 2000`;
    await using broker = await startNats({ config });
    await using a = await Tapped.connected(resolveNats({ servers: at(broker) })(), "c");
    expect(a.transport.maxPayload).toBe(2000);
    await failure(a.transport.publish("c", new Uint8Array(2001)));
    await a.transport.publish("c", new Uint8Array(2000));
    expect(a.statuses).toEqual(["connected"]);
  });

  test("refuses what is not permitted, and that alone", async () => {
    const config = `authorization { users = [ { user: me, password: secret, permissions: {
      publish: { allow: "open.>" }, subscribe: { allow: "open.>" } } } ] }`;
    await using broker = await startNats({ config });
    const options = { user: "me", pass: "secret", noEcho: false };
    await using a = await Tapped.connected(
      resolveNats({ servers: at(broker), options })(),
      "open:x",
    );
    expect(String(await failure(a.transport.subscribe("closed:x")))).toMatch(/permissions/i);
    const [open, closed] = await Promise.allSettled([
      a.publish("open:x", "1"),
      a.publish("closed:x", "1"),
    ]);
    expect([open.status, closed.status]).toEqual(["fulfilled", "rejected"]);
    await a.hears("open:x=1");
    expect(a.statuses).toEqual(["connected"]);
  });

  test("is found among several servers, of which some are down", async () => {
    await using broker = await startNats();
    const servers = [`127.0.0.1:${await freePort()}`, at(broker)];
    await using a = await Tapped.connected(resolveNats({ servers })());
    await a.subscribe("c");
    await a.losing(() => broker.kill());
    await broker.restart();
    await a.until("connected");
    expect(a.statuses).toEqual(["connected", "reconnecting", "connected"]);
  });
});

describe("subjects", () => {
  test("are legal and differ, whatever the channels", () => {
    const channels = [
      "a",
      "a.b",
      "a..b",
      ".",
      "..",
      ":",
      "::",
      "a:",
      ":a",
      "a:b",
      "a::b",
      "a:.b",
      "*",
      ">",
      " ",
      "=0020",
      "é",
      "\uD800",
      "\uDC00",
    ];
    const long = [
      "x".repeat(5000),
      "x".repeat(5001),
      ".".repeat(5000),
      ":".repeat(5000),
      `${"x".repeat(511)}::y`,
    ];
    const subjects = [...channels, ...long].map(subjectOf);
    expect(new Set(subjects).size).toBe(channels.length + long.length);
    for (const subject of subjects) {
      expect(subject).toMatch(/^[\w/@=~-]+(?:\.[\w/@=~-]+)*$/);
      expect(subject.length).toBeLessThanOrEqual(1024);
    }
    expect(subjectOf("nebulex:t:users.a")).toBe("nebulex.t.users=002ea");
  });
});

describe("the options of natsPubSub", () => {
  const servers = "127.0.0.1:1";
  test.each([
    { wrong: "neither servers nor connection", options: {}, option: "servers" },
    { wrong: "both", options: { servers, connection: {} }, option: "servers" },
    { wrong: "no servers", options: { servers: [] }, option: "servers" },
    { wrong: "an empty name", options: { servers: [""] }, option: "servers" },
    { wrong: "no connection", options: { connection: {} }, option: "connection" },
    { wrong: "timeout", options: { servers, connectionTimeout: -1 }, option: "connectionTimeout" },
    { wrong: "options", options: { servers, options: [] }, option: "options" },
    { wrong: "reconnect", options: { servers, options: { reconnect: true } }, option: "reconnect" },
    { wrong: "unknown", options: { servers, url: "x" }, option: "url" },
    { wrong: "namespace", options: { servers, namespace: "" }, option: "namespace" },
  ])("$wrong: refused at once", ({ options, option }) => {
    expect(thrown(() => natsPubSub(options as never))).toMatchObject({
      name: "OptionError",
      option,
    });
  });
});
