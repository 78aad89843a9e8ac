import { describe, expect, test } from "@jest/globals";
import { type Cause, causeOf } from "../../src/event/event.js";
import type { GapEvent } from "../../src/event/types.js";
import { PartitionLog } from "../../src/log/partition-log.js";
import { segmentSize } from "../../src/log/segment.js";
import { brief, source, TestReader } from "./logs.js";

const other = { ...source, node: "other", epoch: "other epoch" };
const own = causeOf("put");
const remote: Cause = { ...own, source: other };

/** A log of events of two nodes: every other one is this node's, the rest begin at sequence 100. */
function makeNumberedLog(capacity: number, count: number): PartitionLog {
  const includes = { value: false, previous: false };
  const log = new PartitionLog(source, 0, { capacity, retain: capacity }, includes, () => {}, true);
  for (let n = 0; n < count; n++) {
    if (n % 2 === 0) log.append("inserted", own, n, 0);
    else log.append("inserted", remote, n, 0, undefined, undefined, 100 + (n - 1) / 2);
  }
  return log;
}

const missing = (from: number, to: number): GapEvent => ({
  type: "gap",
  cache: "users",
  name: "users",
  partition: 0,
  from,
  to,
  reason: "transport",
  node: "other",
  epoch: "other epoch",
});

describe("a log of several nodes' events", () => {
  test("has this node's sequences and their offsets", () => {
    const log = makeNumberedLog(1000, 700);
    expect([log.next, log.nextSequence]).toEqual([700, 350]);
    expect([0, 1, 2, 300, 350].map((sequence) => log.offsetOf(sequence))).toEqual([
      0, 2, 4, 600, 700,
    ]);
    expect([0, 1, 2, 599, 700].map((offset) => log.sequenceAt(offset))).toEqual([
      0, 1, 1, 300, 350,
    ]);
  });

  test("says what is lost of each source", () => {
    const log = makeNumberedLog(1000, 20);
    expect(log.lostBetween(3, 8)).toEqual([
      { source: other, first: 101, last: 103, count: 3 },
      { source, first: 2, last: 3, count: 2 },
    ]);
  });

  test("gives a slow reader a gap for each source", () => {
    const log = makeNumberedLog(10, 0);
    const { cursor, gaps } = new TestReader(log, 0);
    for (let n = 0; n < 4 * segmentSize; n++)
      if (n % 2 === 0) log.append("inserted", own, n, 0);
      else log.append("inserted", remote, n, 0, undefined, undefined, 100 + (n - 1) / 2);
    expect(brief(cursor.next() as GapEvent)).toBe("overrun 0..506");
    expect(gaps.map(({ node, from, to }) => [node, from, to])).toEqual([
      ["node", 0, 506],
      ["other", 100, 606],
    ]);
  });

  test("reports a gap to its readers behind the events that came, and to later ones", () => {
    const log = makeNumberedLog(1000, 2);
    const reader = new TestReader(log, 0);
    log.reportGap(missing(101, 104));
    log.append("inserted", own, 2, 0);
    expect(reader.read().map(brief)).toEqual([0, 1, "transport 101..104", 2]);
    expect(log.gapsFrom(2)).toEqual([{ at: 2, gap: missing(101, 104) }]);
    expect([log.gapsFrom(3), log.droppedGapSince(0)]).toEqual([[], false]);
  });

  test("drops gaps with the events before them, and knows that there were some", () => {
    const log = makeNumberedLog(100, 2);
    log.reportGap(missing(101, 104));
    for (let n = 0; n < 3 * segmentSize; n++) log.append("inserted", own, n, 0);
    log.trim();
    expect(log.gapsFrom(0)).toEqual([]);
    expect([log.droppedGapSince(2), log.droppedGapSince(3)]).toEqual([true, false]);
  });
});
