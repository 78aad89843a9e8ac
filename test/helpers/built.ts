import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { projectRoot } from "./project-root.js";
import { runOk } from "./run.js";

/** The package, built into a folder of its own: threads can't load TypeScript, and `dist` is another test's. */
export class Built implements AsyncDisposable {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  static async make(): Promise<Built> {
    const folder = await mkdtemp(join(tmpdir(), "nebulex-streams-built-"));
    const esbuild = join(projectRoot, "node_modules", ".bin", "esbuild");
    const options = ["--format=esm", "--target=es2022", "--log-level=warning"];
    await runOk(esbuild, ["src/**/*.ts", `--outdir=${folder}`, ...options]);
    await symlink(join(projectRoot, "node_modules"), join(folder, "node_modules"));
    await writeFile(join(folder, "package.json"), `{ "type": "module" }`);
    return new Built(folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }

  /** Loads a module of it, named as in `src`. */
  load<Module>(file: string): Promise<Module> {
    return import(pathToFileURL(join(this.folder, file)).href) as Promise<Module>;
  }
}
