import { expect, test } from "@jest/globals";
import { runOk } from "../../helpers/run.js";

interface Line {
  readonly level: number;
  readonly msg: string;
  readonly component: string;
  readonly event?: { readonly key: string };
  readonly err?: { readonly type: string; readonly message: string; readonly stack: string };
}

test("failed attempts are warnings, a dead letter is an error, with pino's fields", async () => {
  const program = "examples/recipes/pino/main.ts";
  const printed = await runOk(process.execPath, ["--import", "tsx", program]);
  const lines = printed.trimEnd().split("\n");
  const log = lines.map((line) => JSON.parse(line) as Line);
  expect(log.map(({ level, msg }) => `${level} ${msg}`)).toEqual([
    "30 stream started",
    "40 handler failed",
    "40 handler failed",
    "50 dead letter: event given up",
    "30 stream stopped",
  ]);
  expect(new Set(log.map(({ component }) => component))).toEqual(new Set(["nebulex"]));
  const deadLetter = log.find(({ level }) => level === 50);
  expect(deadLetter?.event?.key).toBe("A-18");
  expect(deadLetter?.err).toMatchObject({ type: "RangeError", message: "-1 is no amount" });
  expect(deadLetter?.err?.stack).toContain("examples/recipes/pino/main.ts");
});
