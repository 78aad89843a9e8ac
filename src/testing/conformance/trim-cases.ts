import assert from "node:assert/strict";
import {
  acquired,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  type LabNode,
  longLease,
  partition,
} from "./journal-lab.js";

/** What is dropped, and what is not. @internal */
export const trimCases: readonly JournalCase[] = [
  [
    "keeps as many events as it is to retain",
    async (lab) => {
      const a = await lab.open("a", { retain: 10 });
      const writer = a.writer();
      await writer.appendEach(10);
      assert.equal(await firstOf(a), 0);
      await writer.appendEach(20);
      assert.equal(await firstOf(a), 20);
      assert.equal(await a.engine.entryAt(partition, 19), undefined);
      assert.equal((await a.engine.entryAt(partition, 20))?.position, 20);
      assert.equal((await a.engine.bounds(partition, 19)).probed, undefined);
      assert.equal(await writer.append(), 30);
    },
  ],
  [
    "keeps an entry whole as long as one of its events is to be kept",
    async (lab) => {
      const a = await lab.open("a", { retain: 10 });
      const { width } = a;
      const writer = a.writer();
      for (let time = 0; time < 10; time++) await writer.append(width);
      const oldest = Math.max(0, 10 * width - 10);
      assert.equal(await firstOf(a), Math.floor(oldest / width) * width);
      assert.equal((await a.engine.entryAt(partition, oldest))?.count, width);
    },
  ],
  [
    "trims as it appends, in steps at the least",
    async (lab) => {
      const a = await lab.open("a", { retain: 10 });
      const writer = a.writer();
      for (let turn = 0; turn < 30; turn++) await writer.appendEach(100);
      const trimmed = async (): Promise<boolean> =>
        (await a.engine.bounds(partition)).first >= 3000 - 10 - 1024;
      await lab.until(trimmed, "what is appended to be trimmed");
    },
  ],
  [
    "keeps what a group has not handled",
    async (lab) => {
      const a = await lab.open("a", { retain: 5 });
      const slow = { ...groupPartition, group: "slow" };
      for (const each of [group, slow]) await a.engine.createGroup(each, 1, "earliest");
      await a.writer().appendEach(30);
      assert.equal(await firstOf(a), 0);
      const state = await acquired(a.engine, "a");
      await a.engine.commit(groupPartition, commitOf(state, { position: 12 }));
      assert.equal(await firstOf(a), 0);
      const other = await acquired(a.engine, "a", { at: slow });
      await a.engine.commit(slow, commitOf(other, { position: 7, leaseTime: 0 }));
      assert.equal(await firstOf(a), 7);
      assert.equal(await a.engine.deleteGroup(slow), undefined);
      assert.equal(await firstOf(a), 12);
      await a.engine.commit(groupPartition, commitOf(state, { position: 30 }));
      assert.equal(await firstOf(a), 25);
    },
  ],
  [
    "keeps what a group has to handle again in a new generation",
    async (lab) => {
      const a = await lab.open("a", { retain: 5 });
      await a.engine.createGroup(group, 1, "earliest");
      const writer = a.writer();
      await writer.appendEach(20);
      const state = await acquired(a.engine, "a");
      await a.engine.commit(groupPartition, commitOf(state, { position: 10 }));
      assert.equal(await firstOf(a), 10);
      await a.engine.renew(partition, state.generation);
      await writer.appendEach(10);
      assert.equal(await firstOf(a), 10);
    },
  ],
  [
    "keeps no more than its capacity, whatever a group has not handled",
    async (lab) => {
      const a = await lab.open("a", { retain: 5, capacity: 20 });
      await a.engine.createGroup(group, 1, "earliest");
      const writer = a.writer();
      await writer.appendEach(50);
      assert.equal(await firstOf(a), 30);
      const taken = await a.engine.acquire(groupPartition, "a", longLease, "earliest");
      assert.equal(taken?.position, 0);
      if (taken.first !== undefined) assert.equal(taken.first, 30);
      for (let time = 0; time < 10; time++) await writer.append(a.width);
      const { next } = await a.engine.bounds(partition);
      const first = await firstOf(a);
      assert.ok(next - first >= 20 && next - first < 20 + a.width, `${first} to ${next} is kept`);
    },
  ],
  [
    "drops what is old and handled, however little that is",
    async (lab) => {
      const a = await lab.open("a", { retain: 1000, retainFor: 20 });
      const writer = a.writer();
      await writer.appendEach(10);
      await lab.until(async () => (await firstOf(a)) === 10, "all of it to be too old");
      assert.equal(await a.engine.entryAt(partition, 9), undefined);
      await a.engine.createGroup(group, 1, "latest");
      await writer.appendEach(5);
      const young = await lab.open("b", { retain: 1000, retainFor: 3_600_000 });
      assert.equal(await firstOf(young), 10);
      const state = await acquired(a.engine, "a");
      await a.engine.commit(groupPartition, commitOf(state, { position: 13 }));
      await lab.until(async () => (await firstOf(a)) === 13, "what is handled to be too old");
      assert.equal((await a.engine.entryAt(partition, 13))?.position, 13);
    },
  ],
  [
    "goes on where everything has been trimmed",
    async (lab) => {
      const a = await lab.open("a", { retain: 0 });
      const writer = a.writer();
      const entry = writer.entry();
      assert.equal((await a.engine.append(partition, entry)).status, "appended");
      await writer.appendEach(4);
      assert.equal(await firstOf(a), 5);
      const again = await a.engine.append(partition, entry);
      assert.ok(again.status === "conflict");
      assert.equal(again.last, 4);
      await a.engine.createGroup(group, 1, "earliest");
      const reader = a.reader(partition, 5);
      assert.equal(await writer.append(), 5);
      await reader.reaches(6);
      assert.equal((await acquired(a.engine, "a")).position, 5);
    },
  ],
];

/** The oldest position after a trim. */
async function firstOf({ engine }: LabNode): Promise<number> {
  await engine.trim(partition);
  return (await engine.bounds(partition)).first;
}
