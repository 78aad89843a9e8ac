import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { projectRoot } from "./project-root.js";

/** A program, and the arguments of Node.js to run it with. */
export interface Program {
  readonly path: string;
  readonly execArgv: readonly string[];
}

const tsx = ["--import", "tsx"];

function esbuild(...args: string[]): void {
  const program = join(projectRoot, "node_modules", ".bin", "esbuild");
  const common = ["--format=esm", "--target=node20", "--keep-names", "--log-level=warning"];
  execFileSync(program, [...args, ...common], { cwd: projectRoot });
}

const bundle = [
  "--bundle",
  "--packages=external",
  "--platform=node",
  '--define:packageVersionAtBuild="test"',
];

/**
 * A TypeScript program as one file of JavaScript, which starts in a fraction of the time that tsx
 * takes. It is compiled once in a run of the tests; outside of one, tsx runs it. It must not look
 * for files beside its modules.
 */
export function compiled(program: string): Program {
  const folder = process.env["NEBULEX_TEST_PROGRAMS"];
  if (folder === undefined) return { path: program, execArgv: tsx };
  const name = relative(projectRoot, program).replaceAll(/\W+/g, "-");
  const path = join(folder, `${name}.js`);
  if (!existsSync(path)) {
    // Another test file may be doing the same.
    const own = join(folder, `${name}.${process.pid}.js`);
    esbuild(program, ...bundle, `--outfile=${own}`);
    renameSync(own, path);
  }
  return { path, execArgv: [] };
}

/** JavaScript whose files are named as the TypeScript that it was compiled from. */
const loader = `
  export async function resolve(specifier, context, next) {
    const isOurs = specifier.startsWith(".") && context.parentURL?.endsWith(".ts");
    return next(isOurs ? specifier.replace(/\\.js$/, ".ts") : specifier, context);
  }
  export async function load(url, context, next) {
    return url.endsWith(".ts") ? next(url, { ...context, format: "module" }) : next(url, context);
  }`;
const registration = `
  import { register } from "node:module";
  register("./loader.mjs", import.meta.url);`;

/**
 * The arguments of Node.js that run a program of examples/, or of its subfolders, as `--import tsx`
 * and its path do, but it starts in half of the time: the examples and the package are compiled
 * once in a run of the tests. Processes and threads that it starts are programs of examples/, too.
 */
export function example(program: string): string[] {
  const folder = process.env["NEBULEX_TEST_PROGRAMS"];
  const path = relative(projectRoot, resolve(projectRoot, program));
  if (folder === undefined) return [...tsx, path];
  const home = join(folder, "examples");
  if (!existsSync(home)) {
    const own = `${home}.${process.pid}`;
    mkdirSync(own);
    // As a package refers to itself: by the exports of its package.json.
    const published = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as {
      readonly exports: Readonly<Record<string, unknown>>;
    };
    const paths = Object.keys(published.exports).filter((name) => !name.endsWith(".json"));
    const entries = paths.map((name) => (name === "." ? "index" : name.slice("./".length)));
    const exports = Object.fromEntries(
      paths.map((name, at) => [name, `./dist/${entries[at] as string}.js`]),
    );
    const manifest = { name: "nebulex-streams", type: "module", exports };
    writeFileSync(join(own, "package.json"), JSON.stringify(manifest));
    writeFileSync(join(own, "loader.mjs"), loader);
    writeFileSync(join(own, "register.mjs"), registration);
    const sources = entries.map((name) => `src/${name}.ts`);
    const thread = "thread-main=src/handler/threads/thread-main.ts";
    esbuild(...sources, thread, ...bundle, "--splitting", `--outdir=${join(own, "dist")}`);
    const out = join(own, "examples");
    esbuild("examples/**/*.ts", "--outbase=examples", "--out-extension:.js=.ts", `--outdir=${out}`);
    try {
      renameSync(own, home);
    } catch (error) {
      if (!existsSync(home)) throw error;
      rmSync(own, { recursive: true });
    }
  }
  return ["--import", join(home, "register.mjs"), join(home, path)];
}
