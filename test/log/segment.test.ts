import { describe, expect, test } from "@jest/globals";
import { CacheEvent, type Cause, causeOf, MultiTarget } from "../../src/event/event.js";
import { bitOf, typeBits } from "../../src/log/event-mask.js";
import { Segment, segmentSize, SpareSegments } from "../../src/log/segment.js";
import { source } from "./logs.js";

const put = causeOf("put");
const remote: Cause = { ...put, source: { ...source, node: "other" } };
const none = { value: false, previous: false };

describe("a segment", () => {
  test.each([
    [none, undefined, undefined],
    [{ value: true, previous: false }, "new", undefined],
    [{ value: false, previous: true }, undefined, "old"],
    [{ value: true, previous: true }, "new", "old"],
  ])("makes events with the values that it includes: %j", (includes, value, previous) => {
    const segment = new Segment(includes, false);
    segment.append(bitOf("updated"), put, "k", 5, "new", "old");
    const event = segment.event(0, source, 300, false);
    expect(event).toMatchObject({ type: "updated", target: { kind: "key", key: "k" } });
    expect([event.value, event.previous]).toEqual([value, previous]);
    expect(CacheEvent.offsetOf(event)).toBe(300);
  });

  test("gives an event of several keys their values as maps", () => {
    const segment = new Segment({ value: true, previous: true }, false);
    const target = new MultiTarget({ kind: "keys", keys: ["a", "b"] });
    const values = new Map([["a", 1]]);
    segment.append(bitOf("updated"), put, target, 0, values, undefined);
    const event = segment.event(0, source, 0, false);
    expect([event.value, event.values, event.previousValues]).toEqual([
      undefined,
      values,
      undefined,
    ]);
  });

  test("makes one event for all readers if it is shared, and a new one each time if not", () => {
    const segment = new Segment(none, false);
    segment.append(bitOf("inserted"), put, "k", 0, undefined, undefined);
    const event = segment.event(0, source, 0, false);
    expect(segment.event(0, source, 0, true)).not.toBe(event);
    expect(segment.event(0, source, 0, true)).toBe(segment.event(0, source, 0, true));
  });

  test("knows which events are of a type and not of an origin", () => {
    const segment = new Segment(none, false);
    const origin = { name: "a" };
    segment.append(bitOf("deleted"), causeOf("delete", origin), "k", 0, undefined, undefined);
    expect(segment.matches(0, typeBits.deleted | typeBits.updated, undefined)).toBe(true);
    expect(segment.matches(0, typeBits.updated, undefined)).toBe(false);
    expect(segment.matches(0, typeBits.deleted, origin)).toBe(false);
    expect(segment.matches(0, typeBits.deleted, { name: "a" })).toBe(true);
  });

  test("that is numbered has each event's sequence, and counts those of this node", () => {
    const segment = new Segment(none, true);
    segment.ownBefore = 7;
    for (const [cause, sequence] of [
      [put, 7],
      [remote, 40],
      [put, 8],
    ] as const) {
      segment.append(bitOf("inserted"), cause, "k", 0, undefined, undefined);
      segment.setSequence(sequence);
    }
    expect([0, 1, 2].map((row) => segment.row(row).sequence)).toEqual([7, 40, 8]);
    expect([0, 1, 2, 3].map((row) => segment.ownBeforeRow(row))).toEqual([7, 8, 8, 9]);
    expect(CacheEvent.sequenceOf(segment.event(1, source, 301, false))).toBe(40);
  });

  test("that is numbered has sequences one by one until there are others, and again when reused", () => {
    const segment = new Segment(none, true);
    for (let use = 0; use < 2; use++) {
      segment.ownBefore = 300;
      const append = (cause: Cause, sequence: number, position?: number): void => {
        segment.append(bitOf("inserted"), cause, "k", 0, undefined, undefined);
        segment.setSequence(sequence, position);
      };
      for (const sequence of [300, 301, 302]) append(put, sequence);
      const own = segment.event(1, source, 301, false);
      expect(own.constructor).toBe(CacheEvent);
      expect(own.metadata).toMatchObject({ sequence: 301, position: null });
      expect(segment.event(1, source, 999, false).metadata.sequence).toBe(301);
      append(remote, 12, 70);
      append(put, 303);
      const events = [0, 1, 2, 3, 4].map((row) => segment.event(row, source, 300 + row, false));
      expect(events.map(({ metadata: { sequence, position } }) => [sequence, position])).toEqual([
        [300, null],
        [301, null],
        [302, null],
        [12, 70],
        [303, null],
      ]);
      expect(events.map((_, row) => segment.row(row).sequence)).toEqual([300, 301, 302, 12, 303]);
      segment.clear();
    }
  });

  test("has each event's time and cause, whatever those before it have", () => {
    const segment = new Segment(none, true);
    const times = [5, 5, 5 + 2 ** 24 - 1, 5 + 2 ** 24, 3, 5.5, 2 ** 40, 5, 6];
    const causes = times.map((_, row) => (row < 4 || row === 7 ? put : remote));
    for (let use = 0; use < 2; use++) {
      times.forEach((at, row) => {
        segment.append(bitOf("evicted"), causes[row] as Cause, row, at + use, undefined, undefined);
        segment.setSequence(row);
      });
      const rows = times.map((_, row) => segment.row(row));
      expect(rows.map(({ at }) => at - use)).toEqual(times);
      expect(rows.map(({ cause }) => cause)).toEqual(causes);
      expect(new Set(rows.map(({ type }) => type))).toEqual(new Set(["evicted"]));
      expect(rows.map(({ subject }) => subject)).toEqual(times.map((_, row) => row));
      segment.clear();
    }
  });

  test("is used again with nothing left of what was in it", () => {
    const spare = new SpareSegments();
    expect(spare.take()).toBeUndefined();
    const segment = new Segment({ value: true, previous: false }, false);
    for (let n = 0; n < segmentSize; n++)
      segment.append(bitOf("inserted"), put, n, 0, "first", undefined);
    segment.event(0, source, 0, true);
    spare.keep([segment]);
    expect(spare.take()).toBe(segment);
    expect(spare.take()).toBeUndefined();
    expect(segment.length).toBe(0);
    segment.append(bitOf("deleted"), put, "k", 0, undefined, undefined);
    expect(segment.event(0, source, 512, true)).toMatchObject({ type: "deleted" });
    expect(segment.event(0, source, 512, true).value).toBeUndefined();
  });
});
