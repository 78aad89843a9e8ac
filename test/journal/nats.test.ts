import { describe, expect, jest, test } from "@jest/globals";
import type { ConsumerAPI } from "@nats-io/jetstream";
import { connect, headers } from "@nats-io/transport-node";
import { jetStreamClients } from "../../src/journal/jetstream-client.js";
import { checkServer, JetStreamSession } from "../../src/journal/jetstream-session.js";
import { OptionError, startSupervisor } from "../../src/index.js";
import { natsJournal } from "../../src/nats.js";
import { natsDial } from "../../src/pubsub/nats-session.js";
import {
  acquired,
  bytesOf,
  group,
  groupPartition,
  lifeOf,
  longLease,
  partition,
  stream,
  textOf,
} from "../../src/testing/conformance/journal-lab.js";
import { waitFor } from "../../src/testing/wait-for.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats } from "../helpers/brokers/servers.js";
import { NatsLab } from "./nats-lab.js";

const range = (length: number): number[] => Array.from({ length }, (_, index) => index);

describeWith("nats-server")("the journal's data in JetStream", () => {
  test("has buckets that several nodes may create at the same time", async () => {
    await using broker = await startNats({ jetStream: true });
    const servers = `${broker.host}:${broker.port}`;
    const connections = await Promise.all(range(6).map(() => connect({ servers })));
    const clients = await Promise.all(connections.map((one) => jetStreamClients(one, 1, 10_000)));
    for (const round of range(150)) {
      const opened = await Promise.all(clients.map((one) => one.bucket(`bucket-${round}`)));
      expect(opened).toHaveLength(6);
    }
    await Promise.all(connections.map((one) => one.close()));
  });

  test("is laid out as documented", async () => {
    await using nats = await NatsLab.start();
    const { lab, jsm, names } = nats;
    const a = await lab.open("a b", { capacity: 50_000 });
    const place = { cache: "orders.eu", name: "main", partition: 3 };
    await a.writer(place).append();
    await a.engine.markLost(place, lifeOf("ü"), bytesOf("marker"));
    const ns = lab.namespace;
    const log = `${ns}~orders=002eeu~main~3`;
    const { config } = await jsm.streams.info(log);
    expect(config).toMatchObject({
      subjects: [`${ns}.journal.orders=002eeu.main.3.*`],
      storage: "file",
      retention: "limits",
      discard: "old",
      max_msgs: 60_000,
      max_age: 0,
      deny_delete: true,
    });
    const first = await jsm.streams.getMessage(log, { seq: 1 });
    expect(first?.subject).toBe(`${ns}.journal.orders=002eeu.main.3.a=0020b-${lab.id}`);
    expect(first?.header.get("Nebulex-Entry")).toBe(`a%20b-${lab.id} epoch-1 1000 0`);
    const second = await jsm.streams.getMessage(log, { seq: 2 });
    expect(second?.subject).toBe(`${ns}.journal.orders=002eeu.main.3.=00fc=`);
    expect(second?.header.get("Nebulex-Entry")).toBe("%C3%BC epoch-1 1000 -1 lost");
    await a.engine.shape(stream, "a shape");
    await a.engine.beat(stream, lifeOf("n"), longLease);
    await a.engine.joinGroup(group, "m", longLease);
    const state = await acquired(a.engine, "m");
    const letter = { position: 0, record: bytesOf("letter") };
    await a.engine.commit(groupPartition, {
      ...state,
      leaseTime: longLease,
      dead: [letter],
      retried: [],
    });
    await a.engine.retry(groupPartition, "all");
    const keysOf = async (bucket: string): Promise<string[]> => {
      const filter = { subjects_filter: `$KV.${bucket}.>` };
      const info = await jsm.streams.info(`KV_${bucket}`, filter);
      return Object.keys(info.state.subjects ?? {}).map((key) => key.replace(`$KV.${bucket}.`, ""));
    };
    expect((await keysOf(names.stateBucket)).sort()).toEqual([
      "group.orders.main.mailer.member.m",
      "group.orders.main.mailer.partition.0",
      "log.orders.main.0",
      "log.orders=002eeu.main.3",
      "node.orders.main.n",
      "shape.orders.main",
    ]);
    expect((await keysOf(names.deadBucket)).sort()).toEqual([
      `orders.main.mailer.0.letter.0-0-${state.generation}`,
      `orders.main.mailer.0.retry.0-0-${state.generation}`,
    ]);
  });

  test("leaves no timer behind, whenever a session ends while a watch starts", async () => {
    await using nats = await NatsLab.start();
    const { host, port } = nats.broker;
    const timers = new Set<unknown>();
    const { clearInterval: clear, setInterval: set } = globalThis;
    jest.spyOn(globalThis, "setInterval").mockImplementation(((fn: () => void, ms: number) => {
      const timer = set(fn, ms);
      timers.add(timer);
      return timer;
    }) as typeof set);
    jest.spyOn(globalThis, "clearInterval").mockImplementation((timer) => {
      timers.delete(timer);
      clear(timer);
    });
    const dial = natsDial(
      () => connect({ servers: `${host}:${port}`, reconnect: false }),
      () => {},
    );
    let starts = 0;
    for (let turns = 0; turns < 12; turns++) {
      const link = await dial(() => {}, new AbortController().signal);
      const options = { names: nats.names, replicas: 1, timeout: 5000, observes: false };
      const session = await JetStreamSession.open(link, options);
      const { consumers } = session.js as unknown as { consumers: { api: ConsumerAPI } };
      const add = consumers.api.add.bind(consumers.api);
      jest.spyOn(consumers.api, "add").mockImplementation(async (...args) => {
        const answer = await add(...args);
        starts++;
        const end = (left: number): void =>
          left === 0 ? session.destroy(new Error("ended")) : queueMicrotask(() => end(left - 1));
        end(turns);
        return answer;
      });
      const watch = session.state.watch(
        "some",
        () => {},
        () => {},
      );
      await watch.catch(() => {});
      await link.connection.closed();
    }
    expect(starts).toBe(12);
    expect(timers.size).toBe(0);
  });

  test("may hold what others have written, which is passed on, or named", async () => {
    await using nats = await NatsLab.start();
    const { lab, admin, names } = nats;
    const a = await lab.open("a");
    const reader = a.reader();
    await a.writer().append();
    admin.publish(names.subject(partition, "foreign"), "x");
    const odd = headers();
    odd.set("Nebulex-Entry", "%zz e 1 2");
    admin.publish(names.subject(partition, "odd"), "y", { headers: odd });
    await admin.flush();
    await reader.reaches(3);
    expect(textOf(reader.read[1]?.payload as Uint8Array)).toBe("x");
    expect((await a.engine.bounds(partition, 2)).probed).toBeUndefined();
    expect((await a.engine.bounds(partition, 0)).probed).toBe(`${a.name}:epoch-1:0`);
    // A node of that name goes on behind it.
    expect(await a.writer(partition, { node: "foreign" }).append()).toBe(3);
    const put = (key: string, value: string): void =>
      admin.publish(`$KV.${names.stateBucket}.${key}`, value);
    put("shape.orders.main", "no shape");
    put("node.orders.main.odd", "[1]");
    put("group.orders.main.mailer.member.odd", "{}");
    put("group.orders.main.mailer.partition.0", `{"group":"mailer"}`);
    put("log.orders.main.0", "null");
    await admin.flush();
    expect(await a.engine.streams()).toEqual([]);
    expect(await a.engine.shape(stream, "a shape")).toBe("a shape");
    expect(await a.engine.nodes(stream)).toEqual([]);
    expect(await a.engine.viewGroup(group)).toEqual({ members: [], partitions: [] });
    await expect(a.engine.acquire(groupPartition, "m", longLease, "latest")).rejects.toThrow(
      "group.orders.main.mailer.partition.0 does not hold a partition of a group",
    );
    const { generation, next } = await a.engine.bounds(partition);
    expect([generation.length, next]).toEqual([16, 4]);
  });
});

