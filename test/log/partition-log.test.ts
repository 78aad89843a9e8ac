import { describe, expect, test } from "@jest/globals";
import { CacheEvent, causeOf } from "../../src/event/event.js";
import { allTypes, maskOf } from "../../src/log/event-mask.js";
import { append, brief, makeLog, range, TestReader } from "./logs.js";

describe("a partition log", () => {
  test("numbers its events from 0, one by one", () => {
    const log = makeLog(1000);
    const reader = new TestReader(log, 0);
    append(log, 600);
    expect(reader.read().map(brief)).toEqual(range(0, 600));
    expect(log.next).toBe(600);
  });

  test("reports a batch once, however many events it has, and again after a flush", () => {
    let dirty = 0;
    const log = makeLog(1000, 0, () => dirty++);
    append(log, 10);
    expect(dirty).toBe(1);
    log.flush();
    append(log, 10);
    expect(dirty).toBe(2);
  });

  test("wakes resting readers once a batch, and only those that wait for one of its types", () => {
    const log = makeLog(1000);
    const all = new TestReader(log, 0);
    const deleted = new TestReader(log, 0, { mask: maskOf(["deleted"]) });
    append(log, 10, "inserted");
    expect([all.woken, deleted.woken]).toEqual([0, 0]);
    log.flush();
    expect([all.woken, deleted.woken]).toEqual([1, 0]);
    append(log, 1, "deleted");
    log.flush();
    // The first reader was woken, and has not read yet.
    expect([all.woken, deleted.woken]).toEqual([1, 1]);
    expect(deleted.read().map(brief)).toEqual([10]);
  });

  test("does not wake a reader that has read the batch before the flush", () => {
    const log = makeLog(1000);
    const reader = new TestReader(log, 0);
    append(log, 3);
    expect(reader.read().map(brief)).toEqual([0, 1, 2]);
    log.flush();
    expect(reader.woken).toBe(0);
    append(log, 1);
    log.flush();
    expect(reader.woken).toBe(1);
    expect(reader.read().map(brief)).toEqual([3]);
  });

  test.each([1, 4, 255, 256, 257, 1000])(
    "gives a reader that is behind by more than its capacity of %i one gap with exact bounds",
    (capacity) => {
      const log = makeLog(capacity);
      const reader = new TestReader(log, 0);
      append(log, capacity);
      append(log, 7);
      expect(reader.read().map(brief)).toEqual(["overrun 0..6", ...range(7, capacity + 7)]);
      expect(reader.gaps.map(brief)).toEqual(["overrun 0..6"]);
      expect(reader.cursor.dropped).toBe(7);
    },
  );

  test("gives no gap to a reader that is behind by its capacity", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0);
    append(log, 300);
    expect(reader.read().map(brief)).toEqual(range(0, 300));
  });

  test("gives a gap at the reader's position, whatever it has read before", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0);
    append(log, 200);
    log.flush();
    expect(reader.read(50)).toHaveLength(50);
    append(log, 200);
    expect(reader.read(1).map(brief)).toEqual(["overrun 50..99"]);
    append(log, 10);
    expect(reader.read(2).map(brief)).toEqual(["overrun 100..109", 110]);
  });

  test("does not give a gap to a reader that waits for types that did not come", () => {
    const log = makeLog(300, 10);
    const reader = new TestReader(log, 0, { mask: maskOf(["deleted"]) });
    for (let batch = 0; batch < 20; batch++) {
      append(log, 100);
      log.flush();
    }
    expect(reader.cursor.next()).toBeUndefined();
    append(log, 1, "deleted");
    log.flush();
    expect(reader.read().map(brief)).toEqual([2000]);
    expect(reader.gaps).toEqual([]);
  });

  test("keeps `retain` events behind the slowest reader, exactly", () => {
    const log = makeLog(2000, 100);
    const fast = new TestReader(log, 0);
    const slow = new TestReader(log, 0);
    append(log, 1500);
    log.flush();
    fast.read();
    slow.read(700);
    log.trim();
    expect(log.first).toBe(600);
    slow.read(800);
    log.trim();
    expect(log.first).toBe(1400);
  });

  test("keeps the last `retain` events without readers", () => {
    const log = makeLog(2000, 100);
    append(log, 1500);
    log.flush();
    log.trim();
    expect(log.first).toBe(1400);
  });

  test("frees memory when the slowest reader has caught up", () => {
    const log = makeLog(100_000);
    const reader = new TestReader(log, 0);
    append(log, 10_000);
    log.flush();
    expect(reader.read(5000)).toHaveLength(5000);
    expect(() => log.at(4000)).toThrow(TypeError);
    expect(log.at(5000)).toBeDefined();
    reader.read();
    expect(() => log.at(9000)).toThrow(TypeError);
    expect(log.at(9999)).toBeDefined();
  });

  test("frees memory after a batch without readers", () => {
    const log = makeLog(100_000);
    append(log, 10_000);
    log.flush();
    expect(() => log.at(9000)).toThrow(TypeError);
  });

  test("frees memory when the slowest reader leaves", () => {
    const log = makeLog(100_000);
    const reader = new TestReader(log, 0);
    append(log, 10_000);
    log.flush();
    expect(log.at(0)).toBeDefined();
    log.remove(reader.cursor);
    expect(() => log.at(9000)).toThrow(TypeError);
  });

  test("keeps no more than its capacity and a segment, however slow a reader is", () => {
    const log = makeLog(1000);
    const reader = new TestReader(log, 0);
    append(log, 10_000);
    expect(() => log.at(10_000 - 1000 - 512)).toThrow(TypeError);
    expect(reader.read(1).map(brief)).toEqual(["overrun 0..8999"]);
  });

  test("keeps what a group has not read while it has no reader", () => {
    const log = makeLog(10_000);
    const reader = new TestReader(log, 0, { group: "g" });
    append(log, 300);
    log.flush();
    reader.read(10);
    reader.cursor.detach();
    append(log, 5000);
    log.flush();
    log.trim();
    expect(log.first).toBe(10);
    reader.cursor.reattach(reader, { mask: allTypes, gaps: true, skipOrigin: undefined });
    expect(reader.read().map(brief)).toEqual(range(10, 5300));
  });
});

