import { describe, expect, test } from "@jest/globals";
import { createJournalHub, LocalJournalHub } from "../../src/journal/journal-hub.js";
import { journalConformance } from "../../src/testing/journal-conformance.js";

describe("localJournal", () => {
  const hub = LocalJournalHub.check(createJournalHub());
  const cases = journalConformance({
    create: (context) => hub.engine(context),
    disconnect: (nodeName) => hub.disconnect(nodeName),
    connect: (nodeName) => hub.connect(nodeName),
    flush: () => hub.flush(),
  });

  test.each(cases)("$name", async ({ run }) => {
    await expect(run()).resolves.toBeUndefined();
  });
});

test("the cases of outages and of lost data need their hooks", () => {
  const create = (): never => {
    throw new Error("no engine is made");
  };
  expect(() => journalConformance({ create, disconnect: () => {} })).toThrow(
    'invalid value for option "connect"',
  );
  expect(() => journalConformance({ create, flush: 1 as never })).toThrow(
    'invalid value for option "flush"',
  );
  const all = journalConformance({
    create,
    disconnect: () => {},
    connect: () => {},
    flush: () => {},
  }).map(({ name }) => name);
  const some = journalConformance({ create }).map(({ name }) => name);
  expect(some.length).toBeLessThan(all.length);
  expect(new Set(all).size).toBe(all.length);
});
