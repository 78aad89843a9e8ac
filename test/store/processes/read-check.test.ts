import { describe, expect, test } from "@jest/globals";
import { text } from "./commands.js";
import type { Change } from "./entry-life.js";
import type { Value } from "./protocol.js";
import { ReadCheck } from "./read-check.js";

const key = "key 1";
const value = (number: number, ttl?: number): string => text(0, number, 0, ttl);

/** What the stream delivers about one key, and what is read of it. */
class Reader {
  readonly check = new ReadCheck();
  #position = 0;

  put(stored: Value, time = 0, command = "put"): void {
    this.#deliver({ type: "updated", command, value: stored, time });
  }

  remove(type: "deleted" | "expired" = "deleted"): void {
    this.#deliver({ type, command: "delete", value: undefined, time: 0 });
  }

  read(value: Value | undefined, at = 0, meanwhile = (): void => {}): void {
    const start = this.check.begin(key, at);
    meanwhile();
    this.check.end(start, value);
  }

  #deliver(change: Pick<Change, "type" | "command" | "value" | "time">): void {
    const place = { partition: 0, position: this.#position++, node: "x", previous: undefined };
    this.check.deliver({ key, ...place, ...change });
  }
}

describe("the check of reads", () => {
  test.each<[string, (reader: Reader) => void, object]>([
    ["accepts the newest", (r) => (r.put(value(0)), r.put(value(1)), r.read(value(1))), {}],
    ["says nothing of a key without events", (r) => (r.read(value(0)), r.read(undefined)), {}],
    [
      "finds what was replaced",
      (r) => (r.put(value(0)), r.put(value(1)), r.read(value(0))),
      { stale: 1 },
    ],
    [
      "finds what was removed",
      (r) => (r.put(value(0)), r.remove(), r.read(value(0))),
      { stale: 1 },
    ],
    [
      "accepts what is replaced during the read",
      (r) => (r.put(value(0)), r.read(value(0), 0, () => r.put(value(1)))),
      {},
    ],
    [
      "accepts what is delivered later",
      (r) => (r.put(value(0)), r.read(value(1)), r.put(value(1))),
      {},
    ],
    [
      "finds what is never delivered",
      (r) => (r.put(value(0)), r.read(value(1))),
      { unconfirmed: 1 },
    ],
    [
      "finds nothing in place of something",
      (r) => (r.put(value(0)), r.read(undefined)),
      { unconfirmed: 1 },
    ],
    [
      "accepts nothing when a removal is delivered later",
      (r) => (r.put(value(0)), r.read(undefined), r.remove()),
      {},
    ],
    [
      "accepts nothing when a removal is delivered meanwhile",
      (r) => (r.put(value(0)), r.read(undefined, 0, () => (r.remove(), r.put(value(1))))),
      {},
    ],
    ["accepts what is not due", (r) => (r.put(value(0, 50), 1000), r.read(value(0, 50), 1050)), {}],
    [
      "finds what is due",
      (r) => (r.put(value(0, 50), 1000), r.read(value(0, 50), 1060), r.remove("expired")),
      { due: 1 },
    ],
    [
      "finds what is due, and not removed",
      (r) => (r.put(value(0, 50), 1000), r.read(value(0, 50), 1060)),
      { due: 1 },
    ],
    [
      "accepts what was touched before it was due",
      (r) => (
        r.put(value(0, 50), 1000),
        r.read(value(0, 50), 1060),
        r.put(value(0, 50), 1040, "touch")
      ),
      {},
    ],
  ])("%s", (_name, act, found) => {
    const reader = new Reader();
    act(reader);
    const { reads, ...counts } = reader.check.counts;
    expect(reads).toBeGreaterThan(0);
    expect(counts).toEqual({ failed: 0, stale: 0, due: 0, unconfirmed: 0, ...found });
  });
});
