import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { installMissing, instruction } from "./binaries.mjs";

/**
 * Once for all tests: the servers that they start are there, or it is said how to get them; and a
 * folder for the programs that `compiled` compiles.
 */
export default async function setUp() {
  const missing = await installMissing();
  if (missing.length > 0) console.warn(`\n${instruction(missing)}`);
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-programs-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  symlinkSync(
    fileURLToPath(new URL("../../../node_modules", import.meta.url)),
    join(folder, "node_modules"),
  );
  writeFileSync(join(folder, "package.json"), `{ "type": "module" }`);
  process.env["NEBULEX_TEST_PROGRAMS"] = folder;
}
