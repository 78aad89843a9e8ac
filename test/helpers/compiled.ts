import { execFileSync } from "node:child_process";
import { existsSync, renameSync } from "node:fs";
import { join, relative } from "node:path";
import { projectRoot } from "./project-root.js";

/** A program, and the arguments of Node.js to run it with. */
export interface Program {
  readonly path: string;
  readonly execArgv: readonly string[];
}

/**
 * A TypeScript program as one file of JavaScript, which starts in a fraction of the time that tsx
 * takes. It is compiled once in a run of the tests; outside of one, tsx runs it. It must not look
 * for files beside its modules.
 */
export function compiled(program: string): Program {
  const folder = process.env["NEBULEX_TEST_PROGRAMS"];
  if (folder === undefined) return { path: program, execArgv: ["--import", "tsx"] };
  const name = relative(projectRoot, program).replaceAll(/\W+/g, "-");
  const path = join(folder, `${name}.js`);
  if (!existsSync(path)) {
    // Another test file may be doing the same.
    const own = join(folder, `${name}.${process.pid}.js`);
    execFileSync(join(projectRoot, "node_modules", ".bin", "esbuild"), [
      program,
      "--bundle",
      "--packages=external",
      "--platform=node",
      "--format=esm",
      "--target=node20",
      "--keep-names",
      '--define:packageVersionAtBuild="test"',
      `--outfile=${own}`,
      "--log-level=warning",
    ]);
    renameSync(own, path);
  }
  return { path, execArgv: [] };
}
