import { execFile } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const root = fileURLToPath(new URL("../../", import.meta.url));
const execute = promisify(execFile);

/** The environment without what npm tells the scripts it runs about the package they belong to. */
export function outerEnv() {
  const { NODE_OPTIONS: _, ...env } = process.env;
  const inner = /^npm_(?:package_|lifecycle_|config_local_prefix$)/;
  return Object.fromEntries(Object.entries(env).filter(([name]) => !inner.test(name)));
}

/** Runtimes as npm installs them. */
const runtimes = { "node-22": "node@22", "node-24": "node@24", bun: "bun@1", deno: "deno@2" };

/** @returns {Promise<import("./packed.mjs").Runtime>} */
async function install(folder, name, specifier) {
  const at = join(folder, name);
  mkdirSync(at);
  writeFileSync(join(at, "package.json"), `{ "private": true }`);
  const program = join(at, "node_modules", ".bin", name.split("-")[0]);
  try {
    const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
    await execute("npm", ["install", ...flags, specifier], { cwd: at, env: outerEnv() });
    await execute(program, ["--version"], { cwd: at, env: outerEnv() });
    return { program };
  } catch (error) {
    return { missing: `${specifier} can't be installed or run here: ${error.message.trim()}` };
  }
}

/** Once for all tests of the package: packs it, and installs the runtimes that are to load it. */
export default async function setUp() {
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-package-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const flags = ["--json", "--silent", "--pack-destination", folder];
  // `dist/` is up to date: it isn't built again.
  if (process.env["NEBULEX_BUILT"] === "true") flags.push("--ignore-scripts");
  await execute("npm", ["pack", ...flags], { cwd: root, env: outerEnv() });
  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const tarball = join(folder, `nebulex-streams-${version}.tgz`);
  const names = Object.keys(runtimes);
  const installed = await Promise.all(names.map((name) => install(folder, name, runtimes[name])));
  for (const { missing } of installed)
    if (missing !== undefined) console.warn(`\nleft out: ${missing}`);
  const byName = Object.fromEntries(names.map((name, index) => [name, installed[index]]));
  const packed = { folder, tarball, runtimes: byName };
  process.env["NEBULEX_PACKED"] = JSON.stringify(packed);
}