describeWith("nats-server")("appends that are under way at once", () => {
  test("may be as large as it says, whatever the node is called", async () => {
    await using nats = await NatsLab.start();
    const a = await nats.lab.open("a", { nodeName: "ü🌍".repeat(50) });
    const entry = a.writer().entry();
    const payload = new Uint8Array(a.engine.maxPayload ?? 0);
    expect(payload.length).toBeGreaterThan(1_000_000);
    expect(await a.engine.append(partition, { ...entry, payload })).toMatchObject({ position: 0 });
  });

  test("store nothing behind one that the server refuses", async () => {
    await using nats = await NatsLab.start();
    const a = await nats.lab.open("a");
    const writer = a.writer();
    // From here on many are under way at once.
    await writer.appendEach(200);
    await nats.jsm.streams.update(nats.stream, { max_msg_size: 1000 });
    const entries = Array.from({ length: 100 }, (_, index) => {
      const entry = writer.entry();
      return index === 50 ? { ...entry, payload: new Uint8Array(2000) } : entry;
    });
    const outcomes = await Promise.allSettled(
      entries.map((entry) => a.engine.append(partition, entry)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual([
      ...Array<string>(50).fill("fulfilled"),
      ...Array<string>(50).fill("rejected"),
    ]);
    expect((await a.engine.bounds(partition)).next).toBe(250);
    const late = entries[51] as (typeof entries)[0];
    expect(await a.engine.append(partition, late)).toMatchObject({ status: "conflict", last: 249 });
    await nats.jsm.streams.update(nats.stream, { max_msg_size: -1 });
    const again = await Promise.all(
      entries.slice(50).map((entry) => a.engine.append(partition, entry)),
    );
    expect(again.map((result) => (result.status === "appended" ? result.position : -1))).toEqual(
      entries.slice(50).map((_, index) => 250 + index),
    );
  });

  test("wait for a stream that has not got its subject yet", async () => {
    await using nats = await NatsLab.start();
    const { lab, jsm, stream, names } = nats;
    const a = await lab.open("a");
    const writer = a.writer();
    await writer.appendEach(10);
    await jsm.streams.update(stream, { subjects: ["elsewhere"] });
    const appending = writer.appendEach(10);
    // It is asked for again and again.
    const subscription = nats.admin.subscribe(`$JS.API.STREAM.MSG.GET.${stream}`);
    let asked = 0;
    for await (const _ of subscription) if (++asked === 3) break;
    await jsm.streams.update(stream, { subjects: [names.subject(partition)] });
    await appending;
    expect((await a.engine.bounds(partition)).next).toBe(20);
  });

  test("keep the order of each node where several write as fast as they can", async () => {
    await using nats = await NatsLab.start();
    const nodes = await Promise.all(["a", "b", "c"].map((name) => nats.lab.open(name)));
    const reader = (nodes[0] as (typeof nodes)[0]).reader();
    const count = 400;
    await Promise.all(
      nodes.map(async (node) => {
        const writer = node.writer();
        for (let sent = 0; sent < count; sent += 50) await writer.appendEach(50);
      }),
    );
    await reader.reaches(3 * count);
    for (const { name } of nodes) {
      const own = reader.payloads.filter((payload) => payload.startsWith(`${name} `));
      const expected = Array.from({ length: count }, (_, at) => `${name} epoch-1 ${at}-${at}`);
      expect(own).toEqual(expected);
    }
  });
});

describe("a server", () => {
  test.each([
    ["2.9.0", 1],
    ["2.10.19", 3],
    ["2.10.19-RC.1", 3],
    ["2.11.0", 3],
    ["3.0.0", 3],
    ["unknown", 3],
    [undefined, 1],
  ])("of version %s is new enough for %d replicas", (version, replicas) => {
    expect(() => checkServer(version, replicas)).not.toThrow();
  });

  test.each([
    ["2.8.4", 1, "2.9.0"],
    ["1.4.1", 1, "2.9.0"],
    ["2.9.25", 3, "2.10.19"],
    ["2.10.18", 2, "2.10.19"],
  ])("of version %s is too old for %d replicas", (version, replicas, needed) => {
    expect(() => checkServer(version, replicas)).toThrow(
      `replicas: ${replicas} needs nats-server ${needed} or newer, this one is ${version}`,
    );
  });
});

describe("natsJournal", () => {
  test.each([
    [{}, "servers"],
    [{ servers: "127.0.0.1", connection: {} }, "servers"],
    [{ servers: "127.0.0.1", replicas: 0 }, "replicas"],
    [{ servers: "127.0.0.1", replicas: 6 }, "replicas"],
    [{ servers: "127.0.0.1", retain: -1 }, "retain"],
    [{ servers: "127.0.0.1", topic: "x" }, "topic"],
    [{ servers: "127.0.0.1", options: { reconnect: true } }, "reconnect"],
    ["nats://me:secret@host", "options"],
  ])("refuses %j", (options, name) => {
    const make = () => natsJournal(options as never);
    expect(make).toThrow(OptionError);
    expect(make).toThrow(expect.objectContaining({ option: name }));
    expect(make).not.toThrow(/secret/);
  });
});

describeWith("nats-server")("natsJournal, started", () => {
  const start = (options: Parameters<typeof natsJournal>[0]) => {
    const journal = natsJournal({ nodeName: "n", ...options });
    const children = [journal.childSpec()];
    return { journal, started: startSupervisor({ strategy: "one_for_one", children }) };
  };
  const reasonOf = async (starting: Promise<unknown>): Promise<string> => {
    const error: unknown = await starting.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    return String((error as Error | undefined)?.cause ?? error);
  };

  test("is connected, with the user's connection, too", async () => {
    await using nats = await NatsLab.start();
    const servers = `${nats.broker.host}:${nats.broker.port}`;
    for (const options of [{ servers }, { connection: nats.admin }]) {
      const { journal, started } = start(options);
      const supervisor = await started;
      expect(journal.status).toBe("connected");
      await supervisor.stop();
      expect(journal.status).toBe("closed");
    }
    expect(nats.admin.isClosed()).toBe(false);
  });

  test("says what to do where JetStream is not enabled", async () => {
    await using broker = await startNats();
    const { started } = start({ servers: `${broker.host}:${broker.port}` });
    expect(await reasonOf(started)).toMatch(
      /JetStream is not enabled on the server, .* start nats-server with -js/,
    );
  });

  test("says what to do where there are not enough servers for the replicas", async () => {
    await using broker = await startNats({ jetStream: true });
    const { started } = start({ servers: `${broker.host}:${broker.port}`, replicas: 3 });
    expect(await reasonOf(started)).toMatch(
      /this server is no cluster: .*"replicas"|replicas: 3 needs nats-server 2\.10\.19 or newer/,
    );
  });

  test("says which permissions it needs", async () => {
    const config = `authorization { users = [ { user: me, password: secret, permissions: {
      publish: { allow: "open.>" }, subscribe: { allow: "_INBOX.>" } } } ] }`;
    await using broker = await startNats({ jetStream: true, config });
    const { started } = start({ servers: `nats://me:secret@${broker.host}:${broker.port}` });
    const reason = await reasonOf(started);
    expect(reason).toMatch(/needs permission .*\$JS\.API\.>.*<namespace>\.journal\.>/);
    expect(reason).not.toContain("secret@");
  });

  test("starts while the server is away, and connects when it is there", async () => {
    await using broker = await startNats({ jetStream: true });
    await broker.kill();
    const { journal, started } = start({ servers: `${broker.host}:${broker.port}` });
    const supervisor = await started;
    expect(journal.status).toBe("reconnecting");
    await broker.restart();
    await waitFor(() => journal.status === "connected", { timeout: 10_000 });
    await supervisor.stop();
  });
});