describe("a cursor", () => {
  test("gives the next reader what the last one left unacknowledged, in order, and then the rest", () => {
    const log = makeLog(100);
    const reader = new TestReader(log, 0, { group: "g" });
    append(log, 6);
    log.flush();
    const taken = [0, 1, 2].map(() => reader.cursor.next());
    reader.cursor.done(taken[1]!);
    reader.cursor.detach();
    append(log, 1);
    log.flush();
    reader.cursor.reattach(reader, { mask: allTypes, gaps: true, skipOrigin: undefined });
    expect(reader.read().map(brief)).toEqual([0, 2, 3, 4, 5, 6]);
  });

  test("wakes a reader that takes over unacknowledged messages, even if there are no others", () => {
    const log = makeLog(100);
    const reader = new TestReader(log, 0, { group: "g" });
    append(log, 1);
    log.flush();
    reader.cursor.next();
    reader.cursor.detach();
    const before = reader.woken;
    reader.cursor.reattach(reader, { mask: allTypes, gaps: true, skipOrigin: undefined });
    expect(reader.woken).toBe(before + 1);
  });

  test("counts failures of a message until it is done", () => {
    const log = makeLog(100);
    const { cursor } = new TestReader(log, 0);
    append(log, 2);
    const first = cursor.next()!;
    expect(cursor.unacked.failuresOf(first)).toBe(0);
    expect([cursor.unacked.countFailure(first), cursor.unacked.countFailure(first)]).toEqual([
      1, 2,
    ]);
    cursor.done(first);
    expect(cursor.unacked.failuresOf(first)).toBe(0);
  });

  test("skips the events of its own origin", () => {
    const me = {};
    const log = makeLog(100);
    const reader = new TestReader(log, 0, { skipOrigin: me });
    append(log, 2, "inserted", me);
    append(log, 2, "inserted", {});
    append(log, 1);
    expect(reader.read().map(brief)).toEqual([2, 3, 4]);
  });

  test("counts what it has not handled, unacknowledged messages included", () => {
    const log = makeLog(100);
    const { cursor } = new TestReader(log, 0);
    append(log, 5);
    expect([cursor.lag, cursor.handledUpTo, cursor.hasHandled(0)]).toEqual([5, 0, true]);
    const first = cursor.next()!;
    const second = cursor.next()!;
    expect([cursor.lag, cursor.handledUpTo]).toEqual([5, 0]);
    cursor.done(second);
    expect([cursor.lag, cursor.handledUpTo]).toEqual([4, 0]);
    expect(cursor.hasHandled(1)).toBe(false);
    cursor.done(first);
    expect([cursor.lag, cursor.handledUpTo, cursor.hasHandled(2)]).toEqual([3, 2, true]);
    expect(cursor.hasHandled(3)).toBe(false);
  });

  test("that is given another log reports which events of the old one it has not read", () => {
    const log = makeLog(100);
    const reader = new TestReader(log, 0);
    append(log, 10);
    log.flush();
    reader.read(4);
    const next = makeLog(100);
    reader.cursor.replaceLog(next, "stream_restarted");
    append(next, 2);
    expect(reader.read().map(brief)).toEqual(["stream_restarted 4..9", 0, 1]);
    expect(reader.cursor.dropped).toBe(6);
  });

  test("that has read all gives an empty gap when it is given another log", () => {
    const log = makeLog(100);
    const reader = new TestReader(log, 0);
    append(log, 10);
    log.flush();
    reader.read();
    reader.cursor.replaceLog(makeLog(100), "cache_restarted");
    expect(reader.read().map(brief)).toEqual(["cache_restarted 10..9"]);
  });
});

