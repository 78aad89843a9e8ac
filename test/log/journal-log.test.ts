import { describe, expect, test } from "@jest/globals";
import { type CacheEvent, type Cause, causeOf } from "../../src/event/event.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { segmentSize } from "../../src/log/segment.js";
import { source, TestReader } from "./logs.js";

const other = { ...source, node: "other", epoch: "other epoch" };
const cause: Cause = { ...causeOf("put"), source: other };
const includes = { value: false, previous: false };

/** A log whose offsets are the positions of a journal from `start` on. */
function makeJournalLog(start: number, capacity = 10_000): PartitionLog {
  const limits = { capacity, retain: 0 };
  return new PartitionLog(source, 0, limits, includes, () => {}, true, start);
}

function appendAt(log: PartitionLog, sequence: number): void {
  log.append("inserted", cause, `key ${sequence}`, 0, undefined, undefined, sequence, log.next);
}

describe("a log of a journal", () => {
  test("begins at a position, and gives events theirs", () => {
    const log = makeJournalLog(5000);
    for (let n = 0; n < 3; n++) appendAt(log, 70 + n);
    expect([log.first, log.next]).toEqual([5000, 5003]);
    const { metadata } = log.at(5001);
    expect([metadata.position, metadata.sequence, metadata.node]).toEqual([5001, 71, "other"]);
  });

  test("has rows that no reader is given, and that count as handled", () => {
    const log = makeJournalLog(10);
    const { cursor } = new TestReader(log, 10);
    appendAt(log, 0);
    log.appendBlank();
    appendAt(log, 1);
    log.appendBlank();
    log.flush();
    const positions: (number | null)[] = [];
    for (let message = cursor.next(); message !== undefined; message = cursor.next()) {
      positions.push((message as CacheEvent).metadata.position);
      cursor.done(message);
    }
    expect(positions).toEqual([10, 12]);
    expect(cursor.handledUpTo).toBe(14);
    expect(cursor.countUnhandled()).toBe(0);
  });

  test("does not count such a row as lost", () => {
    const log = makeJournalLog(10);
    appendAt(log, 0);
    log.appendBlank();
    appendAt(log, 1);
    expect(log.lostBetween(10, 13)).toEqual([{ source: other, first: 0, last: 1, count: 2 }]);
  });

  test("frees its segments though it does not begin at 0", () => {
    const log = makeJournalLog(1_000_000_007);
    const { cursor } = new TestReader(log, log.next);
    for (let n = 0; n < 5 * segmentSize; n++) {
      appendAt(log, n);
      log.flush();
      const event = cursor.next();
      if (event !== undefined) cursor.done(event);
    }
    expect(log.first).toBeGreaterThan(1_000_000_007 + 4 * segmentSize - 1);
    appendAt(log, 9999);
    expect(log.at(log.next - 1).metadata.sequence).toBe(9999);
  });

  test("an event that this node has just written has no position", () => {
    const log = new PartitionLog(source, 0, { capacity: 10, retain: 0 }, includes, () => {}, true);
    appendAt(log, 5);
    log.append("inserted", causeOf("put"), "own", 0);
    expect(log.at(0).metadata.position).toBe(0);
    expect(log.at(1).metadata.position).toBeNull();
  });
});
