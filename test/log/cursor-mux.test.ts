import { describe, expect, test } from "@jest/globals";
import { CacheEvent } from "../../src/event/event.js";
import { CursorMux } from "../../src/log/cursor-mux.js";
import type { Message, VisitResult } from "../../src/log/message.js";
import { append, brief, makeLog, range, TestReader } from "./logs.js";

function muxOf(counts: readonly number[], capacity = 1000): CursorMux {
  const mux = new CursorMux();
  for (const count of counts) {
    const log = makeLog(capacity);
    mux.cursors.push(new TestReader(log, 0).cursor);
    append(log, count);
  }
  return mux;
}

/** Notes the messages; `isPending` says which are not handled within the call. */
class Visits {
  readonly seen: Message[] = [];
  closed = false;
  readonly #isPending: (message: Message) => boolean;

  constructor(isPending: (message: Message) => boolean = () => false) {
    this.#isPending = isPending;
  }

  visit(message: Message): VisitResult {
    this.seen.push(message);
    return this.#isPending(message) ? "pending" : "done";
  }
}

describe("a mux of cursors", () => {
  test("reads its partitions in turn, 64 messages of one in a row", () => {
    const mux = muxOf([100, 70]);
    const read: Message[] = [];
    for (let next = mux.next(); next !== undefined; next = mux.next()) {
      read.push(next);
      mux.done(next);
    }
    const offsets = [...range(0, 64), ...range(0, 64), ...range(64, 100), ...range(64, 70)];
    expect(read.map(brief)).toEqual(offsets);
    expect(mux.lag).toBe(0);
  });

  test("skips a partition without messages, and one is unacknowledged until it is done", () => {
    const mux = muxOf([0, 1]);
    const message = mux.next() as Message;
    expect([mux.next(), mux.lag]).toEqual([undefined, 1]);
    mux.done(message);
    expect(mux.lag).toBe(0);
  });

  test("drains all partitions, a gap included", () => {
    const mux = muxOf([30, 5], 20);
    const visits = new Visits();
    while (mux.drain(visits, 8) === "more");
    expect(mux.drain(visits, 8)).toBe("empty");
    expect(visits.seen.filter(({ type }) => type === "gap").map(brief)).toEqual(["overrun 0..9"]);
    const events = visits.seen.filter((message) => message instanceof CacheEvent);
    expect(events.map(brief).toSorted((a, b) => Number(a) - Number(b))).toEqual(
      [...range(0, 5), ...range(10, 30)].toSorted((a, b) => a - b),
    );
    expect(mux.lag).toBe(0);
  });

  test("returns a pending message, which stays unacknowledged until it is done", () => {
    const mux = muxOf([5]);
    const visits = new Visits((message) => brief(message) === 2);
    const pending = mux.drain(visits, 64) as Message;
    expect([brief(pending), mux.lag]).toEqual([2, 3]);
    mux.done(pending);
    while (mux.drain(visits, 64) === "more");
    expect(visits.seen.map(brief)).toEqual(range(0, 5));
  });

  test("takes nothing for a visitor that was closed", () => {
    const mux = muxOf([1]);
    const gap = muxOf([30], 20);
    const visits = Object.assign(new Visits(), { closed: true });
    expect(gap.drain(visits, 64)).toBe("more");
    expect([visits.seen.length, gap.lag > 0, mux.lag]).toEqual([0, true, 1]);
  });
});
