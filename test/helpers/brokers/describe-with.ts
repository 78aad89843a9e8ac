import { describe } from "@jest/globals";
import { type BrokerName, findBinary, instruction } from "./binaries.mjs";

/**
 * `describe` for tests that start this server. Where it is missing and can't be installed they fail with what to install; only without CI are
 * they left out instead, and that is said.
 */
export function describeWith(binary: BrokerName): typeof describe | typeof describe.skip {
  if (findBinary(binary) !== undefined || process.env["CI"] === "true") return describe;
  process.stderr.write(`tests left out: ${instruction([binary])}\n`);
  return describe.skip;
}
