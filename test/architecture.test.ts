import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import {
  findCycle,
  habitFaults,
  importersByPackage,
  layerFaults,
  missingFiles,
  pageFaults,
  partsOf,
  reachableFrom,
  timeFaults,
  typeCircles,
} from "./helpers/architecture.js";
import { parseModule, readModules } from "./helpers/modules.js";
import { projectRoot } from "./helpers/project-root.js";

interface Manifest {
  dependencies: Record<string, string>;
  peerDependencies: Record<string, string>;
}

const { package: modules, page } = partsOf(readModules(join(projectRoot, "src")));
const manifest = JSON.parse(readFileSync(join(projectRoot, "package.json"), "utf8")) as Manifest;
// A Keyv is given by the user: what it has to have is a type of this package.
const peers = Object.keys(manifest.peerDependencies).filter((name) => name !== "keyv");
const dependencies = [...Object.keys(manifest.dependencies), ...peers];

describe("the source files", () => {
  test("import only files that exist", () => {
    expect(missingFiles(modules)).toEqual([]);
  });

  test("import only from their own layer and those below", () => {
    expect(layerFaults(modules)).toEqual([]);
  });

  test("have no import cycle", () => {
    expect(findCycle(modules)).toBeUndefined();
  });

  test("have no circle of imports, types included, but for pairs within a folder", () => {
    expect(typeCircles(modules)).toEqual([]);
  });

  test("import no package but the dependencies", () => {
    const packages = Object.entries(importersByPackage(modules));
    expect(packages.filter(([name]) => !dependencies.includes(name))).toEqual([]);
  });

  test.each(dependencies)("import %s in exactly one file", (name) => {
    const importers = importersByPackage(modules)[name] ?? [];
    expect({ name, importers }).toEqual({ name, importers: [expect.any(String)] });
  });

  test.each(["index.ts", "actor.ts", "inspector.ts", "testing.ts"])(
    "of %s load none of the peers",
    (entry) => {
      const reached = reachableFrom(entry, modules);
      const loaded = modules.filter(({ path }) => reached.has(path)).flatMap((m) => m.packages);
      expect(loaded.filter((name) => peers.includes(name))).toEqual([]);
    },
  );

  test("take time and random numbers from timers.ts, which no test framework can fake", () => {
    expect(timeFaults(modules)).toEqual([]);
  });

  test("keep the habits: named exports, short files, no word of a machine or a host", () => {
    expect(habitFaults(modules)).toEqual([]);
  });
});

