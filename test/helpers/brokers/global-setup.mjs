import { installMissing, instruction } from "./binaries.mjs";

/** Once for all tests: the servers that they start are there, or it is said how to get them. */
export default async function setUp() {
  const missing = await installMissing();
  if (missing.length > 0) console.warn(`\n${instruction(missing)}`);
}
