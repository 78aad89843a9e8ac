import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  createJournalHub,
  defineCache,
  getStream,
  JournalError,
  localJournal,
  localPubSub,
  lookupStream,
  OptionError,
  ShapeMismatchError,
  startSupervisor,
  streamServer,
} from "../../src/index.js";
import type { StoredEntry } from "../../src/journal/engine.js";
import { failure, Listener } from "../helpers/actors.js";
import { heartbeat, JournalCluster, portOf } from "./journal-cluster.js";

describe("streams over a journal", () => {
  test("give each node the others' events, in order, with their positions", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    for (let n = 0; n < 5; n++) a.cache.put(`k${n}`, n);
    await cluster.until(() => reader.events.length === 5);
    expect(reader.keysFrom("a")).toEqual(["k0", "k1", "k2", "k3", "k4"]);
    expect(reader.events.map(({ metadata }) => metadata.position)).toEqual([0, 1, 2, 3, 4]);
    expect(reader.gaps).toEqual([]);
  });

  test("give own events once, at once, and without a position", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const reader = await cluster.read(a);
    a.cache.put("k", 1);
    await cluster.time.rest(200);
    expect(reader.events.map(({ metadata }) => [metadata.node, metadata.position])).toEqual([
      ["a", null],
    ]);
  });

  test("don't decode own events that come back: what is wrong with them concerns others", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const [onA, onB] = [await cluster.read(a), await cluster.read(b)];
    a.cache.put("whole", 1);
    await cluster.until(() => onB.events.length === 1);
    const engine = portOf(a).engine();
    const partition = { cache: "users", name: "users", partition: 0 };
    const { generation } = await engine.bounds(partition);
    const entry = await engine.entryAt(partition, 0);
    const payload = (entry as StoredEntry).payload.slice(0, -1);
    const damaged = { node: "x", epoch: "e", startedAt: 0, after: -1, to: 0, count: 1, payload };
    expect((await engine.append(partition, damaged)).status).toBe("appended");
    b.cache.put("behind", 1);
    await cluster.until(() => onA.events.length === 2 && onB.gaps.length === 1);
    expect(onB.gaps).toMatchObject([{ reason: "journal_lost", from: 1, to: 1, epoch: generation }]);
    expect(onA.gaps).toEqual([]);
    expect(onA.keysFrom("b")).toEqual(["behind"]);
  });

  test("keep values and types", async () => {
    await using cluster = new JournalCluster();
    const stream = { include: ["value", "previous"], partitions: 3 } as const;
    const a = await cluster.start("a", { stream });
    const b = await cluster.start("b", { stream });
    const reader = await cluster.read(b);
    a.cache.put({ id: 1 }, new Date(7));
    await cluster.until(() => reader.events.length === 1);
    const [event] = reader.events;
    expect([event?.target, event?.value]).toEqual([{ kind: "key", key: { id: 1 } }, new Date(7)]);
  });

  test("go on behind the last position after a disconnection, without a gap", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    a.cache.put("before", 1);
    await cluster.until(() => reader.events.length === 1);
    cluster.hub.disconnect("b");
    for (let n = 0; n < 100; n++) a.cache.put(n, n);
    b.cache.put("own", 1);
    await cluster.time.rest();
    cluster.hub.connect("b");
    await cluster.until(() => reader.keysFrom("a").length === 101);
    expect(reader.keysFrom("a").slice(1)).toEqual(Array.from({ length: 100 }, (_, n) => n));
    // It was silent for no heartbeat, since no time has passed.
    expect(reader.gaps).toEqual([]);
  });

  test("store what an outage held up, in order and once", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    cluster.hub.disconnect("a");
    for (let n = 0; n < 3000; n++) a.cache.put(n, n);
    await cluster.time.rest();
    expect(reader.events).toEqual([]);
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length === 3000);
    expect(reader.keysFrom("a")).toEqual(Array.from({ length: 3000 }, (_, n) => n));
    expect(reader.gaps).toEqual([]);
  });

  test("report exactly what an outage was too long for", async () => {
    await using cluster = new JournalCluster();
    const stream = { capacity: 1000, retain: 0 };
    const a = await cluster.start("a", { stream });
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    cluster.hub.disconnect("a");
    for (let n = 0; n < 2500; n++) a.cache.put(n, n);
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length === 1000);
    expect(reader.gaps).toEqual([
      {
        type: "gap",
        cache: "users",
        name: "users",
        partition: null,
        from: 0,
        to: 1499,
        reason: "overrun",
        node: "a",
        epoch: getStream(a.cache).epoch,
      },
    ]);
    expect(reader.keysFrom("a")[0]).toBe(1500);
    expect(reader.messages[0]?.type).toBe("gap");
  });

  test("start without the engine, and store when it is there", async () => {
    await using cluster = new JournalCluster();
    cluster.hub.disconnect("a");
    const a = await cluster.start("a");
    expect(a.journal.status).toBe("reconnecting");
    a.cache.put("k", 1);
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length === 1);
    expect(a.journal.status).toBe("connected");
  });

  test("report that a dead node's last events may be missing", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    a.cache.put("k", 1);
    await cluster.until(() => reader.events.length === 1);
    const { epoch } = getStream(a.cache);
    await cluster.kill(a);
    await cluster.until(() => reader.gaps.length > 0);
    expect(reader.gaps).toMatchObject([{ node: "a", epoch, from: 1, to: 0, reason: "transport" }]);
    await cluster.time.passing(cluster.time.clock.advance(10 * heartbeat));
    await cluster.time.rest();
    expect(reader.gaps).toHaveLength(1);
    expect(getStream(b.cache).nodes()).toEqual([]);
  });

  test("take no node for dead that the engine has only been away for", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    for (const name of ["a", "b"]) cluster.hub.disconnect(name);
    await cluster.time.passing(cluster.time.clock.advance(5 * heartbeat));
    cluster.hub.connect("b");
    await cluster.time.passing(cluster.time.clock.advance(heartbeat / 2));
    cluster.hub.connect("a");
    await cluster.time.passing(cluster.time.clock.advance(5 * heartbeat));
    a.cache.put("k", 1);
    await cluster.until(() => reader.events.length === 1);
    expect(reader.gaps).toEqual([]);
  });

  test("report nothing of a node that stops in order", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    for (let n = 0; n < 2000; n++) a.cache.put(n, n);
    await cluster.stop(a);
    await cluster.until(() => reader.events.length === 2000);
    await cluster.time.passing(cluster.time.clock.advance(10 * heartbeat));
    await cluster.time.rest();
    expect(reader.gaps).toEqual([]);
  });

  test("a node that was killed begins again under its name, behind its marker", async () => {
    await using cluster = new JournalCluster();
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    const a = await cluster.start("a");
    a.cache.put("k", 1);
    await cluster.until(() => reader.events.length === 1);
    const { epoch } = getStream(a.cache);
    await cluster.kill(a);
    // No process starts within the millisecond in which the one before it did.
    await cluster.time.clock.advance(1);
    cluster.hub.connect("a");
    const again = await cluster.start("a");
    again.cache.put("k", 2);
    await cluster.until(() => reader.events.length === 2);
    expect(reader.messages.map((it) => (it.type === "gap" ? it.epoch : it.type))).toEqual([
      "inserted",
      epoch,
      "inserted",
    ]);
  });

  test("report what was trimmed before it was read, by position", async () => {
    await using cluster = new JournalCluster();
    const journal = { retain: 100, capacity: 100 };
    const a = await cluster.start("a", { journal });
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    a.cache.put("first", 0);
    await cluster.until(() => reader.events.length === 1);
    cluster.hub.disconnect("b");
    for (let n = 0; n < 5000; n++) {
      a.cache.put(n, n);
      if (n % 50 === 49) await cluster.time.rest(4);
    }
    cluster.hub.connect("b");
    await cluster.until(() => reader.keysFrom("a").at(-1) === 4999);
    const { generation } = await portOf(b)
      .engine()
      .bounds({ cache: "users", name: "users", partition: 0 });
    const { events, gaps } = reader;
    const [gap] = gaps;
    expect(gaps).toMatchObject([{ reason: "trimmed", from: 1, epoch: generation, node: "b" }]);
    // Each position is either in the gap, or is that of an event.
    expect(events[1]?.metadata.position).toBe((gap?.to ?? 0) + 1);
    expect(events.length + (gap?.to ?? 0)).toBe(5001);
  });

  test("report what is lost with the journal, and read the next generation from 0", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    for (let n = 0; n < 3; n++) a.cache.put(n, n);
    await cluster.until(() => reader.events.length === 3);
    const partition = { cache: "users", name: "users", partition: 0 };
    const { generation } = await portOf(b).engine().bounds(partition);
    cluster.hub.flush();
    a.cache.put("after", 1);
    await cluster.until(() => reader.events.length === 4);
    expect(reader.gaps).toMatchObject([
      { reason: "journal_lost", from: 3, to: 2, epoch: generation, node: "b" },
    ]);
    expect(reader.events[3]?.metadata).toMatchObject({ position: 0, sequence: 3 });
  });

  test.each(["while nodes are connected", "in an outage"])(
    "declare their shape again in a journal that has lost it %s",
    async (when) => {
      await using cluster = new JournalCluster();
      const a = await cluster.start("a");
      const listed = (): Promise<unknown[]> => portOf(a).engine().streams() as Promise<unknown[]>;
      const before = await listed();
      expect(before).toHaveLength(1);
      if (when === "in an outage") cluster.hub.disconnect("a");
      cluster.hub.flush();
      cluster.hub.connect("a");
      await cluster.until(async () => (await listed()).length === 1);
      expect(await listed()).toEqual(before);
    },
  );

  test("goes on when the cache is restarted: both epochs are whole", async () => {
    await using cluster = new JournalCluster();
    const a = await cluster.start("a");
    const b = await cluster.start("b");
    const reader = await cluster.read(b);
    cluster.hub.disconnect("a");
    a.cache.put("old", 1);
    const before = getStream(a.cache).epoch;
    const child = (await cluster.time.passing(a.sup.whichChildren())).find(
      ({ id }) => id === "users",
    );
    await cluster.time.passing((child as { ref: ActorRef }).ref.stop());
    await cluster.until(() => ![undefined, before].includes(lookupStream(a.cache)?.epoch));
    a.cache.put("new", 1);
    cluster.hub.connect("a");
    await cluster.until(() => reader.events.length === 2);
    expect(reader.keysFrom("a")).toEqual(["old", "new"]);
    expect(reader.gaps).toEqual([]);
  });
});

