import { describe, expect, test } from "@jest/globals";
import { eventLine, gapLine, jsonLine } from "../../src/cli/show-event.js";
import { CacheEvent, causeOf, MultiTarget, NumberedEvent } from "../../src/event/event.js";
import type { EventType, GapEvent } from "../../src/event/types.js";

const source = {
  cache: "users",
  name: "eu",
  partition: 3 as number | null,
  partitions: 4 as number | null,
  node: "a",
  epoch: "e1",
  startedAt: Date.UTC(2030, 0, 1),
};

interface Parts {
  type?: EventType;
  command?: string;
  fill?: boolean;
  values?: Partial<Pick<CacheEvent, "value" | "previous" | "values" | "previousValues">>;
  from?: Partial<typeof source>;
  at?: number;
}

function eventAbout(subject: unknown, parts: Parts = {}): CacheEvent {
  const { type = "inserted", command = "put", fill = false, values = {}, from, at = 7 } = parts;
  const made = { ...source, ...from };
  const event = new CacheEvent(type, causeOf(command, null, fill), made, subject, 12, at);
  return Object.assign(event, values);
}

const gap: GapEvent = {
  type: "gap",
  cache: "users",
  name: "eu",
  partition: 3,
  from: 5,
  to: 7,
  reason: "transport",
  node: "a",
  epoch: "e1",
};

describe("a line for people, of a journal", () => {
  test("has positions", () => {
    const made = new NumberedEvent("inserted", causeOf("put"), source, "ada", 12, 7, 3, 40);
    expect(eventLine(made)).toBe("2030-01-01T00:00:00.007Z a 3 inserted put 'ada' #3 @40");
    const lost = { ...gap, reason: "overrun" } as const;
    expect(gapLine(lost, 0, 9)).toMatch(/Z a 3 gap {6}#5\.\.#7: 3 events lost @9$/);
    const bounds = { ...gap, node: "-", reason: "trimmed" } as const;
    expect(gapLine(bounds, 0)).toMatch(/Z - 3 gap {6}@5\.\.@7: 3 events trimmed$/);
    expect(gapLine({ ...bounds, reason: "journal_lost", to: 4 }, 0)).toMatch(
      /@5\.\.: the journal was lost, and has begun anew$/,
    );
    expect(gapLine({ ...bounds, reason: "journal_lost", to: 5 }, 0)).toMatch(
      /@5\.\.@5: 1 event not in the journal any more, or not readable$/,
    );
  });
});

describe("a line for people", () => {
  test.each([
    [eventAbout("ada"), "2030-01-01T00:00:00.007Z a 3 inserted put 'ada' #12"],
    [eventAbout(1n, { fill: true }), "2030-01-01T00:00:00.007Z a 3 inserted put 1n #12 (fill)"],
    [
      eventAbout("x", { type: "deleted", command: "delete", from: { partition: null } }),
      "2030-01-01T00:00:00.007Z a - deleted  delete 'x' #12",
    ],
    [
      eventAbout("x", { type: "updated", values: { value: { n: 1 }, previous: undefined } }),
      "2030-01-01T00:00:00.007Z a 3 updated  put 'x' #12 = { n: 1 }, was undefined",
    ],
    [
      eventAbout(new MultiTarget({ kind: "keys", keys: ["x", 2] }), {
        command: "putAll",
        values: { values: new Map<unknown, unknown>([["x", 1]]) },
      }),
      "2030-01-01T00:00:00.007Z a 3 inserted putAll [ 'x', 2 ] #12 = Map(1) { 'x' => 1 }",
    ],
    [
      eventAbout(new MultiTarget({ kind: "query", query: { prefix: "user:" } })),
      "2030-01-01T00:00:00.007Z a 3 inserted put 'user:'* #12",
    ],
    [
      eventAbout(new MultiTarget({ kind: "query", query: null })),
      "2030-01-01T00:00:00.007Z a 3 inserted put everything #12",
    ],
  ])("%#", (event, line) => {
    expect(eventLine(event)).toBe(line);
  });

  test("a gap, of known and of unknown size", () => {
    const now = source.startedAt;
    const start = "2030-01-01T00:00:00.000Z a 3 gap      ";
    expect(gapLine(gap, now)).toBe(`${start}#5..#7: 3 events lost`);
    expect(gapLine({ ...gap, to: 5 }, now)).toBe(`${start}#5..#5: 1 event lost`);
    expect(gapLine({ ...gap, to: 4 }, now)).toBe(
      `${start}#5..: events may be lost, from this one on`,
    );
  });

  test("stays one line without control characters, whatever the event", () => {
    const event = eventAbout("k\n\u001b[31m\u2028\u202e", {
      command: "put\r\n",
      values: { value: Object.assign([1], { "\u0007": "\u0000" }) },
      from: { node: "a\u001b]0;x\u0007\u0085" },
    });
    expect(eventLine(event)).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202e]/u);
    expect(eventLine(event)).toContain("a\\u{1b}]0;x\\u{7}\\u{85} 3");
  });

  test("an invalid time is shown as its number", () => {
    expect(eventLine(eventAbout("x", { at: 2 ** 53 }))).toMatch(/^\d+ a 3 inserted/);
  });

  test("is not longer than can be read", () => {
    const value = { list: new Array<number>(10_000).fill(1), text: "x".repeat(10_000) };
    expect(eventLine(eventAbout("x", { values: { value } })).length).toBeLessThan(1000);
  });
});

describe("a line of JSON", () => {
  const parse = (message: CacheEvent | GapEvent): unknown => JSON.parse(jsonLine(message));

  test("has all that an event has", () => {
    const event = eventAbout("x", { type: "updated", values: { value: 1, previous: 0 } });
    expect(parse(event)).toEqual({
      cache: "users",
      name: "eu",
      type: "updated",
      command: "put",
      target: { kind: "key", key: "x" },
      metadata: {
        topic: "eu:3:updated",
        partition: 3,
        partitions: 4,
        node: "a",
        epoch: "e1",
        sequence: 12,
        position: null,
        timestamp: source.startedAt + 7,
        origin: null,
        fill: false,
      },
      value: 1,
      previous: 0,
    });
  });

  test("tags what JSON can't represent", () => {
    const key = [1n, new Date(5)];
    const value = new Map<unknown, unknown>([
      [new Uint8Array([1, 2]), new Set([undefined, NaN])],
      ["\n", "\ud800"],
    ]);
    const line = jsonLine(eventAbout(key, { values: { value } }));
    expect(line).not.toContain("\n");
    expect(JSON.parse(line)).toMatchObject({
      target: { key: [{ $bigint: "1" }, { $date: 5 }] },
      value: {
        $map: [
          [{ $bytes: "AQI=" }, { $set: [{ $undefined: true }, { $number: "NaN" }] }],
          ["\n", "\ud800"],
        ],
      },
    });
  });

  test("has maps of values of several keys", () => {
    const keys = new MultiTarget({ kind: "keys", keys: ["x"] });
    const values = { values: new Map([["x", 1]]), previousValues: new Map() };
    expect(parse(eventAbout(keys, { values }))).toMatchObject({
      target: { kind: "keys", keys: ["x"] },
      values: { $map: [["x", 1]] },
      previousValues: { $map: [] },
    });
  });

  test("is a gap's as it is", () => {
    expect(parse(gap)).toEqual(gap);
  });
});
