import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { OptionError, whenIdle } from "../../src/index.js";
import { CacheEvent } from "../../src/event/event.js";
import { Gate } from "../helpers/actors.js";
import { isGap, keys, Notes, putKeys, show, Tree, type UserMessage } from "../helpers/streams.js";
import { append, makeLog, TestReader } from "../log/logs.js";

describe("a reader with a capacity of its own", () => {
  test("receives the newest events, and a gap for the others", async () => {
    await using tree = await Tree.start();
    const events = tree.users.events({ capacity: 4, gaps: true });
    putKeys(tree.users, 0, 10);
    const lines: string[] = [];
    for await (const message of events) {
      lines.push(show(message as UserMessage));
      if (lines.length === 5) break;
    }
    expect(lines).toEqual(["gap overrun 0..5", ...keys(6, 10).map((key) => `inserted ${key}`)]);
  });

  test("that coalesces receives the newest event of each key", async () => {
    await using tree = await Tree.start();
    const gate = new Gate();
    const notes = new Notes();
    tree.users.subscribe(
      async (message) => {
        await gate.promise;
        notes.note(message);
      },
      { capacity: 4, overflow: "coalesce", gaps: true },
    );
    tree.users.put("first", 0);
    for (let n = 0; n < 1000; n++) tree.users.put(`k${n % 3}`, n);
    gate.open();
    await whenIdle(tree.users);
    expect(notes.gaps).toEqual([]);
    expect(notes.events.length).toBeLessThanOrEqual(1 + 3 + 4);
    expect(new Set(notes.events.map(({ target }) => target))).toContainEqual({
      kind: "key",
      key: "k2",
    });
    expect(notes.sequences.at(-1)).toBe(1000);
  });

  test("has a lag that stays within it", async () => {
    await using tree = await Tree.start({ stream: { partitions: 2 } });
    const bounded = tree.users.events({ capacity: 50 });
    const free = tree.users.events();
    putKeys(tree.users, 0, 1000);
    expect(bounded.lag).toBe(100);
    expect(free.lag).toBe(1000);
    await free.return?.();
    expect(free.lag).toBe(0);
  });

  test.each([0, 1.5, "10", 2 ** 20])("of %p is an OptionError", async (capacity) => {
    await using tree = await Tree.start();
    for (const call of [
      () => tree.users.events({ capacity } as never),
      () => tree.users.subscribe(() => {}, { capacity } as never),
    ]) {
      expect(call).toThrow(OptionError);
      expect(call).toThrow('option "capacity": expected an integer >= 1 and <= 262144');
    }
    expect(() => tree.users.events({ overflow: "drop" } as never)).toThrow('option "overflow"');
  });

  test("does not hold the log back, whether it coalesces or not", () => {
    for (const coalesces of [false, true]) {
      const log = makeLog(100_000);
      const stalled = new TestReader(log, 0, { bound: 1000, coalesces });
      const other = new TestReader(log, 0);
      for (let round = 0; round < 100; round++) {
        append(log, 500);
        log.flush();
        other.read();
      }
      expect(log.next - log.first).toBeLessThanOrEqual(1000 + 512);
      expect(other.gaps).toEqual([]);
      expect(stalled.cursor.lag).toBeLessThanOrEqual(2 * 1000 + 512);
    }
  });

  test("that resumes with its token receives what the log still has", async () => {
    await using tree = await Tree.start();
    const events = tree.users.events({ capacity: 4 });
    putKeys(tree.users, 0, 2);
    await events.next();
    putKeys(tree.users, 2, 20);
    const token = events.position();
    const notes = new Notes();
    tree.users.subscribe(notes.note, { from: token, gaps: true });
    await whenIdle(tree.users);
    expect(notes.gaps).toEqual([]);
    expect(notes.sequences).toEqual(keys(1, 20).map((_, at) => at + 1));
  });
});

test("what a reader of its own bound handles, and its gaps, are what was written, each once and in order", () => {
  const step = fc.record({
    writes: fc.nat(700),
    flushes: fc.boolean(),
    reads: fc.nat(300),
    runs: fc.boolean(),
  });
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 900 }),
      fc.integer({ min: 900, max: 1500 }),
      fc.array(step, { maxLength: 20 }),
      (bound, capacity, steps) => {
        const log = makeLog(capacity);
        const reader = new TestReader(log, 0, { bound });
        const seen: number[] = [];
        const note = (from: number, to: number): void => {
          for (let n = from; n <= to; n++) seen.push(n);
        };
        const visitor = {
          visit: (event: CacheEvent) => {
            note(CacheEvent.offsetOf(event), CacheEvent.offsetOf(event));
            return "done" as const;
          },
        };
        const read = (most: number): void => {
          for (const message of reader.read(most))
            if (isGap(message as UserMessage)) {
              const { from, to } = message as { from: number; to: number };
              note(from, to);
            } else
              note(
                CacheEvent.offsetOf(message as CacheEvent),
                CacheEvent.offsetOf(message as CacheEvent),
              );
        };
        for (const { writes, flushes, reads, runs } of steps) {
          append(log, writes);
          if (flushes) log.flush();
          if (runs) reader.cursor.run(visitor, reads);
          else read(reads);
        }
        log.flush();
        read(Infinity);
        expect(seen).toEqual(Array.from({ length: log.next }, (_, at) => at));
        expect(reader.cursor.dropped + reader.cursor.handled).toBe(log.next);
      },
    ),
    { interruptAfterTimeLimit: 10_000 },
  );
});
