import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Runtime } from "../helpers/packed.mjs";
import { installing, packed, Project } from "./project.js";
import { cjs, esm, printed } from "./programs.js";

const threads = (load: string): string => `${load}
const users = defineCache({ name: "users" });
const children = [
  users,
  streamServer({ cache: users, partitions: 2 }),
  workerPool({ cache: users, module: require("node:url").pathToFileURL("handler.mjs"), workers: 1 }),
];
void startSupervisor({ strategy: "rest_for_one", children }).then(async (tree) => {
  users.put("ada", 1);
  await whenIdle(users);
  await tree.stop();
});
`;

let project: Project;
beforeAll(async () => {
  project = await Project.make([], {
    "main.mjs": esm,
    "main.cjs": cjs,
    "handler.mjs": `import { OptionError } from "nebulex-streams";
      export default ({ type, target }) => console.log(type, target.key, typeof OptionError);`,
    "threads.cjs": threads(
      `const { defineCache, startSupervisor, streamServer, whenIdle, workerPool } = require("nebulex-streams");`,
    ),
    // As loaders do that can't require ES modules.
    "threads-of-bundle.cjs": threads(
      `const { defineCache, startSupervisor, streamServer, whenIdle, workerPool } = require("./node_modules/nebulex-streams/dist/index.cjs");`,
    ),
    "missing.cjs": `const { startSupervisor } = require("nebulex-streams");
      const { natsPubSub } = require("nebulex-streams/nats");
      const { redisPubSub } = require("nebulex-streams/redis");
      const url = "redis://localhost:1";
      const pubsubs = [
        redisPubSub({ nodeName: "n", url }),
        redisPubSub({ nodeName: "n", url, sharded: true }),
        natsPubSub({ nodeName: "n", servers: "localhost:1" }),
      ];
      void (async () => {
        for (const pubsub of pubsubs)
          await startSupervisor({ strategy: "one_for_one", children: [pubsub] }).catch(({ cause }) =>
            console.log(cause.reason + ": " + cause.message),
          );
      })();`,
  });
}, installing);
afterAll(() => project[Symbol.asyncDispose]());

const runtimes = Object.entries<Runtime>({
  "this Node.js": { program: process.execPath },
  ...packed.runtimes,
});

// Those that can't be installed are named before the first test; with CI=true their tests fail.
const present = runtimes.filter(
  ([, { program }]) => program !== undefined || process.env["CI"] === "true",
);

describe.each(present)("%s", (name, { program, missing }) => {
  const execute = async (file: string): Promise<string[]> => {
    if (program === undefined) throw new Error(missing);
    const args = name === "deno" ? ["run", "--allow-all", file] : [file];
    return (await project.run(program, ...args)).trim().split("\n");
  };

  test("import", async () => {
    const [line = ""] = await execute("main.mjs");
    expect(JSON.parse(line)).toEqual({ ...printed, oneCopy: true });
  });

  test("require()", async () => {
    const [line = ""] = await execute("main.cjs");
    expect(JSON.parse(line)).toEqual(printed);
  });

  test("worker threads", async () => {
    expect(await execute("threads.cjs")).toEqual(["inserted ada function"]);
    expect(await execute("threads-of-bundle.cjs")).toEqual(["inserted ada function"]);
  });

  test("a broker's package that is missing is named at the start", async () => {
    const say = (name: string): string =>
      `connect_failed: pubsub n could not be started: the package ${name} is not installed: npm install ${name}`;
    const names = ["redis", "redis", "@nats-io/transport-node"];
    expect(await execute("missing.cjs")).toEqual(names.map(say));
  });
});