describe("a coalescing cursor", () => {
  const keys = (reader: TestReader): (string | number)[] => reader.read().map(brief);

  test("gives the newest event of each key of what was dropped, then the rest of the log", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0, { coalesces: true });
    for (let n = 0; n < 2000; n++)
      log.append(n < 10 ? "inserted" : "updated", causeOf("put"), n % 10, 0);
    const messages = reader.read() as CacheEvent[];
    expect(reader.gaps).toEqual([]);
    // Memory is freed by segments when the log grows: there may be two more than the capacity needs.
    expect(messages.length).toBeLessThanOrEqual(10 + 300 + 2 * 256);
    expect(messages.length + reader.cursor.coalesced).toBe(2000);
    const sequences = messages.map((message) => CacheEvent.offsetOf(message));
    expect(sequences).toEqual([...sequences].sort((a, b) => a - b));
    expect(sequences.slice(-300)).toEqual(range(1700, 2000));
    const firstOf = (key: number): string | undefined =>
      messages.find((event) => CacheEvent.keyOf(event, undefined) === key)?.type;
    expect(range(0, 10).map(firstOf)).toEqual(range(0, 10).map(() => "inserted"));
  });

  test("gives a gap with exact bounds when the distinct keys don't fit", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0, { coalesces: true });
    append(log, 2000);
    const read = keys(reader);
    const bounds = read.map((message) =>
      typeof message === "number"
        ? [message, message]
        : message.replace("overrun ", "").split("..").map(Number),
    ) as [number, number][];
    // Each event is given once, or reported as lost once.
    expect(bounds.map(([from]) => from)).toEqual([
      0,
      ...bounds.slice(0, -1).map(([, to]) => to + 1),
    ]);
    expect(bounds.at(-1)?.[1]).toBe(1999);
    expect(reader.gaps.length).toBeGreaterThan(0);
  });

  test("does not report as lost what it has given already", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0, { coalesces: true });
    append(log, 700);
    const first = reader.read(100).map(brief);
    expect(first).toEqual(range(0, 100));
    append(log, 2000);
    const gap = reader.read(1)[0]!;
    expect(brief(gap)).toMatch(/^overrun 100\.\./);
  });

  test("that waits for types which did not come survives a batch that is larger than the log", () => {
    const log = makeLog(300);
    const reader = new TestReader(log, 0, { coalesces: true, mask: maskOf(["deleted"]) });
    append(log, 5000);
    append(log, 1, "deleted");
    log.flush();
    expect(keys(reader)).toEqual([5000]);
  });
});
