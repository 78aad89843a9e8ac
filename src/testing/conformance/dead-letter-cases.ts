import assert from "node:assert/strict";
import type { GroupState, JournalEngine, KeptDeadLetter } from "../../journal/engine.js";
import {
  acquired,
  bytesOf,
  commitOf,
  group,
  groupPartition,
  type JournalCase,
  letterAt,
  stateOf,
  textOf,
} from "./journal-lab.js";
import { watcherOf } from "./group-cases.js";

/** Dead letters. @internal */
export const deadLetterCases: readonly JournalCase[] = [
  [
    "keeps dead letters in their order, as many as are asked for",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const owner = await acquired(a.engine, "a");
      await keep(a.engine, owner, [0, 1, 2]);
      const record = Uint8Array.from({ length: 256 }, (_, at) => at);
      const dead = [{ position: 3, record }];
      await a.engine.commit(groupPartition, commitOf(owner, { position: 4, dead }));
      const letters = await resting(b.engine);
      assert.deepEqual(
        letters.map(({ position }) => position),
        [0, 1, 2, 3],
      );
      assert.equal(Buffer.compare(letters[3]?.record ?? bytesOf("none"), record), 0);
      assert.equal(textOf((letters[1] as KeptDeadLetter).record), "record 1");
      assert.deepEqual(
        (await resting(b.engine, 2)).map(({ position }) => position),
        [0, 1],
      );
      assert.deepEqual(await waiting(b.engine), []);
      const { deadLetters, retries } = await stateOf(b.engine);
      assert.deepEqual([deadLetters, retries], [4, 0]);
      const ids = letters.map(({ id }) => id);
      assert.equal(new Set(ids).size, 4);
      for (const id of ids) assert.match(id, /^[^\s]+$/);
    },
  ],
  [
    "keeps those of partitions apart, with ids that are unique in the group",
    async (lab) => {
      const a = await lab.open("a");
      await a.engine.createGroup(group, 2, "earliest");
      const ids: string[] = [];
      for (const partition of [0, 1]) {
        const at = { ...groupPartition, partition };
        await keep(a.engine, await acquired(a.engine, "a", { at }), [0, 1], at);
        const letters = await a.engine.deadLetters(at, "resting", 10);
        assert.deepEqual(
          letters.map((each) => each.partition),
          [partition, partition],
        );
        ids.push(...letters.map(({ id }) => id));
      }
      assert.equal(new Set(ids).size, 4);
      assert.equal(await a.engine.retry(groupPartition, ids), 2);
      assert.equal(await a.engine.drop({ ...groupPartition, partition: 1 }, ids), 2);
    },
  ],
  [
    "keeps them once where a commit is repeated",
    async (lab) => {
      const a = await lab.open("a");
      const owner = await acquired(a.engine, "a");
      for (let time = 0; time < 3; time++) await keep(a.engine, owner, [4, 5]);
      assert.deepEqual(
        (await resting(a.engine)).map(({ position }) => position),
        [4, 5],
      );
      assert.equal((await stateOf(a.engine)).deadLetters, 2);
    },
  ],
  [
    "lets them wait for a retry, and removes those that have been handled",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const owner = await acquired(a.engine, "a");
      await keep(a.engine, owner, [0, 1, 2, 3]);
      const [first, , third] = (await resting(b.engine)).map(({ id }) => id) as [
        string,
        string,
        string,
      ];
      assert.equal(await b.engine.retry(groupPartition, [first, third, third, "unknown"]), 2);
      assert.equal(await b.engine.retry(groupPartition, [first]), 0);
      assert.equal(await b.engine.retry(groupPartition, []), 0);
      assert.deepEqual(
        (await waiting(a.engine)).map(({ position }) => position),
        [0, 2],
      );
      assert.deepEqual(
        (await resting(a.engine)).map(({ position }) => position),
        [1, 3],
      );
      const { deadLetters, retries } = await stateOf(a.engine);
      assert.deepEqual([deadLetters, retries], [2, 2]);
      const commit = commitOf(owner, { retried: [first, "unknown"] });
      const result = await a.engine.commit(groupPartition, commit);
      assert.deepEqual([result.state.deadLetters, result.state.retries], [2, 1]);
      assert.deepEqual(
        (await waiting(a.engine)).map(({ position }) => position),
        [2],
      );
      assert.equal(await b.engine.retry(groupPartition, "all"), 2);
      assert.equal((await waiting(a.engine, 2)).length, 2);
      assert.equal((await waiting(a.engine)).length, 3);
    },
  ],
  [
    "replaces the letter whose retry has failed",
    async (lab) => {
      const a = await lab.open("a");
      const owner = await acquired(a.engine, "a");
      await keep(a.engine, owner, [0, 1]);
      const [letter] = (await resting(a.engine)) as [KeptDeadLetter];
      await a.engine.retry(groupPartition, [letter.id]);
      const dead = [{ ...letterAt(0, "failed again"), retryOf: letter.id }];
      for (let time = 0; time < 2; time++)
        await a.engine.commit(groupPartition, commitOf(owner, { dead }));
      assert.deepEqual(await waiting(a.engine), []);
      const letters = await resting(a.engine);
      const texts = letters.map(({ record }) => textOf(record)).sort();
      assert.deepEqual(texts, ["failed again", "record 1"]);
      assert.deepEqual(new Set(letters.map(({ position }) => position)), new Set([0, 1]));
    },
  ],
  [
    "keeps letters of two generations apart",
    async (lab) => {
      const a = await lab.open("a");
      const owner = await acquired(a.engine, "a");
      await keep(a.engine, owner, [0]);
      const [letter] = (await resting(a.engine)) as [KeptDeadLetter];
      await a.engine.retry(groupPartition, [letter.id]);
      await a.engine.renew(groupPartition, owner.generation);
      const { status, state } = await a.engine.commit(groupPartition, commitOf(owner));
      assert.equal(status, "moved");
      const dead = [
        { ...letterAt(0, "the old event"), retryOf: letter.id },
        letterAt(0, "the new event"),
      ];
      const result = await a.engine.commit(groupPartition, commitOf(state, { dead }));
      assert.deepEqual([result.status, result.state.deadLetters], ["committed", 2]);
      assert.equal(result.state.retries, 0);
      const texts = (await resting(a.engine)).map(({ record }) => textOf(record));
      assert.deepEqual(texts.sort(), ["the new event", "the old event"]);
    },
  ],
  [
    "drops those that rest",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const owner = await acquired(a.engine, "a");
      await keep(a.engine, owner, [0, 1, 2, 3]);
      const [first, second] = (await resting(b.engine)).map(({ id }) => id) as [string, string];
      await b.engine.retry(groupPartition, [first]);
      assert.equal(await b.engine.drop(groupPartition, [first, second, second, "unknown"]), 1);
      assert.deepEqual(
        (await resting(a.engine)).map(({ position }) => position),
        [2, 3],
      );
      assert.equal(await b.engine.drop(groupPartition, "all"), 2);
      assert.equal(await b.engine.drop(groupPartition, "all"), 0);
      assert.deepEqual(await resting(a.engine), []);
      assert.deepEqual(
        (await waiting(a.engine)).map(({ id }) => id),
        [first],
      );
    },
  ],
  [
    "keeps many at once, through a change of owner, until the group is removed",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const owner = await acquired(a.engine, "a");
      const positions = Array.from({ length: 200 }, (_, at) => at);
      await keep(a.engine, owner, positions);
      await a.engine.commit(groupPartition, commitOf(owner, { position: 200, leaseTime: 0 }));
      const next = await acquired(b.engine, "b");
      assert.equal(next.deadLetters, 200);
      const letters = await resting(b.engine, 500);
      assert.deepEqual(
        letters.map(({ position }) => position),
        positions,
      );
      await b.engine.commit(groupPartition, commitOf(next, { leaseTime: 0 }));
      assert.equal(await b.engine.deleteGroup(groupPartition), undefined);
      const again = await acquired(b.engine, "b");
      assert.deepEqual([again.deadLetters, again.retries], [0, 0]);
      assert.deepEqual(await resting(b.engine), []);
    },
  ],
  [
    "says that a retry is wanted",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      await keep(a.engine, await acquired(a.engine, "a"), [0, 1]);
      const heard = await watcherOf(lab, b, a);
      await heard("a retry", () => a.engine.retry(groupPartition, "all"));
    },
  ],
];

async function keep(
  engine: JournalEngine,
  owner: GroupState,
  positions: readonly number[],
  at = groupPartition,
): Promise<void> {
  const dead = positions.map((position) => letterAt(position));
  const { status } = await engine.commit(at, commitOf(owner, { dead }));
  assert.equal(status, "committed");
}

function resting(engine: JournalEngine, limit = 100): Promise<readonly KeptDeadLetter[]> {
  return engine.deadLetters(groupPartition, "resting", limit);
}

function waiting(engine: JournalEngine, limit = 100): Promise<readonly KeptDeadLetter[]> {
  return engine.deadLetters(groupPartition, "retrying", limit);
}
