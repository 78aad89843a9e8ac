import { execFile } from "node:child_process";
import { promisify } from "node:util";
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { type Result, resultOf, type Rounds, type Scenario, type Settings } from "../scenario.js";

const run = promisify(execFile);
const modules = {
  ours: "nebulex-streams",
  bentocache: "bentocache",
  cacheable: "cacheable",
  "Effect PubSub": "effect",
  "lru-cache": "lru-cache",
  rxjs: "rxjs",
};

/** Milliseconds until a module is imported, in a process of its own. */
async function importTime(module: string): Promise<number> {
  const code = `const start = performance.now();
    await import(process.argv[1]);
    console.log(performance.now() - start);`;
  const args = ["--input-type=module", "--eval", code, import.meta.resolve(module)];
  const { stdout } = await run(process.execPath, args);
  return Number(stdout);
}

async function imports({ rounds }: Settings): Promise<Rounds> {
  const taken = new Map<string, number[]>(Object.keys(modules).map((name) => [name, []]));
  // The first round loads the files into the system's cache.
  for (let round = -1; round < rounds; round++)
    for (const [name, module] of Object.entries(modules)) {
      const time = await importTime(module);
      if (round >= 0) taken.get(name)?.push(time);
    }
  return taken;
}

async function treeStarts({ rounds, warmups }: Settings): Promise<Rounds> {
  const taken: number[] = [];
  for (let round = -warmups; round < rounds; round++) {
    const cache = defineCache<string, number>({
      name: `startup-${round}`,
      adapter: localAdapter({ maxEntries: 10_000 }),
    });
    const start = performance.now();
    const tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        cache,
        streamServer({ cache, partitions: 4 }),
        handlerPool({ cache, handler: () => {} }),
      ],
    });
    if (round >= 0) taken.push(performance.now() - start);
    await tree.stop();
  }
  return new Map([["ours", taken]]);
}

/** (t): how long a program waits before its cache is there. */
export const startup: Scenario = {
  id: "t",
  title: "import and start",
  about:
    "import of the built package in a new process; start of a cache, a stream of 4 partitions and a pool",
  async run(settings) {
    const results: Result[] = [
      resultOf("t", "import", "ms", "lower", await imports(settings)),
      resultOf("t", "start of a tree", "ms", "lower", await treeStarts(settings)),
    ];
    return results;
  },
};
