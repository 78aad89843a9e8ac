import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { projectRoot } from "../helpers/project-root.js";
import type { Runtime } from "../helpers/packed.mjs";
import type { RunResult } from "../helpers/run.js";
import { installing, packed, Project } from "./project.js";

const program = `
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

const users = defineCache({ name: "users" });
const seen = [];
const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    users,
    streamServer({ cache: users, partitions: 4 }),
    handlerPool({
      cache: users,
      handler: (event) => {
        seen.push([event.type, event.target.key, event.metadata.sequence]);
      },
    }),
  ],
});
users.put("ada", 1);
users.put("ada", 2);
users.delete("ada");
await whenIdle(users);
await tree.stop();
console.log(JSON.stringify(seen));
`;

const required = `
const { defaultHash, defineCache, startSupervisor, streamServer, whenIdle } = require("nebulex-streams");
require("nebulex-streams/actor");
require("nebulex-streams/testing");

async function main() {
  const event = { target: { kind: "key", key: "ada" }, metadata: { partitions: 4 } };
  let early;
  try {
    defaultHash(event);
  } catch (error) {
    early = error.code;
  }
  const users = defineCache({ name: "users" });
  const children = [users, streamServer({ cache: users, partitions: 4 })];
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  const seen = [];
  users.subscribe(({ metadata }) => void seen.push(metadata.partition), { partition: "all" });
  users.put("ada", 1);
  await whenIdle(users);
  await tree.stop();
  console.log(JSON.stringify({ early, same: seen[0] === defaultHash(event) }));
}
void main();
`;

const exportedNames = `
import * as main from "nebulex-streams";
import * as actor from "nebulex-streams/actor";
import * as testing from "nebulex-streams/testing";

const names = [main, actor, testing].map((entry) => Object.keys(entry).sort());
console.log(JSON.stringify({ node: process.version, names }));
`;

const withoutPeers = `
import { startSupervisor } from "nebulex-streams";
import { natsPubSub } from "nebulex-streams/nats";
import { redisPubSub } from "nebulex-streams/redis";

const url = "redis://localhost:1";
const pubsubs = [
  redisPubSub({ nodeName: "n", url }),
  redisPubSub({ nodeName: "n", url, sharded: true }),
  natsPubSub({ nodeName: "n", servers: "localhost:1" }),
];
for (const pubsub of pubsubs)
  await startSupervisor({ strategy: "one_for_one", children: [pubsub] }).catch(({ cause }) =>
    console.log(cause.reason, cause.message),
  );
`;

const typed = `
import { defineCache, streamServer, type CacheEntryEvent } from "nebulex-streams";
import { actor, startSupervisor, type Supervisor } from "nebulex-streams/actor";
import * as testing from "nebulex-streams/testing";

const cache = defineCache<string, number>({ name: "typed" });
const listed = actor<number, CacheEntryEvent<string, number>>({
  id: "counter",
  init: () => 0,
  receive: (count) => count + 1,
});
export const tree: Promise<Supervisor> = startSupervisor({
  strategy: "one_for_one",
  children: [cache, streamServer({ cache }), listed],
});
export const value: number | undefined = cache.get("key");
export { testing };
`;

let project: Project;
beforeAll(async () => {
  project = await Project.make([], {
    "package.json": `{ "private": true, "type": "module" }`,
    "program.mjs": program,
    "required.cjs": required,
    "names.mjs": exportedNames,
    "without-peers.mjs": withoutPeers,
    "typed.ts": typed,
  });
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

const runtimes: (Runtime & { name: string; version: unknown })[] = [
  { name: "this Node.js", version: process.version, program: process.execPath },
  {
    name: "Node.js 24",
    version: expect.stringMatching(/^v24\./),
    ...packed.runtimes["node-24"],
  },
];

// As in runtimes.test.ts: what can't be installed is left out, and fails with CI=true.
const present = runtimes.filter(
  ({ program }) => program !== undefined || process.env["CI"] === "true",
);

describe.each(present)("the packed tarball on $name", ({ version, program, missing }) => {
  const node = async (file: string): Promise<string> => {
    if (program === undefined) throw new Error(missing);
    return project.run(program, file);
  };

  test(
    "runs a cache, a stream and its handlers",
    async () => {
      expect(JSON.parse(await node("program.mjs"))).toEqual([
        ["inserted", "ada", 0],
        ["updated", "ada", 1],
        ["deleted", "ada", 2],
      ]);
    },
    installing,
  );

  test(
    "is loaded by require(), and hashes keys from the stream's start on",
    async () => {
      expect(JSON.parse(await node("required.cjs"))).toEqual({
        early: "E_HASH_NOT_READY",
        same: true,
      });
    },
    installing,
  );

  test(
    "exports the names that the sources export",
    async () => {
      // One after the other: Jest does not load modules that wait for something side by side.
      const entries: object[] = [await import("nebulex-streams")];
      entries.push(await import("nebulex-streams/actor"));
      entries.push(await import("nebulex-streams/testing"));
      const names = entries.map((entry) => Object.keys(entry).sort());
      expect(JSON.parse(await node("names.mjs"))).toEqual({ node: version, names });
    },
    installing,
  );

  test(
    "says at the start what a pubsub needs where that is not installed",
    async () => {
      const missing = (name: string): string =>
        `connect_failed pubsub n could not be started: the package ${name} is not installed: npm install ${name}`;
      expect((await node("without-peers.mjs")).trim().split("\n")).toEqual([
        missing("redis"),
        missing("redis"),
        missing("@nats-io/transport-node"),
      ]);
    },
    installing,
  );
});

describe("the packed program", () => {
  const program = (...args: string[]): Promise<RunResult> =>
    project.try(join(project.folder, "node_modules", ".bin", "nebulex-streams"), ...args);

  test("can be executed", async () => {
    const manifest = await readFile(join(projectRoot, "package.json"), "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    expect(await program("--version")).toEqual({ status: 0, stdout: `${version}\n`, stderr: "" });
    const file = join(project.folder, "node_modules", "nebulex-streams", "dist", "cli.js");
    expect((await stat(file)).mode & 0o111).toBe(0o111);
  });

  test.each([
    ["--redis", "redis://ann:s3cret@localhost", "redis"],
    ["--nats", "nats://ann:s3cret@localhost", "@nats-io/transport-node"],
  ])("says what %s needs where that is not installed", async (option, url, name) => {
    const { status, stdout, stderr } = await program("tail", option, url, "--cache", "users");
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: "",
      stderr: `nebulex-streams: option ${option} needs the package ${name}, which is not installed: npm install ${name}\n`,
    });
  });
});

test(
  "the packed types check in a strict project, without skipLibCheck",
  async () => {
    const nodeModules = join(projectRoot, "node_modules");
    const flags = ["--noEmit", "--strict", "--exactOptionalPropertyTypes", "--module", "nodenext"];
    const env = ["--target", "es2022", "--lib", "es2023,esnext.disposable", "--types", "node"];
    const roots = ["--typeRoots", join(nodeModules, "@types")];
    const tsc = join(nodeModules, "typescript", "bin", "tsc");
    expect(await project.node(tsc, ...flags, ...env, ...roots, "typed.ts")).toBe("");
  },
  installing,
);
