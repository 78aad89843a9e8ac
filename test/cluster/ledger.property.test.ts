import { expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { runs } from "../delivery/runs.js";
import { harmful, harmless, type Op, setup, type Setup } from "./ledger-ops.js";
import { LedgerRun } from "./ledger-run.js";

async function play(
  given: Setup,
  ops: readonly Op[],
  check: (run: LedgerRun) => void = () => {},
): Promise<void> {
  await using run = new LedgerRun(given);
  await run.start();
  for (const op of ops) await run.do(op);
  await run.heal();
  expect(run.faults()).toEqual([]);
  check(run);
}

test("whatever fails between three nodes, each reader receives each other node's events in order, none twice, and gaps for the missing ones", async () => {
  const ops = fc.array(harmful, { minLength: 10, maxLength: 80 });
  await fc.assert(
    asyncProperty(setup, ops, (given, list) => play(given, list)),
    { numRuns: runs(60), endOnFailure: process.env["SHRINK"] === undefined },
  );
});

test("readers of three nodes get exact bounds of the events that overran them or the sending", async () => {
  const ops = fc.array(harmful, { minLength: 10, maxLength: 60 });
  await fc.assert(
    asyncProperty(setup, ops, (given, list) => play({ ...given, capacity: 100 }, list)),
    { numRuns: runs(30), endOnFailure: process.env["SHRINK"] === undefined },
  );
});

test("where nothing is lost between three nodes, readers get no gap", async () => {
  const ops = fc.array(harmless, { minLength: 10, maxLength: 80 });
  const check = ({ readers }: LedgerRun): void => {
    for (const { reader } of readers)
      expect(reader.gaps.filter(({ from, to }) => to >= from)).toEqual([]);
  };
  await fc.assert(
    asyncProperty(setup, ops, (given, list) => play(given, list, check)),
    { numRuns: runs(40), endOnFailure: process.env["SHRINK"] === undefined },
  );
});
