import { readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { projectRoot } from "../helpers/project-root.js";
import { run, runOk } from "../helpers/run.js";

const modules = join(projectRoot, "node_modules");
let folder: string;

/** How each framework runs a file of tests, beside those that it would find by itself. */
const frameworks = {
  Jest: {
    args: [
      "--experimental-vm-modules",
      join(modules, "jest", "bin", "jest.js"),
      "--no-cache",
      "--forceExit",
    ],
    filter: ["--runTestsByPath"],
    use: `import { expect, jest, test } from "@jest/globals";
const fake = () => void jest.useFakeTimers();`,
  },
  Vitest: {
    args: [join(modules, "vitest", "vitest.mjs"), "run"],
    filter: [],
    use: `import { expect, test, vi } from "vitest";
const toFake = ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "setImmediate", "clearImmediate", "Date", "performance", "queueMicrotask"];
const fake = () => void vi.useFakeTimers({ toFake });`,
  },
  "node:test": {
    args: ["--test", "--test-timeout=20000"],
    filter: [],
    use: `import assert from "node:assert/strict";
import { mock, test } from "node:test";
const expect = (value) => ({ toEqual: (other) => assert.deepEqual(value, other) });
const fake = () => mock.timers.enable();`,
  },
};

type Name = keyof typeof frameworks;
const names = Object.keys(frameworks) as Name[];
let files = 0;

/** Runs a file of tests; what it printed if it failed. */
async function failureOf(name: Name, source: string): Promise<string> {
  const { args, filter } = frameworks[name];
  const file = `run-${++files}.test.mjs`;
  await writeFile(join(folder, file), source);
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^(?:NODE_|JEST_|VITEST)/.test(key)),
  );
  const options = { cwd: folder, env };
  const { status, stdout, stderr } = await run(
    process.execPath,
    [...args, ...filter, file],
    options,
  );
  return status === 0 ? "" : `${stdout}\n${stderr}`;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "nebulex-streams-fakes-"));
  const own = join(folder, "node_modules", "nebulex-streams");
  await mkdir(own, { recursive: true });
  const esbuild = join(modules, ".bin", "esbuild");
  const options = ["--format=esm", "--target=es2022", "--log-level=warning"];
  await runOk(esbuild, ["src/**/*.ts", `--outdir=${join(own, "dist")}`, ...options]);
  await writeFile(join(own, "package.json"), readFileSync(join(projectRoot, "package.json")));
  await symlink(modules, join(own, "node_modules"));
  await symlink(join(modules, "vitest"), join(folder, "node_modules", "vitest"));
  await writeFile(join(folder, "package.json"), `{ "private": true, "type": "module" }`);
  await writeFile(
    join(folder, "jest.config.json"),
    `{ "testMatch": ["**/*.test.mjs"], "transform": {}, "injectGlobals": false }`,
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe.each(names)("%s", (name) => {
  const { use } = frameworks[name];

  test("the recipe of docs/testing.md", async () => {
    const docs = readFileSync(join(projectRoot, "docs", "testing.md"), "utf8");
    const recipe = docs.split(`\n**${name}**\n`)[1]?.match(/^```js\n(.*?)^```$/ms)?.[1] ?? "";
    expect(recipe).toContain("a session ends after half an hour");
    expect(await failureOf(name, recipe)).toBe("");
  });

  const working = `
    const cache = defineCache({ name: "users" });
    const children = [cache, streamServer({ cache }), handlerPool({ cache, handler: (e) => void seen.push(e.type) })];
    const seen = [];
    const tree = await startSupervisor({ strategy: "rest_for_one", children });`;
  const going = `
    const heard = [];
    // Timers of TTLs do not keep a process alive.
    const { port1, port2 } = new MessageChannel();
    port1.on("message", () => {});
    const ended = (async () => { for await (const { type } of cache.events()) if (heard.push(type) === 2) return; })();
    // It goes on by itself, a turn after the other, as one that has much to do.
    const counter = await spawn(tree.system, {
      init: () => 0,
      receive: (count, message, ctx) => {
        if (message !== "more") message.dispatch(count);
        else if (count < 3) ctx.self.dispatch("more");
        return count + 1;
      },
    });
    counter.dispatch("more");
    const count = await counter.query((replyTo) => replyTo, 5000);
    cache.put("ada", 1, { ttl: 5 });
    await ended;
    await whenIdle(cache);
    const late = await counter.query(() => "more", 20).catch((error) => error.code);
    await tree.stop();
    port1.close();
    expect([seen, heard, typeof count, late]).toEqual([["inserted", "expired"], ["inserted", "expired"], "number", "E_QUERY_TIMEOUT"]);`;
  const names = "defineCache, handlerPool, spawn, startSupervisor, streamServer, whenIdle";

  test("timers that are faked later change nothing: actors, TTLs, time-outs go on", async () => {
    const source = `${use}
import { ${names} } from "nebulex-streams";
test("works", async () => {${working}
    fake();${going}
});
test("starts", async () => {${working}${going}
});`;
    expect(await failureOf(name, source)).toBe("");
  });

  test("timers that are faked before", async () => {
    const before = `${use}
fake();
const { createSystem, ${names} } = await import("nebulex-streams");`;
    const source =
      name === "node:test"
        ? `${before}
test("throws at once", async () => {
  const codeOf = async (fn) => { try { await fn(); } catch ({ code, functions, message }) { return [code, functions, message.includes("node:test: not in apis")]; } };
  const expected = ["E_FAKE_TIMERS", ["setTimeout", "setInterval", "setImmediate"], true];
  expect(await codeOf(() => createSystem())).toEqual(expected);
  expect(await codeOf(() => startSupervisor({ strategy: "one_for_one", children: [] }))).toEqual(expected);
});`
        : `${before}
test("works", async () => {${working}${going}
});`;
    expect(await failureOf(name, source)).toBe("");
  });
});