describe("what is set up wrong", () => {
  test("a pubsub and a journal", () => {
    const cache = defineCache({ name: "users" });
    const make = (): unknown =>
      streamServer({ cache, journal: localJournal(), pubsub: localPubSub() });
    expect(make).toThrow(OptionError);
    expect(make).toThrow(/journal or a pubsub, not both/);
  });

  test("what is no journal", () => {
    const cache = defineCache({ name: "users" });
    expect(() => streamServer({ cache, journal: localPubSub() as never })).toThrow(
      /a journal, as localJournal/,
    );
  });

  test("a journal that is not in the children list", async () => {
    const cache = defineCache({ name: "users" });
    const error = await failure(
      startSupervisor({
        strategy: "rest_for_one",
        children: [cache, streamServer({ cache, journal: localJournal({ nodeName: "n" }) })],
      }),
    );
    expect((error as Error).cause).toBeInstanceOf(JournalError);
    expect((error as Error).cause).toMatchObject({ reason: "not_started", node: "n" });
  });

  test("another shape", async () => {
    await using cluster = new JournalCluster();
    await cluster.start("a", { stream: { partitions: 2 } });
    const error = await failure(cluster.start("b", { stream: { partitions: 3 } }));
    const { cause } = error as Error;
    expect(cause).toBeInstanceOf(ShapeMismatchError);
    expect(cause).toMatchObject({ node: "a", other: { partitions: 2 }, own: { partitions: 3 } });
  });

  test("a name that another node has", async () => {
    await using cluster = new JournalCluster();
    await cluster.start("a");
    using terminated = new Listener<{ reason: unknown }>("nebulex.supervisor.child_terminated");
    const reader = await cluster.read(await cluster.start("b"));
    const second = await cluster.start("a");
    second.cache.put("early", 1);
    await cluster.until(() => terminated.messages.length > 0);
    expect(terminated.messages[0]?.reason).toMatchObject({
      reason: "node_name_taken",
      message: expect.stringContaining("node names must differ"),
    });
    expect(reader.events).toEqual([]);
  });
});

test("a hub is what createJournalHub makes", () => {
  expect(() => localJournal({ hub: {} as never })).toThrow(OptionError);
  expect(localJournal({ hub: createJournalHub() }).status).toBe("closed");
});
