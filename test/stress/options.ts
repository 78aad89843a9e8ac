import { parseArgs } from "node:util";

export const usage = `Usage: npm run stress -- [--rounds N] [--load N] [PATTERN...]

  --rounds N   how often the tests are run (default 3)
  --load N     how many busy loops run besides (default 2); 0: none
  PATTERN      run only test files whose path matches, as with npm test

Exit status: 0 no test failed; 1 some did; 2 a bad option.
`;

export interface StressOptions {
  readonly rounds: number;
  readonly load: number;
  readonly patterns: readonly string[];
}

/** @throws Error that says what is wrong */
export function readOptions(args: readonly string[]): StressOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: { rounds: { type: "string" }, load: { type: "string" } },
  });
  return {
    rounds: whole("--rounds", values.rounds ?? "3", 1),
    load: whole("--load", values.load ?? "2", 0),
    patterns: positionals,
  };
}

function whole(option: string, text: string, least: number): number {
  const number = Number(text);
  if (/^\d+$/.test(text) && number >= least && number <= 1000) return number;
  throw new Error(`${option} must be a whole number from ${least} to 1000, not '${text}'`);
}
