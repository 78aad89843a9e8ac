import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { build } from "esbuild";

interface Report {
  node: string;
  cpus: number;
  scenarios: {
    id: string;
    name: string;
    unit: string;
    ours: number;
    peers: Record<string, number>;
    ratios: Record<string, number>;
  }[];
}

const run = promisify(execFile);
const root = fileURLToPath(new URL("..", import.meta.url));
let directory: string;

/** Within the package, so that the peers are found; of the sources, so that no build has to be there. */
beforeAll(async () => {
  const cache = join(root, "node_modules", ".cache");
  await mkdir(cache, { recursive: true });
  directory = await mkdtemp(join(cache, "bench-"));
  await build({
    entryPoints: [join(root, "test/bench/run.ts")],
    outdir: directory,
    outExtension: { ".js": ".mjs" },
    bundle: true,
    splitting: true,
    packages: "external",
    alias: {
      "nebulex-streams": join(root, "src/index.ts"),
      "nebulex-streams/inspector": join(root, "src/inspector.ts"),
      "nebulex-streams/nats": join(root, "src/nats.ts"),
      "nebulex-streams/redis": join(root, "src/redis.ts"),
    },
    platform: "node",
    format: "esm",
    target: "node20",
  });
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const bench = (...args: string[]) =>
  run(process.execPath, [join(directory, "run.mjs"), ...args], { timeout: 30_000 });

test("the benchmark runs, prints a table and writes the figures", async () => {
  const json = join(directory, "figures.json");
  const tiny = ["--rounds", "1", "--scale", "0.001", "--entries", "1000", "--json", json];
  const { stdout } = await bench("--quick", "--only", "c,h,k", ...tiny);

  expect(stdout).toContain("(c) put -> handler, unpartitioned, in turns of 1,000");
  const report = JSON.parse(await readFile(json, "utf8")) as Report;
  expect(report).toMatchObject({ node: process.version, cpus: expect.any(Number) });
  expect(report.scenarios.map(({ id, name }) => `${id} ${name}`)).toEqual([
    "c unpartitioned, bursts",
    "c unpartitioned, with value, bursts",
    "c unpartitioned, turns",
    "c unpartitioned, with value, turns",
    "h p50",
    "h p99",
    "k concurrency 1",
    "k concurrency 16",
  ]);
  for (const { ours, peers, ratios } of report.scenarios) {
    expect(Object.keys(ratios)).toEqual(Object.keys(peers));
    for (const figure of [ours, ...Object.values(peers), ...Object.values(ratios)])
      expect(figure).toBeGreaterThan(0);
  }
  expect(Object.keys(report.scenarios[0]?.peers ?? {})).toEqual([
    "lru-cache + eventemitter3",
    "lru-cache + eventemitter3, equal event",
    "lru-cache + node EventEmitter",
    "lru-cache + rxjs",
    "lru-cache + emittery",
    "nact",
    "lru-cache + Effect PubSub",
    "keyv",
    "cacheable",
    "cacheable, memory only",
    "bentocache",
  ]);
});

const readPeers = ["lru-cache", "keyv", "cacheable, memory only", "bentocache", "node-cache"];
const tinyReads = ["--quick", "--rounds", "1", "--scale", "0.001"];

test("reads and fetches are measured; without its file, the trace is skipped", async () => {
  const json = join(directory, "reads.json");
  const { stdout } = await bench(...tinyReads, "--only", "p,r,s", "--json", json);

  expect(stdout).toContain("(s) a real trace: skipped, since --trace FILE was not given");
  const report = JSON.parse(await readFile(json, "utf8")) as Report;
  expect(new Set(report.scenarios.map(({ id }) => id))).toEqual(new Set(["p", "r"]));
  expect(Object.keys(report.scenarios[0]?.peers ?? {})).toEqual(readPeers);
});

test("bytes an entry are measured", async () => {
  const json = join(directory, "bytes.json");
  await bench(...tinyReads, "--only", "q", "--json", json);

  const report = JSON.parse(await readFile(json, "utf8")) as Report;
  expect(report.scenarios.map(({ id }) => id)).toEqual(["q", "q"]);
  expect(Object.keys(report.scenarios[0]?.peers ?? {})).toEqual(readPeers);
});

test("a trace is replayed", async () => {
  const file = join(directory, "trace.csv");
  await writeFile(file, "version,time,op,size,lbn\n1,0,2a,512,7\n1,1,28,512,7\n1,2,28,512,8\n");
  const { stdout } = await bench("--quick", "--only", "s", "--rounds", "1", "--trace", file);

  expect(stdout).toContain("lru-cache + eventemitter3");
});

test("a scenario that does not exist is named", async () => {
  await expect(bench("--only", "a,z")).rejects.toMatchObject({
    stderr: expect.stringContaining("no such scenario: z"),
  });
});
