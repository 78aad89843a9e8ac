import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { BrokerTransportOptions } from "../../src/pubsub/broker-transport.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { failure, Gate } from "../helpers/actors.js";
import { type Broker, freePort } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { Tapped } from "./transports.js";

export interface Engine {
  start(): Promise<Broker>;
  settings(address: { host: string; port: number }, timeout?: number): BrokerTransportOptions;
}

const quick = 600;
const settled = { timeout: 20_000 };

/** What both engines have to do when their broker, or the network, fails. */
export function brokerSuite({ start, settings }: Engine): void {
  let broker: Broker;
  let proxy: Proxy;

  beforeAll(async () => {
    broker = await start();
  });
  beforeEach(async () => {
    broker.thaw();
    await broker.restart();
    proxy = await Proxy.start(broker);
  });
  afterEach(() => proxy[Symbol.asyncDispose]());
  afterAll(() => broker.stop());

  test("carries any bytes on channels of any name, to subscribers of exactly that name", async () => {
    const long = "long".repeat(2000);
    const names = [
      ..."plain a:b/c a.b a..b .a a. * > a.* $SYS.x é =0020 {a}b".split(" "),
      "with space",
      "tab\tand\r\nlines",
      "\u{1F600}",
      "\uD800",
      "\uDC00",
      "\uFFFD",
      "\u0000",
      long,
      `${long}er`,
    ];
    await using a = await Tapped.connected(settings(broker));
    await using b = await Tapped.connected(settings(broker), ...names);
    for (const name of names) await a.publish(name, name);
    await b.hears(...names.map((name) => `${name}=${Buffer.from(name).toString()}`));
    expect(b.heard).toHaveLength(names.length);

    b.payloads.length = 0;
    const all = Uint8Array.from({ length: 512 }, (_, n) => n);
    const part = new Uint8Array(all.buffer, 3, 300);
    await a.transport.publish("plain", all);
    await a.transport.publish("plain", part);
    await a.transport.publish("plain", new Uint8Array(0));
    await a.transport.publish("plain", new Uint8Array(1_000_000).fill(0xff));
    await waitFor(() => b.payloads.length === 4, settled);
    expect(b.payloads.map((payload) => payload.length)).toEqual([512, 300, 0, 1_000_000]);
    expect(Buffer.compare(all, b.payloads[0] as Uint8Array)).toBe(0);
    expect(Buffer.compare(part, b.payloads[1] as Uint8Array)).toBe(0);
  });

  const inOrder = settings({ host: "127.0.0.1", port: 1 }).ordered;
  const order = inOrder ? "in the order of publishing" : "in any order";
  test(`carries all of many messages on several channels, ${order}`, async () => {
    await using a = await Tapped.connected(settings(broker));
    await using b = await Tapped.connected(settings(broker), "x", "y", "z");
    const sent = Array.from({ length: 3000 }, (_, n) => ["xyz".charAt(n % 3), String(n)] as const);
    await Promise.all(sent.map(([channel, text]) => a.publish(channel, text)));
    await waitFor(() => b.heard.length === sent.length, settled);
    const expected = sent.map(([channel, text]) => `${channel}=${text}`);
    expect(inOrder ? b.heard : b.heard.sort()).toEqual(inOrder ? expected : expected.sort());
  });

  test("serves a thousand subscriptions, again after a reconnect, and none that has ended", async () => {
    const channels = Array.from({ length: 1000 }, (_, n) => `channel:${n}`);
    await using a = await Tapped.connected(settings(broker));
    await using b = await Tapped.connected(settings(proxy), ...channels);
    for (const name of channels.slice(0, 500)) b.unsubscribe(name);
    await b.transport.unsubscribe("never subscribed to");
    const publishAll = (text: string): Promise<unknown> =>
      Promise.all(channels.map((name) => a.publish(name, text)));
    await publishAll("1");
    await b.losing(() => proxy.cut());
    await b.until("connected");
    b.heard.length = 0;
    await publishAll("2");
    const expected = channels.slice(500).map((name) => `${name}=2`);
    await b.hears(expected.at(-1) as string);
    expect(b.heard).toEqual(expected);
  });

  test("subscribes once for repeated calls, and again after unsubscribing", async () => {
    await using a = await Tapped.connected(settings(broker));
    await using b = await Tapped.connected(settings(broker), "c", "c");
    const again = [
      b.transport.unsubscribe("c"),
      b.transport.subscribe("c"),
      b.transport.unsubscribe("c"),
      b.transport.subscribe("c"),
    ];
    await Promise.all(again);
    await a.publish("c", "1");
    await b.hears("c=1");
    await b.transport.unsubscribe("c");
    await a.publish("c", "2");
    await b.subscribe("d");
    await a.publish("d", "3");
    await b.hears("d=3");
    expect(b.heard).toEqual(["c=1", "d=3"]);
  });

  test("reports a loss, publishes nothing meanwhile, and is connected when all subscriptions are made", async () => {
    await using a = await Tapped.connected(settings(broker), "c");
    await using b = await Tapped.connected(settings(proxy), "c");
    await b.losing(() => proxy.refuse());
    expect(b.errors).toHaveLength(1);
    const refused = await failure(b.publish("c", "lost"));
    expect(String(refused)).toContain("no connection");
    const late = b.subscribe("late");

    // The first message of another node must be received once `connected` is reported.
    const reached = new Gate();
    const report = b.report.bind(b);
    b.report = (status, error) => {
      report(status, error);
      if (status !== "connected") return;
      void Promise.all([a.publish("c", "hello"), a.publish("late", "too")]).then(() =>
        reached.open(),
      );
    };
    await proxy.restore();
    await reached.promise;
    await late;
    await b.hears("c=hello", "late=too");
    await b.publish("c", "after");
    await a.hears("c=after");
    expect(a.heard.filter((line) => !line.endsWith("hello"))).toEqual(["c=after"]);
    expect(b.statuses).toEqual(["connected", "reconnecting", "connected"]);
  });

  test("is back when the broker was killed and started again", async () => {
    await using a = await Tapped.connected(settings(broker));
    await using b = await Tapped.connected(settings(broker), "c");
    await Promise.all([a.losing(() => broker.kill()), b.losing(() => undefined)]).catch(() => {});
    await a.until("reconnecting");
    await b.until("reconnecting");
    await failure(a.publish("c", "lost"));
    await broker.restart();
    await Promise.all([a.until("connected"), b.until("connected")]);
    await a.publish("c", "back");
    await b.hears("c=back");
    expect(b.heard).toEqual(["c=back"]);
  });

  test("gives up a frozen broker, and rejects what is pending", async () => {
    await using a = await Tapped.connected(settings(broker, quick));
    await using b = await Tapped.connected(settings(broker, quick), "c");
    await broker.freeze();
    // It publishes more than any buffer holds: outgoing traffic does not show that the broker is
    // up.
    const pending: Promise<unknown>[] = [];
    const big = new Uint8Array(200_000);
    const timer = setInterval(() => pending.push(failure(a.transport.publish("big", big))), 10);
    await Promise.all([a.until("reconnecting"), b.until("reconnecting")]);
    clearInterval(timer);
    await Promise.all(pending);
    expect(pending.length).toBeGreaterThan(0);
    broker.thaw();
    await Promise.all([a.until("connected"), b.until("connected")]);
    await a.publish("c", "back");
    await b.hears("c=back");
  });

  test("notices a dead line of either kind", async () => {
    await using b = await Tapped.connected(settings(proxy, quick), "c");
    const sent = b.publish("c", "on the way");
    await sent;
    const pending = b.losing(() => proxy.stall());
    const lost = failure(b.publish("c", "never"));
    await pending;
    await lost;
    await proxy.restore();
    await b.until("connected");
    expect(b.heard.filter((line) => line === "c=never")).toEqual([]);
  });

  test("opens before there is a broker, and connects once there is one", async () => {
    await proxy.refuse();
    await using b = new Tapped(settings(proxy));
    await b.transport.open(b);
    expect(b.statuses).toEqual(["reconnecting"]);
    expect(b.errors).toHaveLength(1);
    const subscribed = b.subscribe("c");
    await failure(b.publish("c", "too early"));
    await proxy.restore();
    await subscribed;
    await b.until("connected");
  });

  test("opens before a broker that accepts and does not answer", async () => {
    proxy.stall();
    await using b = new Tapped(settings(proxy, quick));
    await b.transport.open(b);
    expect(b.statuses).toEqual(["reconnecting"]);
    await proxy.restore();
    await b.until("connected");
  });

  test("opens with a name that can't be resolved", async () => {
    await using b = new Tapped(settings({ host: "nobody.invalid", port: 1 }));
    await b.transport.open(b);
    expect(b.statuses).toEqual(["reconnecting"]);
  });

  test("sends on close what was published", async () => {
    await using b = await Tapped.connected(settings(broker), "c");
    const a = await Tapped.connected(settings(broker));
    const sent = Array.from({ length: 500 }, (_, n) => a.publish("c", String(n)));
    await a.transport.close();
    await Promise.all(sent);
    await b.hears("c=499");
    expect(b.heard).toHaveLength(500);
  });

  test("closes at any time, more than once, and leaves no connection", async () => {
    const opened = await Tapped.connected(settings(proxy), "c");
    const waiting = new Tapped(settings({ host: "127.0.0.1", port: await freePort() }));
    await waiting.transport.open(waiting);
    const subscribed = failure(waiting.subscribe("c"));
    const opening = new Tapped(settings(proxy));
    const open = opening.transport.open(opening);
    const unopened = new Tapped(settings(proxy));
    const all = [opened, waiting, opening, unopened];
    await Promise.all(all.map((tapped) => tapped.close()));
    await Promise.all(all.map((tapped) => tapped.close()));
    await open;
    await unopened.transport.open(unopened);
    expect(String(await subscribed)).toContain("closed");
    expect(String(await failure(opened.publish("c", "x")))).toContain("closed");
    expect(unopened.statuses).toEqual([]);
    await waitFor(() => proxy.connections === 0, settled);
  });

  test("closes in time though the broker is frozen", async () => {
    const a = await Tapped.connected(settings(broker, quick), "c");
    await broker.freeze();
    const pending = failure(a.publish("c", "x"));
    await a.transport.close();
    expect(await pending).toBeInstanceOf(Error);
  });
}
