import { describe, expect, test } from "@jest/globals";
import type { CacheEntryEvent } from "../../../src/index.js";
import { type Noted, text } from "./commands.js";
import { StoreLedger } from "./ledger.js";
import type { Value } from "./protocol.js";

type Event = CacheEntryEvent<string, Value>;
type Row = readonly [
  type: Event["type"],
  command: string,
  key: string,
  value: Value | undefined,
  previous: Value | undefined,
  timestamp: number,
];

const value = (number: number, ttl?: number): string => text(0, number, 0, ttl);

/** A history as it should be. */
const rows: readonly Row[] = [
  ["inserted", "put", "key 1", value(0, 50), undefined, 1000],
  ["expired", "sweep", "key 1", undefined, value(0, 50), 1051],
  ["inserted", "put", "key 1", value(1), undefined, 2000],
  ["updated", "update", "key 1", value(2), value(1), 2001],
  ["deleted", "delete", "key 1", undefined, value(2), 2002],
  ["inserted", "increment", "counter 0", 7, undefined, 2003],
  ["updated", "increment", "counter 0", 16, 7, 2004],
  ["deleted", "take", "counter 0", undefined, 16, 2005],
];

const noted = (
  name: Noted["name"],
  key: string,
  more: Partial<Noted> = {},
  fate: Noted["fate"] = "done",
): Noted => ({ node: "x", life: 0, name, keys: [key], fate, ...more });

const commands: readonly Noted[] = [
  noted("put", "key 1", { values: [value(0, 50)] }),
  noted("put", "key 1", { values: [value(1)] }),
  noted("update", "key 1", { values: [value(2)], result: value(2) }),
  noted("putNew", "key 1", { values: [value(3)], result: false }),
  noted("delete", "key 1", { result: true }),
  noted("delete", "key 1", { result: false }),
  noted("increment", "counter 0", { amount: 7, result: 7 }),
  noted("increment", "counter 0", { amount: 9, result: 16 }),
  noted("take", "counter 0", { result: 16 }),
  noted("take", "counter 0", { result: null }),
];

const good = {
  lost: 0,
  outOfOrder: 0,
  twice: 0,
  madeUp: 0,
  expiredTwice: 0,
  expiredEarly: 0,
  servedDue: 0,
  differences: 0,
};

/** Events of these rows, whose positions are their places. */
function eventsOf(all: readonly Row[]): Event[] {
  return all.map(([type, command, key, stored, previous, timestamp], position) => ({
    cache: "c",
    name: "c",
    type,
    command,
    target: { kind: "key", key },
    ...(stored === undefined ? {} : { value: stored }),
    ...(previous === undefined ? {} : { previous }),
    metadata: { node: "x", partition: 0, position, timestamp } as Event["metadata"],
  }));
}

function accountOf(
  events: readonly Event[],
  all: readonly Noted[] = commands,
  contents: Readonly<Record<string, Value>> = {},
) {
  const ledger = new StoreLedger(1);
  for (const event of events) ledger.event(event, event.metadata.timestamp + 5);
  return ledger.account(all, new Map(Object.entries(contents)));
}

/** With other rows in place of some. */
function changed(at: number, count: number, ...more: readonly Row[]): Event[] {
  return eventsOf(rows.toSpliced(at, count, ...more));
}

const row = (at: number): Row => rows[at] as Row;

