import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Built } from "../../helpers/built.js";
import { run } from "../../helpers/run.js";

let built: Built;
beforeAll(async () => {
  built = await Built.make();
  await writeFile(join(built.folder, "work.mjs"), work);
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

const work = `
import { existsSync, writeSync } from "node:fs";
const go = new URL(new URL(import.meta.url).searchParams.get("go"), import.meta.url);
export default {
  init: () => 0,
  handle: async (event, count) => {
    while (!existsSync(go)) await new Promise(setImmediate);
    writeSync(1, event.target.key + "\\n");
    return count + 1;
  },
  onGap: () => {},
  terminate: (reason, count) => void writeSync(1, reason + " after " + count + "\\n"),
};`;

const program = (name: string, keys: string[], end: string): string => `
import { writeFileSync } from "node:fs";
import { defineCache, startSupervisor, streamServer, whenIdle, workerPool } from "./index.js";
const cache = defineCache({ name: "jobs" });
const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    cache,
    streamServer({ cache }),
    workerPool({ cache, module: new URL("./work.mjs?go=${name}.go", import.meta.url) }),
  ],
});
for (const key of ${JSON.stringify(keys)}) cache.put(key, 1);
const go = () => writeFileSync(new URL("./${name}.go", import.meta.url), "");
${end}`;

const threads = `const threads = () => process.report.getReport().workers.length;`;

test.each([
  { what: "exits by itself when there was nothing to handle", keys: [], end: "go();", says: "" },
  { what: "exits by itself when all is handled", end: "setImmediate(go);", says: "a b c" },
  {
    what: "exits by itself with idle threads",
    end: "go(); await whenIdle(cache);",
    says: "a b c",
  },
  {
    what: "has no thread left after a stop",
    end: `${threads} console.log(threads()); go(); await tree.stop(); console.log(threads());`,
    says: "1 a b c shutdown after 3 0",
  },
  {
    what: "has no thread left after a kill",
    end: `${threads} await tree.ref.kill(); while (threads() > 0) await new Promise(setImmediate); console.log(threads());`,
    says: "0",
  },
])("a process with a worker pool $what", async ({ end, says, keys = ["a", "b", "c"] }) => {
  const name = `program-${says.length}-${end.length}`;
  const file = join(built.folder, `${name}.mjs`);
  await writeFile(file, program(name, keys, end));
  const { stdout, stderr, status } = await run(process.execPath, [file]);
  expect({ status, stderr, stdout: stdout.trimEnd().split("\n").join(" ") }).toEqual({
    status: 0,
    stderr: "",
    stdout: says,
  });
});
