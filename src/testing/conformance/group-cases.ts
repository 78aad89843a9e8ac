import assert from "node:assert/strict";
import type { GroupView } from "../../journal/engine.js";
import { nextTurn } from "../../timers.js";
import {
  acquired,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  type LabNode,
  longLease,
  partition,
  partitionAt,
  shortLease,
  stateOf,
  stream,
} from "./journal-lab.js";

/** Groups, their members and what acts on them from outside. @internal */
export const groupCases: readonly JournalCase[] = [
  [
    "creates a group once, at the oldest event or the next one",
    async (lab) => {
      const [a, b] = [await lab.open("a", { retain: 3 }), await lab.open("b")];
      const late = { ...stream, group: "late" };
      await a.engine.setPaused(groupPartition, true);
      assert.equal(await a.engine.seek(groupPartition, "latest"), 0);
      assert.equal(await a.engine.deleteGroup(groupPartition), undefined);
      assert.deepEqual(await a.engine.deadLetters(groupPartition, "resting", 10), []);
      assert.deepEqual(
        [await a.engine.retry(groupPartition, "all"), await a.engine.drop(groupPartition, "all")],
        [0, 0],
      );
      await a.engine.leaveGroup(group, "m");
      assert.deepEqual(await a.engine.groups(stream), []);
      assert.deepEqual({ ...(await a.engine.viewGroup(group)) }, { members: [], partitions: [] });
      await a.writer().appendEach(5);
      await a.engine.trim(partition);
      await a.engine.createGroup(late, 3, "latest");
      await Promise.all([a, b, a, b].map(({ engine }) => engine.createGroup(group, 2, "earliest")));
      assert.deepEqual(await b.engine.groups(stream), ["late", "mailer"]);
      const positions = async (of: typeof group): Promise<number[]> =>
        (await b.engine.viewGroup(of)).partitions.map(({ position }) => position);
      assert.deepEqual(await positions(group), [2, 0]);
      assert.deepEqual(await positions(late), [5, 0, 0]);
      await b.engine.createGroup(group, 3, "latest");
      await b.engine.createGroup(late, 1, "earliest");
      assert.deepEqual(await positions(group), [2, 0, 0]);
      assert.deepEqual(await positions(late), [5, 0, 0]);
    },
  ],
  [
    "shows a group that nobody has touched",
    async (lab) => {
      const a = await lab.open("a");
      await a.engine.createGroup(group, 2, "earliest");
      const { partitions } = await a.engine.viewGroup(group);
      const { generation } = await a.engine.bounds(partitionAt(1));
      const { fence: _fence, ...state } = partitions[1] ?? assert.fail("no partition 1");
      assert.deepEqual(state, {
        partition: 1,
        owner: null,
        remaining: 0,
        position: 0,
        generation,
        seeks: 0,
        paused: false,
        deadLetters: 0,
        retries: 0,
      });
    },
  ],
  [
    "knows its members, until they leave or fall silent",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 1, "earliest");
      assert.deepEqual((await a.engine.joinGroup(group, "m b", longLease)).members, ["m b"]);
      const view = await b.engine.joinGroup(group, "m a", longLease);
      assert.deepEqual(view.members, ["m a", "m b"]);
      assert.equal(view.partitions.length, 1);
      await a.engine.joinGroup(group, "m c", shortLease);
      const members = async (): Promise<readonly string[]> =>
        (await b.engine.viewGroup(group)).members;
      await lab.until(
        async () => (await members()).length === 2,
        "the third one's time to be over",
      );
      await a.engine.joinGroup(group, "m c", longLease);
      assert.deepEqual(await members(), ["m a", "m b", "m c"]);
      await a.engine.leaveGroup(group, "m b");
      await a.engine.leaveGroup(group, "m b");
      assert.deepEqual(await members(), ["m a", "m c"]);
      assert.deepEqual(await a.engine.groups(stream), ["mailer"]);
    },
  ],
  [
    "keeps groups of one name on two streams apart",
    async (lab) => {
      const a = await lab.open("a");
      const other = { ...group, name: "other" };
      await a.engine.createGroup(group, 1, "earliest");
      await a.engine.createGroup(other, 1, "earliest");
      await a.engine.joinGroup(group, "m", longLease);
      await acquired(a.engine, "m");
      const { members, partitions } = await a.engine.viewGroup(other);
      assert.deepEqual([members, partitions[0]?.owner], [[], null]);
    },
  ],
  [
    "pauses and resumes a partition, whoever owns it",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 2, "earliest");
      const state = await acquired(a.engine, "a");
      await b.engine.setPaused(groupPartition, true);
      const commit = await a.engine.commit(groupPartition, commitOf(state, { leaseTime: 0 }));
      assert.deepEqual([commit.status, commit.state.paused], ["committed", true]);
      assert.equal((await stateOf(b.engine, { ...groupPartition, partition: 1 })).paused, false);
      const again = await acquired(b.engine, "b");
      assert.equal(again.paused, true);
      await a.engine.setPaused(groupPartition, false);
      const { paused, owner } = await stateOf(b.engine);
      assert.deepEqual([paused, owner], [false, "b"]);
    },
  ],
  [
    "moves the position, with and without an owner",
    async (lab) => {
      const a = await lab.open("a", { retain: 6 });
      await a.engine.createGroup(group, 1, "latest");
      await a.writer().appendEach(10);
      const state = await acquired(a.engine, "a");
      await a.engine.commit(groupPartition, commitOf(state, { position: 10 }));
      await a.engine.trim(partition);
      assert.equal(await a.engine.seek(groupPartition, "earliest"), 4);
      assert.equal(await a.engine.seek(groupPartition, "latest"), 10);
      assert.equal(await a.engine.seek(groupPartition, 7), 7);
      assert.equal(await a.engine.seek(groupPartition, 2), 4);
      assert.equal(await a.engine.seek(groupPartition, 99), 10);
      const { owner, fence, position, seeks } = await stateOf(a.engine);
      assert.deepEqual([owner, fence, position, seeks], ["a", state.fence, 10, state.seeks + 5]);
      const free = { ...groupPartition, group: "free" };
      await a.engine.createGroup(free, 1, "latest");
      assert.equal(await a.engine.seek(free, 5), 5);
      assert.equal((await stateOf(a.engine, free)).position, 5);
    },
  ],
  [
    "removes a group where it has no owner",
    async (lab) => {
      const a = await lab.open("a");
      await a.engine.createGroup(group, 2, "earliest");
      const state = await acquired(a.engine, "an owner");
      const free = { ...groupPartition, partition: 1 };
      assert.equal(await a.engine.deleteGroup(groupPartition), "an owner");
      assert.equal(await a.engine.deleteGroup(free), undefined);
      assert.equal(await a.engine.deleteGroup(free), undefined);
      assert.deepEqual(await a.engine.groups(stream), ["mailer"]);
      const { partitions } = await a.engine.viewGroup(group);
      assert.deepEqual(
        partitions.map((each) => each.partition),
        [0],
      );
      await a.engine.commit(groupPartition, commitOf(state, { leaseTime: 0 }));
      assert.equal(await a.engine.deleteGroup(groupPartition), undefined);
      assert.deepEqual(await a.engine.groups(stream), []);
      const late = await a.engine.commit(groupPartition, commitOf(state));
      assert.equal(late.status, "fenced");
      assert.deepEqual(await a.engine.groups(stream), []);
      const again = await acquired(a.engine, "an owner");
      assert.ok(again.fence > state.fence, "a fence came twice");
    },
  ],
  [
    "says that something has changed",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 1, "earliest");
      const heard = await watcherOf(lab, b, a);
      const owner = await acquired(a.engine, "a");
      const changes: [string, () => Promise<unknown>][] = [
        ["a new member", () => a.engine.joinGroup(group, "m", longLease)],
        ["a member that leaves", () => a.engine.leaveGroup(group, "m")],
        ["a pause", () => a.engine.setPaused(groupPartition, true)],
        ["a seek", () => a.engine.seek(groupPartition, "latest")],
        [
          "a lease that is given back",
          async () => {
            const { seeks } = await stateOf(a.engine);
            const commit = commitOf(owner, { seeks, leaseTime: 0 });
            assert.equal((await a.engine.commit(groupPartition, commit)).status, "committed");
          },
        ],
      ];
      for (const [what, change] of changes) await heard(what, change);
    },
  ],
  [
    "brings the group with a change, if it does, no older than the change or a view",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 1, "earliest");
      await a.engine.joinGroup(group, "m", longLease);
      const owner = await acquired(a.engine, "m");
      let last: { readonly view: GroupView | undefined } | undefined;
      b.engine.watchGroup(group, (view) => (last = { view }));
      const heard = async (what: string, isSo: (view: GroupView) => boolean): Promise<void> => {
        await lab.until(
          () => last !== undefined && (last.view === undefined || isSo(last.view)),
          what,
        );
      };
      let isPaused = false;
      await lab.until(async () => {
        await a.engine.setPaused(groupPartition, (isPaused = !isPaused));
        return last !== undefined;
      }, "a first change of the group to be heard of");
      assert.deepEqual((await b.engine.viewGroup(group)).members, ["m"]);

      last = undefined;
      await a.engine.joinGroup(group, "n", longLease);
      await heard("a new member", ({ members }) => members.join() === "m,n");
      last = undefined;
      await a.engine.leaveGroup(group, "m");
      await heard("a member that leaves", ({ members }) => members.join() === "n");
      last = undefined;
      const commit = await a.engine.commit(groupPartition, commitOf(owner, { leaseTime: 0 }));
      assert.equal(commit.status, "committed");
      await heard("a free lease", ({ partitions }) => partitions[0]?.owner === null);
      const taken = await acquired(b.engine, "n");
      const { partitions } = await b.engine.viewGroup(group);
      assert.deepEqual([partitions[0]?.owner, partitions[0]?.fence], ["n", taken.fence]);
    },
  ],
  [
    "says nothing more when the watch has ended",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await a.engine.createGroup(group, 1, "earliest");
      let calls = 0;
      const unwatch = b.engine.watchGroup(group, () => calls++);
      const heard = await watcherOf(lab, b, a);
      await lab.until(() => calls > 0, "a first change to be heard of");
      unwatch();
      unwatch();
      const before = calls;
      await heard("a pause", () => a.engine.setPaused(groupPartition, true));
      assert.equal(calls, before);
    },
  ],
];

/**
 * Watches the group on one node. A subscription may take its time, so it waits until a change that
 * the other makes is heard of.
 *
 * @returns makes a change and waits until it is heard of
 * @internal
 */
export async function watcherOf(
  lab: Parameters<JournalCase[1]>[0],
  watching: LabNode,
  acting: LabNode,
): Promise<(what: string, change: () => Promise<unknown>) => Promise<void>> {
  let calls = 0;
  watching.engine.watchGroup(group, () => calls++);
  let paused = false;
  await lab.until(async () => {
    paused = !paused;
    await acting.engine.setPaused(groupPartition, paused);
    return calls > 0;
  }, "a first change of the group to be heard of");
  await acting.engine.setPaused(groupPartition, false);
  return async (what, change) => {
    // What is still under way from before must not count.
    for (let quiet = 0, last = calls; quiet < 20; quiet++) {
      await Promise.all([watching.engine.viewGroup(group), nextTurn()]);
      if (calls !== last) quiet = 0;
      last = calls;
    }
    const before = calls;
    await change();
    await lab.until(() => calls > before, `${what} to be heard of`);
  };
}
