import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { outerEnv, type Packed } from "../helpers/packed.mjs";
import { run, runOk, type RunResult } from "../helpers/run.js";

export const packed = JSON.parse(process.env["NEBULEX_PACKED"] ?? "") as Packed;

/** Milliseconds for an installation and what is run with it. */
export const installing = 180_000;

/** A project of a user, with the packed package and others installed. */
export class Project implements AsyncDisposable {
  readonly folder: string;

  private constructor(folder: string) {
    this.folder = folder;
  }

  /** @param packages what is installed besides, as `npm install` takes it */
  static async make(
    packages: readonly string[],
    files: Readonly<Record<string, string>>,
  ): Promise<Project> {
    const project = new Project(await mkdtemp(join(packed.folder, "project-")));
    await project.write({ "package.json": `{ "private": true }\n`, ...files });
    const flags = ["--no-audit", "--no-fund", "--prefer-offline"];
    await project.npm("install", ...flags, packed.tarball, ...packages);
    return project;
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      const path = join(this.folder, name);
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text);
    }
  }

  npm(...args: string[]): Promise<string> {
    return this.run("npm", ...args);
  }

  /** Runs a program that an installed package has. */
  bin(name: string, ...args: string[]): Promise<string> {
    return this.run(join(this.folder, "node_modules", ".bin", name), ...args);
  }

  node(...args: string[]): Promise<string> {
    return this.run(process.execPath, ...args);
  }

  run(command: string, ...args: string[]): Promise<string> {
    return runOk(command, args, { cwd: this.folder, env: outerEnv() });
  }

  /** As `run`, whatever the exit status. */
  try(command: string, ...args: string[]): Promise<RunResult> {
    return run(command, args, { cwd: this.folder, env: outerEnv() });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}
