import { existsSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../helpers/project-root.js";
import { runOk } from "../helpers/run.js";

/** Has the page built, where it is not; to be called before an inspector is started. */
export async function buildPage(): Promise<void> {
  if (existsSync(join(projectRoot, "dist", "inspector", "index.html"))) return;
  await runOk(process.execPath, [join(projectRoot, "build.mjs"), "--page"]);
}
