import { afterEach, describe, expect, test } from "@jest/globals";
import {
  createJournalHub,
  createSystem,
  type Journal,
  localJournal,
  type LocalJournalOptions,
  startSupervisor,
  type Supervisor,
} from "nebulex-streams";
import { SimulatedClock, waitFor } from "nebulex-streams/testing";
import type { GroupState, JournalEngine, NewEntry, StoredEntry } from "../../src/journal/engine.js";
import { LocalGroupPartition } from "../../src/journal/local-group.js";
import { LocalPartition } from "../../src/journal/local-partition.js";
import { recordWarnings } from "../helpers/warnings.js";
import { journalPort, type JournalWithPort } from "../../src/journal/types.js";

const partition = { cache: "orders", name: "main", partition: 0 };
const group = { ...partition, group: "mailer" };

const supervisors: Supervisor[] = [];
afterEach(async () => {
  for (const supervisor of supervisors.splice(0)) await supervisor.stop();
});

async function start(options: LocalJournalOptions, clock?: SimulatedClock) {
  const journal = localJournal(options);
  const system = clock === undefined ? createSystem() : createSystem({ clock });
  const supervisor = await startSupervisor({
    children: [journal],
    strategy: "one_for_one",
    system,
  });
  supervisors.push(supervisor);
  return { journal, supervisor, engine: engineOf(journal) };
}

function engineOf(journal: Journal): JournalEngine {
  return (journal as JournalWithPort)[journalPort].engine();
}

function entryOf(to: number, payload = Uint8Array.of(to)): NewEntry {
  return { node: "a", epoch: "e", startedAt: 1, after: to - 1, to, count: 1, payload };
}

describe("the options", () => {
  test.each([
    [{ hub: {} }, "hub"],
    [{ url: "x" }, "url"],
    [{ nodeName: "a:b" }, "nodeName"],
    [{ retain: -1 }, "retain"],
    [{ retain: 11, capacity: 10 }, "retain"],
    [{ retainFor: 0 }, "retainFor"],
    [{ capacity: 0 }, "capacity"],
  ])("%j is refused", (options, option) => {
    expect(() => localJournal(options as object)).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });
});

test("a hub's methods take node names", () => {
  const hub = createJournalHub();
  for (const call of [() => hub.disconnect("a:b"), () => hub.connect("")])
    expect(call).toThrow(expect.objectContaining({ code: "E_OPTION", option: "nodeName" }));
});

test("without a hub, it keeps what it has over the restarts of its actor, and shares it with none", async () => {
  const first = await start({ nodeName: "a" });
  const other = await start({ nodeName: "b" });
  await first.engine.append(partition, entryOf(0));
  await first.supervisor.stop();
  expect(first.journal.status).toBe("closed");
  supervisors.push(await startSupervisor({ children: [first.journal], strategy: "one_for_one" }));
  const bounds = await engineOf(first.journal).bounds(partition);
  expect(bounds).toMatchObject({ first: 0, next: 1 });
  expect(await other.engine.bounds(partition)).toMatchObject({ first: 0, next: 0 });
});

test("the nodes of a hub share what they store, by namespace", async () => {
  const hub = createJournalHub();
  const a = await start({ hub, nodeName: "a" });
  const b = await start({ hub, nodeName: "b" });
  const other = await start({ hub, nodeName: "c", namespace: "other" });
  await a.engine.append(partition, entryOf(0));
  expect(await b.engine.bounds(partition)).toMatchObject({ next: 1 });
  expect(await other.engine.bounds(partition)).toMatchObject({ next: 0 });
});

test("what it trims follows the options", async () => {
  const { engine } = await start({ retain: 2, capacity: 3 });
  for (let to = 0; to < 10; to++) await engine.append(partition, entryOf(to));
  expect(await engine.bounds(partition)).toMatchObject({ first: 8, next: 10 });
});

test("carries copies", async () => {
  const { engine } = await start({});
  const sent = Buffer.from([1, 2, 3]);
  await engine.append(partition, entryOf(0, sent));
  const record = Buffer.from([4, 5, 6]);
  const owned = (await engine.acquire(group, "a", 1000, "earliest")) as GroupState;
  const commit = { ...owned, leaseTime: 1000, dead: [{ position: 0, record }], retried: [] };
  await engine.commit(group, commit);
  for (const bytes of [sent, record]) bytes.fill(0);
  const read: StoredEntry[] = [];
  const sink = { entries: (entries: readonly StoredEntry[]) => void read.push(...entries) };
  const tails = [engine.tail(partition, 0, sink), engine.tail(partition, 0, sink)];
  await waitFor(() => read.length === 2);
  for (const tail of tails) tail.close();
  for (const { payload } of read) {
    expect([...payload]).toEqual([1, 2, 3]);
    payload.fill(0);
  }
  const kept = await engine.entryAt(partition, 0);
  expect([...(kept?.payload ?? [])]).toEqual([1, 2, 3]);
  for (let time = 0; time < 2; time++) {
    const [letter] = await engine.deadLetters(group, "resting", 1);
    expect([...(letter?.record ?? [])]).toEqual([4, 5, 6]);
    letter?.record.fill(0);
  }
});

