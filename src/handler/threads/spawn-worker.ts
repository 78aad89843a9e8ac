import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";

/**
 * The program of a thread; undefined where a bundler has taken this module away from it.
 *
 * @internal
 */
export function findThreadMain(): URL | undefined {
  // Bundles in CommonJS have no URL of a module.
  const here = import.meta.url as string | undefined;
  if (here === undefined) return undefined;
  const file = new URL(`./thread-main${here.endsWith(".ts") ? ".ts" : ".js"}`, here);
  return existsSync(file) ? file : undefined;
}

/** Starts a thread. One of a process that runs with tsx can load TypeScript, too. @internal */
export function spawnWorker(options: WorkerOptions): Worker {
  const mainFile = findThreadMain() as URL;
  const tsx = findTsx(process.execArgv);
  if (tsx === undefined) return new Worker(mainFile, options);
  // In threads tsx does nothing unless it is asked to.
  const program = `import(${JSON.stringify(tsx)}).then(({ register }) => {
    register();
    return import(${JSON.stringify(mainFile.href)});
  });`;
  return new Worker(program, { ...options, eval: true });
}

/** The URL of tsx's interface, if the process runs with it. */
function findTsx(execArgv: readonly string[]): string | undefined {
  const loader = execArgv.find((argument) => /(?:^|[/=])tsx(?:$|\/)/.test(argument));
  if (loader === undefined) return undefined;
  const from = /file:.*/.exec(loader)?.[0] ?? join(process.cwd(), "package.json");
  try {
    const required = createRequire(from).resolve("tsx/esm/api");
    return pathToFileURL(required.replace(/\.cjs$/, ".mjs")).href;
  } catch {
    return undefined;
  }
}
