import assert from "node:assert/strict";
import { wallClockNow } from "../../timers.js";
import {
  acquired,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  type JournalLab,
  letterAt,
  lifeOf,
  longLease,
  partition,
  stream,
} from "./journal-lab.js";

/** What holds when the engine has lost its data. @internal */
export const flushCases: readonly JournalCase[] = [
  [
    "begins a new generation, at position 0, with any sequence",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      await writer.appendEach(10);
      const { generation } = await a.engine.bounds(partition);
      await flush(lab);
      const bounds = await b.engine.bounds(partition);
      assert.notEqual(bounds.generation, generation);
      assert.deepEqual([bounds.first, bounds.next], [0, 0]);
      assert.equal(await a.engine.entryAt(partition, 3), undefined);
      assert.equal(await a.engine.renew(partition, generation), bounds.generation);
      const result = await a.engine.append(partition, writer.entry());
      const appended = { status: "appended", position: 0, generation: bounds.generation };
      assert.deepEqual({ ...result }, appended);
      const reader = b.reader();
      await reader.reaches(1);
      await writer.append();
      await reader.reaches(2);
    },
  ],
  [
    "says so in the answer to an append that comes first",
    async (lab) => {
      const a = await lab.open("a");
      const writer = a.writer();
      await writer.append();
      const { generation } = await a.engine.bounds(partition);
      await flush(lab);
      const result = await a.engine.append(partition, writer.entry());
      assert.ok(result.status === "appended");
      assert.equal(result.position, 0);
      assert.notEqual(result.generation, generation);
      assert.equal((await a.engine.bounds(partition)).generation, result.generation);
    },
  ],
  [
    "has forgotten shapes, nodes and groups, and refuses the commits of former owners",
    async (lab) => {
      const a = await lab.open("a");
      await a.engine.shape(stream, "a shape");
      await a.engine.beat(stream, lifeOf("a"), longLease);
      await a.engine.joinGroup(group, "m", longLease);
      const owner = await acquired(a.engine, "a");
      await a.engine.commit(groupPartition, commitOf(owner, { dead: [letterAt(0)] }));
      await flush(lab);
      assert.deepEqual(await a.engine.streams(), []);
      assert.equal(await a.engine.shape(stream, "another"), "another");
      assert.deepEqual(await a.engine.nodes(stream), []);
      assert.deepEqual(await a.engine.groups(stream), []);
      assert.deepEqual({ ...(await a.engine.viewGroup(group)) }, { members: [], partitions: [] });
      const late = await a.engine.commit(groupPartition, commitOf(owner, { position: 5 }));
      assert.equal(late.status, "fenced");
      const again = await acquired(a.engine, "a");
      assert.deepEqual([again.position, again.deadLetters], [0, 0]);
      assert.ok(again.fence > owner.fence, "a fence of an earlier generation came again");
    },
  ],
];

/** In a later millisecond than all that came before, since fences may come from a clock. */
async function flush(lab: JournalLab): Promise<void> {
  const before = wallClockNow();
  await lab.until(() => wallClockNow() > before, "the next millisecond");
  await lab.flush();
}
