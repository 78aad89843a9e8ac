import assert from "node:assert/strict";
import type { NewEntry } from "../../journal/engine.js";
import {
  acquired,
  assertRejects,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  type JournalLab,
  type LabNode,
  longLease,
  partition,
  shortLease,
  stateOf,
  stream,
} from "./journal-lab.js";

/** What holds while a node is cut off, and afterwards. @internal */
export const journalOutageCases: readonly JournalCase[] = [
  [
    "reports an outage, refuses all calls during it, and comes back by itself",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = b.writer();
      await outage(lab, a, async () => {
        const entry = a.writer().entry();
        await assertRejects(() => a.engine.append(partition, entry), "append");
        await assertRejects(() => a.engine.bounds(partition), "bounds");
        await assertRejects(() => a.engine.nodes(stream), "nodes");
        await assertRejects(() => a.engine.joinGroup(group, "a", longLease), "joinGroup");
        const acquire = a.engine.acquire(groupPartition, "a", longLease, "earliest");
        await assertRejects(() => acquire, "acquire");
        await writer.appendEach(5);
      });
      assert.equal((await a.engine.bounds(partition)).next, 5);
      assert.equal((await stateOf(b.engine).catch(() => undefined))?.owner ?? null, null);
    },
  ],
  [
    "reads on behind the last entry, with what was written meanwhile",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = b.writer();
      const readers = [a.reader(), a.reader()];
      await writer.appendEach(10);
      for (const reader of readers) await reader.reaches(10);
      let during: (typeof readers)[0] | undefined;
      await outage(lab, a, async () => {
        await writer.appendEach(50);
        during = a.reader(partition, 5);
        await b.reader().reaches(60);
        assert.equal(during.calls, 0);
        readers[1]?.tail.close();
      });
      await readers[0]?.reaches(60);
      await during?.reaches(60);
      await writer.appendEach(10);
      await readers[0]?.reaches(70);
      await during?.reaches(70);
      assert.equal(readers[1]?.next, 10);
    },
  ],
  [
    "stores each entry once, and reads it once, over many outages",
    async (lab) => {
      const [a, b, c] = [await lab.open("a"), await lab.open("b"), await lab.open("c")];
      const [near, far] = [a.reader(), b.reader()];
      const writer = a.writer();
      let isCutting = true;
      const cutting = async (): Promise<void> => {
        for (let time = 0; time < 6; time++) {
          const node = time % 2 === 0 ? a : b;
          await outage(lab, node, () => {});
        }
      };
      const writing = async (): Promise<number> => {
        let count = 0;
        for (; isCutting || count < 50; count++) await stored(lab, a, writer.entry());
        return count;
      };
      const [count] = await Promise.all([writing(), cutting().finally(() => (isCutting = false))]);
      assert.equal((await c.engine.bounds(partition)).next, count);
      const expected = Array.from({ length: count }, (_, at) => `${a.name} epoch-1 ${at}-${at}`);
      for (const reader of [near, far]) {
        await reader.reaches(count);
        assert.deepEqual(reader.payloads, expected);
      }
    },
  ],
  [
    "stores each entry once and in order where many are under way when the node is cut off",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const reader = b.reader();
      const writer = a.writer();
      let waiting: NewEntry[] = [];
      for (let round = 0; round < 6; round++) {
        for (let more = 0; more < 40; more++) waiting.push(writer.entry());
        const sent = waiting.map((entry) => a.engine.append(partition, entry));
        const answered = Promise.allSettled(sent);
        if (round % 2 === 0) await outage(lab, a, () => {});
        await lab.until(() => answered.then(() => true), "all calls to be answered");
        await a.connected();
        // What is not known to be stored is sent again, in order.
        const results = await answered;
        const open = results.findIndex(
          (each) => each.status === "rejected" || each.value.status !== "appended",
        );
        if (open === -1) waiting = [];
        else {
          const last = await a.engine.lastSequence(partition, a.name, "epoch-1");
          for (const { to } of waiting.slice(0, open)) assert.ok(to <= last, "a loss");
          waiting = waiting.filter(({ to }) => to > last);
        }
      }
      for (const entry of waiting) await stored(lab, a, entry);
      await reader.reaches(240);
      assert.deepEqual(
        reader.payloads,
        Array.from({ length: 240 }, (_, at) => `${a.name} epoch-1 ${at}-${at}`),
      );
    },
  ],
  [
    "ends the lease of a node that is cut off when its time is over",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await b.writer().appendEach(5);
      const old = await acquired(a.engine, "a", { leaseTime: shortLease });
      await a.engine.joinGroup(group, "a", shortLease);
      let fence = 0;
      await outage(lab, a, async () => {
        const taken = await lab.until(
          () => b.engine.acquire(groupPartition, "b", longLease, "earliest"),
          "the lease to expire",
        );
        fence = taken.fence;
        // Where each node measures this with its own clock, its time begins when it is first seen.
        await lab.until(
          async () => (await b.engine.viewGroup(group)).members.length === 0,
          "the member's time to be over",
        );
      });
      assert.ok(fence > old.fence);
      const late = await a.engine.commit(groupPartition, commitOf(old, { position: 3 }));
      assert.deepEqual([late.status, late.state.owner], ["fenced", "b"]);
      assert.equal((await stateOf(b.engine)).position, 0);
    },
  ],
  [
    "hears of a group's changes again after an outage",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 1, "earliest");
      let calls = 0;
      a.engine.watchGroup(group, () => calls++);
      await outage(lab, a, () => {});
      let paused = false;
      await lab.until(async () => {
        paused = !paused;
        await b.engine.setPaused(groupPartition, paused);
        return calls > 1;
      }, "changes of the group to be heard of");
    },
  ],
  [
    "is opened while it is cut off, and connects afterwards",
    async (lab) => {
      const [a, b] = [lab.create("a"), await lab.open("b")];
      await lab.cut(a.name);
      await a.open();
      assert.equal(a.statuses.at(-1), "reconnecting");
      const reader = a.reader();
      await assertRejects(() => a.engine.streams(), "a call without a connection");
      await b.writer().append();
      await lab.mend(a.name);
      await a.connected();
      await reader.reaches(1);
    },
  ],
  [
    "is closed while it is cut off",
    async (lab) => {
      const a = await lab.open("a");
      const reader = a.reader();
      await lab.cut(a.name);
      await a.disconnected();
      await a.engine.close();
      await lab.mend(a.name);
      const b = await lab.open("b");
      await b.writer().append();
      await b.reader().reaches(1);
      assert.equal(reader.read.length, 0);
      assert.notEqual(a.statuses.at(-1), "connected");
    },
  ],
];

/** The node is cut off while `during` runs; before and after it, the node knows. */
async function outage(
  lab: JournalLab,
  node: LabNode,
  during: () => void | Promise<void>,
): Promise<void> {
  await lab.cut(node.name);
  await node.disconnected();
  await during();
  await lab.mend(node.name);
  await node.connected();
}

/** Sends the entry until it is known to be stored. */
async function stored(lab: JournalLab, { engine }: LabNode, entry: NewEntry): Promise<void> {
  await lab.until(async () => {
    const result = await engine.append(partition, entry).catch(() => undefined);
    if (result === undefined) return false;
    // A conflict: an attempt without an answer had stored it.
    assert.ok(
      result.status === "appended" || (result.status === "conflict" && result.last === entry.to),
    );
    return true;
  }, "an entry to be stored");
}