describe("the inspector's page", () => {
  test("imports nothing of the package but what runs in a browser", () => {
    expect(pageFaults(page)).toEqual([]);
    const shared = new Set(page.flatMap(({ loads }) => loads));
    const files = modules.filter(({ path }) => shared.has(path));
    expect(files.flatMap(({ loads, packages }) => [...loads, ...packages])).toEqual(
      expect.not.arrayContaining([expect.not.stringMatching(/^inspector\//)]),
    );
  });

  test("names no other host", () => {
    expect(habitFaults(page)).toEqual([]);
  });
});

test("the lock file names no registry", () => {
  const lock = readFileSync(join(projectRoot, "package-lock.json"), "utf8");
  expect(lock).not.toContain('"resolved"');
});

describe("the checks themselves", () => {
  test("see every kind of import", () => {
    const { files, packages } = parseModule(
      "cache/a.ts",
      `import { x } from "./b.js";
       import type { Y } from "../errors.js";
       import * as fs from "node:fs";
       import { LRUCache } from "lru-cache";
       import "@scope/name/deep/file.js";
       export { z } from "../event/c.js";
       export type T = import("./d.js").T;
       const later = await import("./e.js");
       const old = require("nact");
       const worker = new Worker(new URL("./f.js", import.meta.url));
       const notImports = ["./g.js", new URL("https://h.example/i.js")];`,
    );
    expect(files).toEqual([
      "cache/b.ts",
      "errors.ts",
      "event/c.ts",
      "cache/d.ts",
      "cache/e.ts",
      "cache/f.ts",
    ]);
    expect(packages).toEqual(["lru-cache", "@scope/name", "nact"]);
  });

  test("name the file and the import that points upward", () => {
    const upward = [
      parseModule("event/a.ts", `import type { C } from "../cache/c.js";`),
      parseModule("errors.ts", `import { o } from "./options.js";`),
      parseModule("cache/c.ts", `import { a } from "../event/a.js";`),
      parseModule("utils/u.ts", ""),
    ];
    expect(layerFaults(upward)).toEqual([
      "event/a.ts imports cache/c.ts, which is in a layer above it",
      "errors.ts imports options.ts, which is in a layer above it",
      "utils/u.ts is in no layer",
    ]);
  });

  test("name a cycle of what is loaded at run time", () => {
    const circle = [
      parseModule("actor/x.ts", `import "./a.js";`),
      parseModule("actor/a.ts", `import { b } from "./b.js";`),
      parseModule("actor/b.ts", `import { type C } from "./c.js";`),
      parseModule("actor/c.ts", `export { a } from "./a.js";`),
    ];
    expect(findCycle(circle)).toBe("actor/a.ts -> actor/b.ts -> actor/c.ts -> actor/a.ts");
    const typesOnly = parseModule("actor/c.ts", `import type { A } from "./a.js";`);
    expect(findCycle([...circle.slice(0, 3), typesOnly])).toBeUndefined();
  });

  test("name circles of types: between folders, and of more than two files", () => {
    const files = [
      parseModule("actor/a.ts", `import type { B } from "./b.js";`),
      parseModule("actor/b.ts", `import type { C } from "./c.js";`),
      parseModule("actor/c.ts", `import type { A } from "./a.js"; import "./alone.js";`),
      parseModule("actor/alone.ts", `import type { B } from "../event/b.js";`),
      parseModule("event/b.ts", `import type { A } from "./a.js";`),
      parseModule("event/a.ts", `import type { B } from "./b.js";`),
      parseModule("cache/a.ts", `import type { B } from "./adapters/b.js";`),
      parseModule("cache/adapters/b.ts", `import type { A } from "../a.js";`),
    ];
    expect(typeCircles(files)).toEqual([
      "actor/a.ts, actor/b.ts, actor/c.ts",
      "cache/a.ts, cache/adapters/b.ts",
    ]);
  });

  test("name a second importer of a package, and a missing file", () => {
    const both = [
      parseModule("actor/a.ts", `import { start } from "nact";`),
      parseModule("cache/b.ts", `import type { Ref } from "nact"; import "./gone.js";`),
    ];
    expect(importersByPackage(both)).toEqual({ nact: ["actor/a.ts", "cache/b.ts"] });
    expect(missingFiles(both)).toEqual(["cache/b.ts imports cache/gone.ts: no such file"]);
  });

  test("name what takes timers, clocks or random numbers from elsewhere", () => {
    const broken = [
      parseModule(
        "cache/a.ts",
        `clock.setTimeout(f, 1); a.clearTimeout(t); setTimeout(f, Date.now());`,
      ),
      parseModule(
        "cache/b.ts",
        `import { sleep } from "node:timers/promises"; new Promise(setImmediate);`,
      ),
      parseModule(
        "cache/c.ts",
        `import { setTimeout } from "../timers.js"; setTimeout(f, g.now());`,
      ),
      parseModule("cache/d.ts", `const o = { setTimeout, random: Math.random, at: new Date() };`),
      parseModule("cache/e.ts", `const t = () => performance.now(); globalThis.setInterval(t, 1);`),
      parseModule("cache/f.ts", `interface A { setTimeout(): void } type B = A["setTimeout"];`),
      parseModule("timers.ts", `export const now = Date.now;`),
    ];
    expect(timeFaults(broken).map((fault) => fault.split(" in ")[0])).toEqual([
      "cache/a.ts uses setTimeout",
      "cache/a.ts uses Date.now",
      "cache/b.ts uses node:timers/promises",
      "cache/b.ts uses setImmediate",
      "cache/d.ts uses setTimeout",
      "cache/d.ts uses Math.random",
      "cache/d.ts uses new Date()",
      "cache/e.ts uses performance",
      "cache/e.ts uses globalThis.setInterval",
    ]);
  });

  test("name broken habits", () => {
    const broken = [
      parseModule("index.ts", `export * from "./a.js";`),
      parseModule("testing.ts", `export * as all from "./a.js";`),
      parseModule("cache/long.ts", "\n".repeat(500) + "const x = 1;"),
      parseModule("cache/path.ts", `\nconst path = "${["", "home", "me"].join("/")}/x";`),
      parseModule("cache/host.ts", `const url = "https:${"//"}registry.example/x";`),
      parseModule("cache/fine.ts", `import { r } from "../job/root/home/tmp.js";`),
    ];
    expect(habitFaults(broken)).toEqual([
      'index.ts has an "export *"',
      'testing.ts has an "export *"',
      "cache/long.ts has 501 lines, > 450",
      "cache/path.ts:2 names a path of a machine",
      "cache/host.ts:1 names the host registry.example",
    ]);
  });
});
