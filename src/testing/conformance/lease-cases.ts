import assert from "node:assert/strict";
import type { GroupState } from "../../journal/engine.js";
import {
  acquired,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  type JournalLab,
  type LabNode,
  letterAt,
  longLease,
  partition,
  partitionAt,
  shortLease,
  stateOf,
} from "./journal-lab.js";

/** Leases, fences and commits. @internal */
export const leaseCases: readonly JournalCase[] = [
  [
    "gives a partition to one owner",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 2, "earliest");
      const before = await stateOf(a.engine);
      const state = await acquired(a.engine, "a");
      assert.ok(state.fence > before.fence);
      assert.ok(state.remaining > 0 && state.remaining <= longLease);
      assert.deepEqual([state.position, state.paused], [0, false]);
      for (const owner of ["a", "b"])
        for (const { engine } of [a, b])
          assert.equal(
            await engine.acquire(groupPartition, owner, longLease, "earliest"),
            undefined,
          );
      const seen = await stateOf(b.engine);
      assert.deepEqual([seen.owner, seen.fence], ["a", state.fence]);
      assert.ok(seen.remaining > 0 && seen.remaining <= longLease);
      await acquired(b.engine, "b", { at: { ...groupPartition, partition: 1 } });
    },
  ],
  [
    "has one winner where many ask at once",
    async (lab) => {
      const nodes = [await lab.open("a"), await lab.open("b"), await lab.open("c")];
      let fence = 0;
      for (let round = 0; round < 5; round++) {
        const asked = Array.from({ length: 8 }, (_, at) =>
          nodes.map(({ engine, name }) =>
            engine.acquire(groupPartition, `${name}/${at}`, longLease, "earliest"),
          ),
        );
        const won = (await Promise.all(asked.flat())).filter((state) => state !== undefined);
        assert.equal(won.length, 1);
        const [state] = won as [GroupState];
        assert.ok(state.fence > fence, "the fence did not grow");
        fence = state.fence;
        const [{ engine }] = nodes as [(typeof nodes)[0]];
        const back = await engine.commit(groupPartition, commitOf(state, { leaseTime: 0 }));
        assert.deepEqual([back.status, back.state.owner], ["committed", null]);
        assert.equal(back.state.remaining, 0);
      }
    },
  ],
  [
    "creates the group where it is not there",
    async (lab) => {
      const a = await lab.open("a");
      await a.writer().appendEach(3);
      const late = { ...groupPartition, group: "late" };
      assert.equal((await acquired(a.engine, "a")).position, 0);
      const state = await a.engine.acquire(late, "a", longLease, "latest");
      assert.equal(state?.position, 3);
      assert.deepEqual(await a.engine.groups(partition), ["late", "mailer"]);
    },
  ],
  [
    "moves the position on, and renews the lease",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.writer().appendEach(10);
      const state = await acquired(a.engine, "a", { leaseTime: 60_000 });
      const parts = { position: 4, leaseTime: 2 * 60_000 };
      const result = await a.engine.commit(groupPartition, commitOf(state, parts));
      assert.equal(result.status, "committed");
      assert.ok(result.state.remaining > 60_000, "the lease was not renewed");
      const seen = await stateOf(b.engine);
      for (const each of [result.state, seen])
        assert.deepEqual([each.owner, each.position, each.fence], ["a", 4, state.fence]);
      const last = await a.engine.commit(
        groupPartition,
        commitOf(state, { position: 7, leaseTime: 0 }),
      );
      assert.deepEqual([last.status, last.state.owner], ["committed", null]);
      const next = await acquired(b.engine, "b");
      assert.equal(next.position, 7);
      assert.ok(next.fence > state.fence);
    },
  ],
  [
    "takes over a lease that has expired, by its last owner too",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.writer().appendEach(10);
      const first = await acquired(a.engine, "a", { leaseTime: shortLease });
      const second = await takenOver(lab, "a", b);
      assert.ok(second.fence > first.fence);
      assert.deepEqual([second.owner, (await stateOf(a.engine)).owner], ["a", "a"]);
    },
  ],
  [
    "refuses what an owner does after its lease, and changes nothing",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.writer().appendEach(10);
      const old = await acquired(a.engine, "a", { leaseTime: shortLease });
      await lab.until(async () => (await stateOf(b.engine)).owner === null, "the lease to expire");
      const late = commitOf(old, { position: 3, dead: [letterAt(2)] });
      const result = await a.engine.commit(groupPartition, late);
      assert.equal(result.status, "fenced");
      assert.deepEqual([result.state.owner, result.state.position], [null, 0]);
      const state = await acquired(b.engine, "b");
      const after = await a.engine.commit(groupPartition, late);
      assert.equal(after.status, "fenced");
      assert.deepEqual([after.state.owner, after.state.fence], ["b", state.fence]);
      const giveBack = await a.engine.commit(groupPartition, commitOf(old, { leaseTime: 0 }));
      assert.equal(giveBack.status, "fenced");
      const seen = await stateOf(b.engine);
      assert.deepEqual(
        [seen.owner, seen.position, seen.deadLetters, seen.fence],
        ["b", 0, 0, state.fence],
      );
      const own = await b.engine.commit(groupPartition, commitOf(state, { position: 1 }));
      assert.equal(own.status, "committed");
    },
  ],
  [
    "refuses a fence that is not the present one",
    async (lab) => {
      const a = await lab.open("a");
      const state = await acquired(a.engine, "a");
      for (const fence of [state.fence - 1, state.fence + 1]) {
        const result = await a.engine.commit(
          groupPartition,
          commitOf(state, { fence, position: 1 }),
        );
        assert.equal(result.status, "fenced");
      }
      assert.equal((await stateOf(a.engine)).position, 0);
    },
  ],
  [
    "tells an owner that its position was moved, and takes nothing of that commit",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.writer().appendEach(10);
      const state = await acquired(a.engine, "a", { leaseTime: 60_000 });
      assert.equal(await b.engine.seek(groupPartition, 8), 8);
      const parts = { position: 3, dead: [letterAt(1)], leaseTime: 2 * 60_000 };
      const moved = await a.engine.commit(groupPartition, commitOf(state, parts));
      assert.equal(moved.status, "moved");
      const { owner, position, fence, seeks, deadLetters, remaining } = moved.state;
      assert.deepEqual([owner, position, fence, deadLetters], ["a", 8, state.fence, 0]);
      assert.ok(seeks > state.seeks);
      assert.ok(remaining > 60_000, "the lease was not renewed");
      const next = await a.engine.commit(groupPartition, commitOf(moved.state, { position: 9 }));
      assert.deepEqual([next.status, next.state.position], ["committed", 9]);
      await b.engine.seek(groupPartition, "earliest");
      const last = await a.engine.commit(
        groupPartition,
        commitOf(next.state, { position: 10, leaseTime: 0 }),
      );
      assert.deepEqual([last.status, last.state.owner, last.state.position], ["moved", null, 0]);
      assert.equal((await acquired(b.engine, "b")).position, 0);
    },
  ],
  [
    "begins a group at 0 in a new generation",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.writer().appendEach(10);
      const state = await acquired(a.engine, "a");
      const parts = { position: 6 };
      assert.equal(
        (await a.engine.commit(groupPartition, commitOf(state, parts))).status,
        "committed",
      );
      const generation = await b.engine.renew(partition, state.generation);
      const moved = await a.engine.commit(groupPartition, commitOf(state, { position: 8 }));
      assert.equal(moved.status, "moved");
      assert.deepEqual(
        [moved.state.position, moved.state.generation, moved.state.owner],
        [0, generation, "a"],
      );
      const again = await a.engine.commit(groupPartition, commitOf(state, { position: 8 }));
      assert.deepEqual([again.status, again.state.position], ["moved", 0]);
      const next = await a.engine.commit(
        groupPartition,
        commitOf(moved.state, { position: 2, leaseTime: 0 }),
      );
      assert.equal(next.status, "committed");
      await b.engine.renew(partition, generation);
      const other = await acquired(b.engine, "b");
      assert.equal(other.position, 0);
      assert.notEqual(other.generation, generation);
      assert.ok(other.fence > state.fence);
    },
  ],
  [
    "counts each commit once, whoever owns the partition, while leases expire at any time",
    async (lab) => {
      const nodes = [await lab.open("a"), await lab.open("b"), await lab.open("c")];
      await (nodes[0] as LabNode).writer().appendEach(100);
      const fences = new Map<number, string>();
      let count = 0;
      const work = async ({ engine, name }: LabNode): Promise<void> => {
        while (count < 60) {
          let state = await engine.acquire(groupPartition, name, 20, "earliest");
          if (state === undefined) continue;
          assert.equal(fences.get(state.fence) ?? name, name, "two owners had one fence");
          fences.set(state.fence, name);
          // After the millisecond, the next commit may come in time or too late.
          for (const leaseTime of [20, 1, 20, 1, 0]) {
            const parts = { position: state.position + 1, leaseTime };
            const result = await engine.commit(groupPartition, commitOf(state, parts));
            if (result.status !== "committed") break;
            count++;
            state = result.state;
          }
        }
      };
      await Promise.all(nodes.map(work));
      const [{ engine }] = nodes as [LabNode];
      assert.equal((await stateOf(engine)).position, count);
    },
  ],
  [
    "commits for many partitions side by side",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const partitions = Array.from({ length: 8 }, (_, index) => index);
      await a.engine.createGroup(group, 8, "earliest");
      await Promise.all(
        partitions.map(async (index) => {
          const { engine, name } = index % 2 === 0 ? a : b;
          const at = { ...groupPartition, partition: index };
          await a.writer(partitionAt(index)).appendEach(5);
          const state = await acquired(engine, name, { at });
          for (let position = 1; position <= 5; position++) {
            const { status } = await engine.commit(at, commitOf(state, { position }));
            assert.equal(status, "committed");
          }
        }),
      );
      const view = await b.engine.viewGroup(group);
      assert.deepEqual(
        view.partitions.map((each) => [each.partition, each.owner, each.position]),
        partitions.map((index) => [index, index % 2 === 0 ? a.name : b.name, 5]),
      );
    },
  ],
];

/** Takes the lease as soon as it has expired. */
async function takenOver(
  lab: JournalLab,
  owner: string,
  { engine }: { engine: Parameters<typeof acquired>[0] },
): Promise<GroupState> {
  return await lab.until(
    () => engine.acquire(groupPartition, owner, longLease, "earliest"),
    "a lease to expire",
  );
}
