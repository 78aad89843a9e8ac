import { mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { installing, packed, Project } from "./project.js";
import { printedByTs, ts } from "./programs.js";

let project: Project;
/** Where a bundle is all there is. */
let alone: string;
beforeAll(async () => {
  project = await Project.make(["esbuild@0.28", "redis@6", "@nats-io/transport-node@3"], {
    "main.ts": ts,
    "core.ts": ts
      .replace(/^import .*nebulex-streams\/(?:nats|redis)";$/gm, "")
      .replace(/^const brokers.*$/m, "const brokers = [() => 0, () => 0];"),
    "both.js": `import { OptionError } from "nebulex-streams";
      console.log(require("nebulex-streams").OptionError === OptionError);`,
    "threads.js": `import { defineCache, workerPool } from "nebulex-streams";
      try {
        workerPool({ cache: defineCache({ name: "users" }), module: "file:///handler.mjs" });
      } catch (error) {
        console.log(error.name, error.message);
      }`,
  });
  alone = await mkdtemp(join(packed.folder, "alone-"));
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

async function bundle(file: string, format: string, ...options: string[]): Promise<string> {
  const outfile = join(alone, `${file}.${format === "esm" ? "mjs" : "cjs"}`);
  const target = ["--bundle", "--platform=node", `--format=${format}`, `--outfile=${outfile}`];
  // Warnings are faults, too.
  const printed = await project.try(
    "node_modules/.bin/esbuild",
    file,
    ...target,
    "--log-level=warning",
    ...options,
  );
  expect(printed).toEqual({ status: 0, stdout: "", stderr: "" });
  return project.node(outfile);
}

test.each(["cjs", "esm"])("a bundle to %s runs without node_modules", async (format) => {
  expect(JSON.parse(await bundle("core.ts", format))).toEqual(printedByTs);
});

test.each(["cjs", "esm"])("a bundle to %s with the brokers' packages outside", async (format) => {
  const outside = ["--external:redis", "--external:@nats-io/transport-node"];
  expect(JSON.parse(await bundle("main.ts", format, ...outside))).toEqual(printedByTs);
});

test("a bundle to cjs with the brokers' packages in it", async () => {
  expect(JSON.parse(await bundle("main.ts", "cjs"))).toEqual(printedByTs);
});

test("a bundle has one copy, whether it is imported or required", async () => {
  expect(await bundle("both.js", "cjs")).toBe("true\n");
  expect(await bundle("both.js", "esm")).toBe("true\n");
});

test.each(["cjs", "esm"])("threads are refused in a bundle to %s", async (format) => {
  expect(await bundle("threads.js", format)).toMatch(
    /^OptionError workerPool can't start threads from a bundle: .* --external:nebulex-streams/,
  );
});