describe("a node that is cut off", () => {
  const warnings = recordWarnings();

  test("has status reconnecting until it is connected again", async () => {
    const hub = createJournalHub();
    const { journal, engine } = await start({ hub, nodeName: "a" });
    const other = await start({ hub, nodeName: "b" });
    const statuses: string[] = [];
    journal.onStatus((status) => statuses.push(status));
    hub.disconnect("a");
    hub.disconnect("a");
    expect(journal.status).toBe("reconnecting");
    expect(() => engineOf(journal)).toThrow(expect.objectContaining({ reason: "not_connected" }));
    await expect(engine.bounds(partition)).rejects.toThrow("no connection to the hub");
    expect(other.journal.status).toBe("connected");
    hub.connect("a");
    hub.connect("a");
    await engineOf(journal).bounds(partition);
    expect(statuses).toEqual(["reconnecting", "connected"]);
  });

  test("may be started meanwhile", async () => {
    const hub = createJournalHub();
    hub.disconnect("a");
    const { journal } = await startCut(hub);
    expect(journal.status).toBe("reconnecting");
    expect(warnings).toEqual([expect.stringContaining("cut off from the hub")]);
    hub.connect("a");
    expect(journal.status).toBe("connected");
  });

  test("wakes its watchers when it is back, as it does not know what it has missed", async () => {
    const hub = createJournalHub();
    const { engine } = await start({ hub, nodeName: "a" });
    let calls = 0;
    engine.watchGroup(group, () => calls++);
    hub.disconnect("a");
    hub.connect("a");
    await expect(waitFor(() => calls === 1)).resolves.toBe(true);
  });
});

async function startCut(hub: ReturnType<typeof createJournalHub>) {
  const journal = localJournal({ hub, nodeName: "a" });
  supervisors.push(await startSupervisor({ children: [journal], strategy: "one_for_one" }));
  return { journal };
}

describe("the system's clock", () => {
  test("ends leases, members and nodes", async () => {
    const clock = new SimulatedClock();
    const hub = createJournalHub();
    const a = await start({ hub, nodeName: "a" }, clock);
    const b = await start({ hub, nodeName: "b" }, clock);
    const node = { node: "a", epoch: "e", startedAt: 0, info: "{}" };
    await a.engine.beat(partition, node, 1000);
    await a.engine.joinGroup(group, "a", 1000);
    await a.engine.acquire(group, "a", 1000, "earliest");
    await clock.advance(999);
    expect(await b.engine.acquire(group, "b", 1000, "earliest")).toBeUndefined();
    expect(await b.engine.viewGroup(group)).toMatchObject({
      members: ["a"],
      partitions: [{ owner: "a", remaining: 1 }],
    });
    expect(await b.engine.nodes(partition)).toEqual([{ ...node, expired: false }]);
    await clock.advance(1);
    expect(await b.engine.viewGroup(group)).toMatchObject({
      members: [],
      partitions: [{ owner: null, remaining: 0 }],
    });
    expect(await b.engine.nodes(partition)).toEqual([{ ...node, expired: true }]);
    expect(await b.engine.acquire(group, "b", 1000, "earliest")).toMatchObject({ owner: "b" });
  });

  test("says how old an event is", async () => {
    const clock = new SimulatedClock(5000);
    const { engine } = await start({ retainFor: 1000 }, clock);
    await engine.append(partition, entryOf(0));
    expect(await engine.entryAt(partition, 0)).toMatchObject({ time: 5000 });
    await clock.advance(999);
    await engine.append(partition, entryOf(1));
    expect(await engine.bounds(partition)).toMatchObject({ first: 0 });
    await clock.advance(1);
    await engine.trim(partition);
    expect(await engine.bounds(partition)).toMatchObject({ first: 1 });
  });
});

test("a hub that is flushed has a new generation, and hands out no fence twice", async () => {
  const hub = createJournalHub();
  const { engine } = await start({ hub, nodeName: "a" });
  await engine.append(partition, entryOf(0));
  const { generation } = await engine.bounds(partition);
  const fences = [(await engine.acquire(group, "a", 1000, "earliest"))?.fence];
  hub.flush();
  const bounds = await engine.bounds(partition);
  expect(bounds).toMatchObject({ first: 0, next: 0 });
  expect(bounds.generation).not.toBe(generation);
  fences.push((await engine.acquire(group, "a", 1000, "earliest"))?.fence);
  expect(fences).toEqual([1, 2]);
});

test("what remains of a lease is never more than the lease, though sums of fractions are rounded", () => {
  const times = Array.from({ length: 100 }, (_, index) => index * 1234.567);
  expect(times.some((now) => now + 60_000 - now > 60_000)).toBe(true);
  for (const now of times) {
    const owned = new LocalGroupPartition(0, new LocalPartition(), "earliest");
    expect(owned.acquire("a", 60_000, now, () => 1)?.remaining).toBeLessThanOrEqual(60_000);
  }
});