describe("the ledger of a shared store", () => {
  test("finds nothing wrong with a good history", () => {
    const account = accountOf(eventsOf(rows));
    expect(account).toMatchObject({ ...good, commands: 10, events: 8, expired: 1, faults: [] });
    expect(account.delays).toEqual([6]);
  });

  test.each<[string, Event[], object]>([
    ["that is lost, with its position", eventsOf(rows).toSpliced(3, 1), { lost: 2, outOfOrder: 1 }],
    ["that is lost, without a trace", changed(3, 1), { lost: 1, outOfOrder: 1 }],
    [
      "that comes later",
      eventsOf(rows).toSpliced(5, 2, ...eventsOf(rows).slice(5, 7).reverse()),
      { outOfOrder: 4 },
    ],
    [
      "that comes again",
      eventsOf(rows).toSpliced(2, 0, ...eventsOf(rows).slice(1, 2)),
      { twice: 1, expiredTwice: 1 },
    ],
    [
      "of a change that is made again",
      changed(3, 1, row(3), [...row(3).slice(0, 4), value(2), 2001] as never),
      { twice: 1 },
    ],
    [
      "of an expiry that is made again",
      changed(2, 0, ["expired", "sweep", "key 1", undefined, undefined, 1100]),
      { expiredTwice: 1 },
    ],
    [
      "of an expiry before the deadline",
      changed(1, 1, [...row(1).slice(0, 5), 1040] as never),
      { expiredEarly: 1 },
    ],
    [
      "of an expiry without a deadline",
      changed(4, 1, ["expired", "sweep", "key 1", undefined, value(2), 2002]),
      { expiredEarly: 1 },
    ],
    [
      "of a change in place of an expiry",
      changed(1, 2, ["updated", "put", "key 1", value(1), value(0, 50), 2000]),
      { servedDue: 1 },
    ],
    [
      "with another previous value",
      changed(3, 1, ["updated", "update", "key 1", value(2), value(0), 2001]),
      { outOfOrder: 1 },
    ],
    [
      "of a command that was refused",
      changed(
        4,
        0,
        ["updated", "put", "key 1", value(3), value(2), 2001],
        ["updated", "put", "key 1", value(2), value(3), 2001],
      ),
      { madeUp: 1 },
    ],
    [
      "of a command that nobody issued",
      changed(8, 0, ["inserted", "put", "key 2", value(8), undefined, 3000]),
      { madeUp: 1, differences: 1 },
    ],
    [
      "of a deletion that nobody issued",
      changed(4, 1, ["deleted", "take", "key 1", undefined, value(2), 2002]),
      { lost: 1, madeUp: 1 },
    ],
    [
      "with another sum",
      changed(
        6,
        2,
        ["updated", "increment", "counter 0", 17, 7, 2004],
        ["deleted", "take", "counter 0", undefined, 17, 2005],
      ),
      { madeUp: 2 },
    ],
  ])("finds an event %s", (_name, events, found) => {
    const account = accountOf(events);
    expect(account).toMatchObject(found);
    expect(account.faults.length + account.expiredTwice).toBeGreaterThan(0);
  });

  test("compares the store's content, key by key", () => {
    expect(accountOf(eventsOf(rows), commands, { "key 1": value(2) })).toMatchObject({
      ...good,
      differences: 1,
    });
    expect(
      accountOf(eventsOf(rows.slice(0, 4)), commands.slice(0, 4), { "key 1": value(2) }),
    ).toMatchObject(good);
    expect(accountOf(eventsOf(rows.slice(0, 4)), commands.slice(0, 4))).toMatchObject({
      differences: 1,
    });
  });

  test("takes a command of unknown fate once or not at all, and never one that was refused", () => {
    const more = (fate: Noted["fate"]) => [
      ...commands,
      noted("put", "key 2", { values: [value(9)] }, fate),
      noted("delete", "key 2", {}, fate),
    ];
    const all = changed(
      8,
      0,
      ["inserted", "put", "key 2", value(9), undefined, 3000],
      ["deleted", "delete", "key 2", undefined, value(9), 3000],
    );
    expect(accountOf(eventsOf(rows), more("unknown"))).toMatchObject(good);
    expect(accountOf(all, more("unknown"))).toMatchObject(good);
    expect(accountOf(eventsOf(rows), more("refused"))).toMatchObject(good);
    expect(accountOf(all, more("refused"))).toMatchObject({ ...good, madeUp: 2 });
    expect(
      accountOf(
        [
          ...all,
          ...changed(
            8,
            0,
            ...all.slice(8).map(
              (_, at) =>
                [
                  ["inserted", "put", "key 2", value(9), undefined, 3000],
                  ["deleted", "delete", "key 2", undefined, value(9), 3000],
                ][at] as never,
            ),
          )
            .slice(8)
            .map((event, at) => ({ ...event, metadata: { ...event.metadata, position: 10 + at } })),
        ],
        more("unknown"),
      ),
    ).toMatchObject({ ...good, twice: 1, madeUp: 1 });
  });

  test("finds half of a command over several keys", () => {
    const values = [value(10), text(0, 10, 1, undefined)] as const;
    const all = [...commands, noted("putAll", "", { keys: ["key 3", "key 4"], values }, "unknown")];
    const half: Row = ["inserted", "putAll", "key 3", values[0], undefined, 3000];
    const rest: Row = ["inserted", "putAll", "key 4", values[1], undefined, 3000];
    const both = { "key 3": values[0], "key 4": values[1] };
    expect(accountOf(changed(8, 0, half, rest), all, both)).toMatchObject(good);
    expect(accountOf(changed(8, 0, half), all, { "key 3": values[0] })).toMatchObject({
      ...good,
      lost: 1,
    });
  });

  test("counts what deleteAll says it has removed", () => {
    const all = [...commands, noted("deleteAll", "", { keys: ["key 3", "key 4"], result: 1 })];
    expect(accountOf(eventsOf(rows), all)).toMatchObject({ ...good, lost: 1 });
  });

  test("takes a gap for a loss", () => {
    const ledger = new StoreLedger(1);
    ledger.gap({ partition: 0, from: 0, to: 2, reason: "trimmed" });
    expect(ledger.account([], new Map())).toMatchObject({ ...good, lost: 3 });
  });
});
