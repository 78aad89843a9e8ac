import type { Module } from "./modules.js";

/** Lowest first; a name with ".ts" is a file of src itself, any other a folder of it. */
const layers: readonly string[] = [
  "package-copy.ts",
  "errors",
  "errors.ts",
  "options.ts",
  "callbacks.ts",
  "timers.ts",
  "clock.ts",
  "event",
  "log",
  "telemetry",
  "actor",
  "supervisor",
  "log-to.ts",
  "cache",
  "pubsub",
  "journal",
  "cluster",
  "store",
  "stream",
  "group",
  "handler",
  "invalidator",
  "inspector",
  "testing",
  "actor.ts",
  "inspector.ts",
  "keyv.ts",
  "redis.ts",
  "nats.ts",
  "testing.ts",
  "index.ts",
  "cli",
  "cli.ts",
];

const maxLines = 450;

const machinePath = /(?<![\w.@-])\/(?:home|root|Users|tmp|opt|mnt|srv|work)\/|\b[A-Z]:\\/;
const host = /\bhttps?:\/\/(?<name>[\w.-]+)/g;
const citedHosts: ReadonlySet<string> = new Set();

/** The page's source: it runs in a browser, and is none of the package's modules. */
const pageFolder = "inspector-page/";
/** What the page may import beside its own files: what needs no Node.js. */
const sharedWithPage = ["protocol.ts", "snapshot.ts", "update.ts"].map(
  (name) => `inspector/${name}`,
);

/** The modules of the package, and those of the inspector's page. */
export function partsOf(all: readonly Module[]): { package: Module[]; page: Module[] } {
  const isPage = ({ path }: Module): boolean => path.startsWith(pageFolder);
  return { package: all.filter((module) => !isPage(module)), page: all.filter(isPage) };
}

/** Imports of the page from files that may need Node.js, types aside. */
export function pageFaults(page: readonly Module[]): string[] {
  return page.flatMap(({ path, loads }) =>
    loads
      .filter((file) => !file.startsWith(pageFolder) && !sharedWithPage.includes(file))
      .map((file) => `${path} imports ${file}, which is not for browsers`),
  );
}

/** Each import that points to a layer above its own, and each file that is in no layer. */
export function layerFaults(modules: readonly Module[]): string[] {
  return modules.flatMap((module) => {
    const own = layerOf(module.path);
    if (own === -1) return [`${module.path} is in no layer`];
    return module.files
      .filter((file) => layerOf(file) > own)
      .map((file) => `${module.path} imports ${file}, which is in a layer above it`);
  });
}

function layerOf(path: string): number {
  const [first = ""] = path.split("/");
  return layers.indexOf(first);
}

/** Imports of source files that do not exist. */
export function missingFiles(modules: readonly Module[]): string[] {
  const known = new Set(modules.map(({ path }) => path));
  return modules.flatMap(({ path, files }) =>
    files.filter((file) => !known.has(file)).map((file) => `${path} imports ${file}: no such file`),
  );
}

/** One cycle of what is loaded at run time, as `a -> b -> a`; none: undefined. */
export function findCycle(modules: readonly Module[]): string | undefined {
  const imports = new Map(modules.map(({ path, loads }) => [path, loads]));
  const finished = new Set<string>();
  const trail: string[] = [];

  const visit = (path: string): string | undefined => {
    if (finished.has(path)) return undefined;
    const start = trail.indexOf(path);
    if (start !== -1) return [...trail.slice(start), path].join(" -> ");
    trail.push(path);
    for (const file of imports.get(path) ?? []) {
      const cycle = visit(file);
      if (cycle !== undefined) return cycle;
    }
    trail.pop();
    finished.add(path);
    return undefined;
  };

  for (const path of imports.keys()) {
    const cycle = visit(path);
    if (cycle !== undefined) return cycle;
  }
  return undefined;
}

/**
 * Groups of files that import each other in a circle, types included. Two files of one folder may: they are one
 * concept. Tarjan, "Depth-First Search and Linear Graph Algorithms", 1972.
 */
export function typeCircles(modules: readonly Module[]): string[] {
  const imports = new Map(modules.map(({ path, files }) => [path, files]));
  const visits = new Map<string, { index: number; low: number; onStack: boolean }>();
  const stack: string[] = [];
  const circles: string[][] = [];

  const visit = (path: string): { index: number; low: number; onStack: boolean } => {
    const own = { index: visits.size, low: visits.size, onStack: true };
    visits.set(path, own);
    stack.push(path);
    for (const file of imports.get(path) ?? []) {
      if (!imports.has(file)) continue;
      const known = visits.get(file);
      if (known === undefined) own.low = Math.min(own.low, visit(file).low);
      else if (known.onStack) own.low = Math.min(own.low, known.index);
    }
    if (own.low === own.index) {
      const circle = stack.splice(stack.indexOf(path));
      for (const file of circle) visits.set(file, { ...own, onStack: false });
      circles.push(circle.sort());
    }
    return own;
  };

  for (const path of imports.keys()) if (!visits.has(path)) visit(path);
  return circles
    .filter((circle) => circle.length > 2 || new Set(circle.map(folderOf)).size > 1)
    .map((circle) => circle.join(", "))
    .sort();
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/") + 1);
}

/** What a file imports, types included, and all that those import in turn; itself too. */
export function reachableFrom(entry: string, modules: readonly Module[]): ReadonlySet<string> {
  const files = new Map(modules.map((module) => [module.path, module.files]));
  const reached = new Set([entry]);
  for (const path of reached) for (const file of files.get(path) ?? []) reached.add(file);
  return reached;
}

/** Which files import each third-party package. */
export function importersByPackage(modules: readonly Module[]): Record<string, string[]> {
  const importers: Record<string, string[]> = {};
  for (const { path, packages } of modules) {
    for (const name of packages) (importers[name] ??= []).push(path);
  }
  return importers;
}

/** Uses of global timers, clocks and random numbers, which only `timers.ts` may refer to. */
export function timeFaults(modules: readonly Module[]): string[] {
  return modules
    .filter(({ path }) => path !== "timers.ts")
    .flatMap(({ path, timeGlobals }) =>
      timeGlobals.map((name) => `${path} uses ${name} in place of what timers.ts has`),
    );
}

/** `export *` and `export * as`, files too long, and words that name a machine or a host. */
export function habitFaults(modules: readonly Module[]): string[] {
  return modules.flatMap(({ path, source, exportsEverything }) => {
    const faults: string[] = [];
    if (exportsEverything) faults.push(`${path} has an "export *"`);
    const lines = source.trimEnd().split("\n");
    if (lines.length > maxLines) faults.push(`${path} has ${lines.length} lines, > ${maxLines}`);
    for (const [index, line] of lines.entries()) {
      if (machinePath.test(line)) faults.push(`${path}:${index + 1} names a path of a machine`);
      for (const match of line.matchAll(host)) {
        const name = match.groups?.["name"] ?? "";
        if (!citedHosts.has(name)) faults.push(`${path}:${index + 1} names the host ${name}`);
      }
    }
    return faults;
  });
}
