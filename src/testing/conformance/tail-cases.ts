import assert from "node:assert/strict";
import { assertDense, type JournalCase, partition, partitionAt, textOf } from "./journal-lab.js";

/** Reading a partition that goes on. @internal */
export const tailCases: readonly JournalCase[] = [
  [
    "reads what is stored, then what comes, on every node, the writer's included",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      await writer.append(a.width);
      const readers = [a.reader(), b.reader(), b.reader(partition, a.width)];
      for (const reader of readers) await reader.reaches(a.width);
      await writer.appendEach(10);
      for (const reader of readers) await reader.reaches(a.width + 10);
      assert.deepEqual(readers[1]?.payloads, readers[0]?.payloads);
      assert.equal(readers[2]?.read.length, 10);
    },
  ],
  [
    "waits for a partition that nothing is known of",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const reader = b.reader();
      const writer = a.writer();
      await writer.appendEach(5);
      await reader.reaches(5);
    },
  ],
  [
    "brings entries when they are stored, not at intervals",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const reader = b.reader();
      const writer = a.writer();
      const roundTrips = async (): Promise<boolean> => {
        // All of them have the time of one wait.
        for (let next = 1; next <= 100; next++) {
          await writer.append();
          await reader.reaches(next);
        }
        return true;
      };
      await lab.until(roundTrips, "100 entries, each written when the last has arrived");
    },
  ],
  [
    "begins with the whole entry that holds its position",
    async (lab) => {
      const a = await lab.open("a");
      const { width } = a;
      const writer = a.writer();
      for (let time = 0; time < 4; time++) await writer.append(width);
      for (let from = width; from < 2 * width; from++) {
        const reader = a.reader(partition, from);
        await reader.reaches(4 * width);
        assert.equal(reader.read[0]?.position, width);
        assert.equal(reader.read.length, 3);
      }
    },
  ],
  [
    "begins with what is kept where its position has been trimmed",
    async (lab) => {
      const a = await lab.open("a", { retain: 4 });
      await a.writer().appendEach(10);
      await a.engine.trim(partition);
      const { first } = await a.engine.bounds(partition);
      assert.equal(first, 6);
      for (const from of [0, 5, 6, 8]) {
        const reader = a.reader(partition, from);
        await reader.reaches(10);
        assert.equal(reader.read[0]?.position, Math.max(from, 6));
      }
    },
  ],
  [
    "goes on with what is kept where entries are trimmed before it has read them",
    async (lab) => {
      const [a, b] = [await lab.open("a", { retain: 5 }), await lab.open("b")];
      const writer = a.writer();
      const reader = b.reader();
      let release = (): void => {};
      reader.gate = new Promise((resolve) => {
        release = resolve;
      });
      await writer.append();
      await lab.until(() => reader.calls === 1, "a first call");
      for (let turn = 0; turn < 30; turn++) {
        await writer.appendEach(100);
        await a.engine.trim(partition);
      }
      reader.gate = undefined;
      release();
      await lab.until(() => reader.next === 3001, "the tail to reach the end");
      const positions = reader.read.map(({ position }) => position);
      assert.deepEqual(
        positions,
        [...new Set(positions)].sort((x, y) => x - y),
      );
      assert.deepEqual(positions.slice(-5), [2996, 2997, 2998, 2999, 3000]);
      for (const { position, payload } of reader.read)
        assert.equal(textOf(payload), `${a.name} epoch-1 ${position}-${position}`);
    },
  ],
  [
    "brings the next entries when the sink has done with the last ones",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const [reader, other] = [b.reader(), b.reader()];
      let release = (): void => {};
      reader.gate = new Promise((resolve) => {
        release = resolve;
      });
      await writer.append();
      await lab.until(() => reader.calls === 1, "a first call");
      await writer.appendEach(50);
      await other.reaches(51);
      // It has nothing that the other one has not.
      assert.equal(reader.calls, 1);
      reader.gate = undefined;
      release();
      await reader.reaches(51);
    },
  ],
  [
    "ends a tail alone, and brings it nothing more",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const [ended, other] = [b.reader(), b.reader()];
      await writer.append();
      await ended.reaches(1);
      ended.tail.close();
      ended.tail.close();
      await writer.appendEach(20);
      await other.reaches(21);
      assert.equal(ended.read.length, 1);
    },
  ],
  [
    "can be ended in the sink",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const other = b.reader();
      const calls: number[] = [];
      const tail = b.engine.tail(partition, 0, {
        entries: ({ length }) => {
          calls.push(length);
          tail.close();
        },
      });
      await writer.append();
      await lab.until(() => calls.length > 0, "a first call");
      await writer.appendEach(20);
      await other.reaches(21);
      assert.equal(calls.length, 1);
    },
  ],
  [
    "ends with its engine",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const [ended, other] = [b.reader(), a.reader()];
      await writer.append();
      await ended.reaches(1);
      await b.engine.close();
      await writer.appendEach(20);
      await other.reaches(21);
      assert.equal(ended.read.length, 1);
    },
  ],
  [
    "reads many entries whole and in order",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const writer = a.writer();
      const early = b.reader();
      for (let turn = 0; turn < 20; turn++) await writer.appendEach(100);
      const late = b.reader();
      await early.reaches(2000);
      await late.reaches(2000);
      assert.deepEqual(
        late.payloads,
        Array.from({ length: 2000 }, (_, at) => `${a.name} epoch-1 ${at}-${at}`),
      );
    },
  ],
  [
    "reads many partitions side by side",
    async (lab) => {
      const [a, b] = [await lab.open("a"), await lab.open("b")];
      const places = Array.from({ length: 16 }, (_, index) => partitionAt(index));
      const readers = places.map((place) => b.reader(place));
      await Promise.all(places.map((place, index) => a.writer(place).appendEach(10 + index)));
      for (const [index, reader] of readers.entries()) {
        await reader.reaches(10 + index);
        assertDense(reader.read);
      }
    },
  ],
];
