import { describe, expect, test } from "@jest/globals";
import { type CacheEntryEvent, defaultHash, hashReady, type GapEvent } from "../../src/index.js";
import { Ledger, type Version, type Written } from "./ledger.js";

await hashReady;

const partitions = 2;
const partitionOf = (key: string): number =>
  defaultHash({ target: { kind: "key", key }, metadata: { partitions } } as never);
const keys = ["a", "b", "c", "d", "e", "f", "g", "h"];
const inZero = keys.filter((key) => partitionOf(key) === 0);
const [k0 = "", k1 = ""] = inZero;

const changes: Written[] = [
  { key: k0, type: "inserted" },
  { key: k1, type: "inserted" },
  { key: k0, type: "updated" },
  { key: k0, type: "deleted" },
];

function event(id: number, changed: object = {}): CacheEntryEvent<string, Version> {
  const { key, type } = changes[id] as Written;
  const values = type === "deleted" ? { previous: id - 1 } : { value: id };
  const metadata = { partition: 0, sequence: id };
  return { type, target: { kind: "key", key }, metadata, ...values, ...changed } as never;
}

function accountOf(...seen: (CacheEntryEvent<string, Version> | GapEvent)[]) {
  const ledger = new Ledger(partitions);
  for (const change of changes) ledger.write(change);
  for (const message of seen) {
    if (message.type === "gap") ledger.tellGap(message);
    else ledger.handle(message);
  }
  return ledger.account();
}

const gap = (from: number, to: number) => ({ type: "gap", partition: 0, from, to }) as GapEvent;

describe("a ledger", () => {
  const fine = { written: 4, handled: 4, lost: 0, duplicated: 0, outOfOrder: 0, gapEvents: 0 };

  test("finds nothing wrong with each event handled once and in order", () => {
    expect(accountOf(event(0), event(1), event(2), event(3))).toEqual({ ...fine, faults: [] });
  });

  test("counts what is lost", () => {
    expect(accountOf(event(0), event(2), event(3))).toMatchObject({ handled: 3, lost: 1 });
  });

  test("does not count as lost what a gap reports", () => {
    const account = accountOf(event(0), gap(1, 2), event(3));
    expect(account).toMatchObject({ lost: 0, gapEvents: 2, faults: [] });
  });

  test("finds a gap over what was handled, or was never written", () => {
    expect(accountOf(event(0), event(1), event(2), event(3), gap(1, 1)).faults).toHaveLength(1);
    expect(accountOf(event(0), event(1), event(2), gap(3, 4)).faults).toHaveLength(1);
    expect(accountOf(event(0), event(1), gap(2, 3), gap(3, 3)).faults).toHaveLength(1);
  });

  test("counts what is handled twice", () => {
    const account = accountOf(event(0), event(1), event(1), event(2), event(3));
    expect(account).toMatchObject({ handled: 5, lost: 0, duplicated: 1 });
  });

  test("counts keys whose events come in another order", () => {
    expect(accountOf(event(1), event(0), event(2), event(3)).outOfOrder).toBe(0);
    expect(accountOf(event(0), event(1), event(3), event(2)).outOfOrder).toBe(1);
  });

  test("counts keys that two partitions handle", () => {
    const elsewhere = { metadata: { partition: 1, sequence: 3 } };
    const account = accountOf(event(0), event(1), event(2), event(3, elsewhere));
    expect(account.outOfOrder).toBe(1);
    expect(account.faults).not.toEqual([]);
  });

  test("finds events that nobody wrote, and wrong sequences", () => {
    expect(accountOf(event(0, { type: "updated" })).faults).toHaveLength(1);
    expect(accountOf(event(0, { target: { kind: "key", key: k1 } })).faults).toHaveLength(1);
    expect(accountOf(event(0, { metadata: { partition: 0, sequence: 1 } })).faults).toHaveLength(1);
  });
});
