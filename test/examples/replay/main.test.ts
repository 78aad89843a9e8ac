import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, test } from "@jest/globals";
import type { Request } from "../../../examples/replay/request.js";
import { example } from "../../helpers/compiled.js";
import { run } from "../../helpers/run.js";
import { traceFolder } from "./helpers.js";
import { lruModel } from "./lru-model.js";

const folder = traceFolder();
afterAll(() => folder.remove());

const program = "examples/replay/main.ts";
const replayMain = (...args: string[]) => run(process.execPath, [...example(program), ...args]);

/** The JSON result of a replay that must succeed. */
async function replayJson(...args: string[]): Promise<Record<string, unknown>> {
  const { status, stdout, stderr } = await replayMain("--json", ...args);
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatch(/^\{.*\}\n$/);
  return JSON.parse(stdout) as Record<string, unknown>;
}

/** What must be the same with crashes and without. */
function comparable(result: Record<string, unknown>) {
  const varying = ["restarts", "seconds", "eventsPerSecond", "trace"];
  return Object.fromEntries(Object.entries(result).filter(([field]) => !varying.includes(field)));
}

// Keys that come again soon and late, so that there are hits, updates and evictions.
const requests = Array.from({ length: 6_000 }, (_, index): Request => {
  const key = index % 3 === 0 ? (index * 31) % 900 : (index * index) % 97;
  return { op: index % 5 < 3 ? "read" : "write", key };
});
const csv = requests
  .map(({ op, key }) => `1,5633898,${op === "read" ? "28" : "2a"},512,${key}\n`)
  .join("");

describe("a replay to JSON", () => {
  test.each([
    [200, 4],
    [200, 1],
    [0, 4],
  ])("gives what a model of an LRU cache gives: %i entries, %i partitions", async (max, parts) => {
    const trace = folder.write(`model-${max}-${parts}.csv`, `version,time,op,size,lbn\n${csv}`);
    const flags = ["--trace", trace, "--max-entries", `${max}`, "--partitions", `${parts}`];
    const result = await replayJson(...flags);
    const expected = lruModel(requests, max);
    expect(result).toEqual({
      trace,
      ...expected,
      lost: 0,
      outOfOrder: 0,
      restarts: 0,
      partitions: expect.any(Array),
      seconds: expect.any(Number),
      eventsPerSecond: expect.any(Number),
    });
    const partitions = result["partitions"] as number[];
    expect(partitions).toHaveLength(parts);
    expect(partitions.every((handled) => handled > 0)).toBe(true);
    expect(partitions.reduce((sum, handled) => sum + handled, 0)).toBe(expected.handled);
  });

  test("gives the same with crashes, but for the restarts", async () => {
    const flags = ["--trace", folder.write("chaos.csv.gz", gzipSync(csv)), "--max-entries", "200"];
    const [calm, chaotic] = await Promise.all([
      replayJson(...flags),
      replayJson(...flags, "--chaos", "7"),
    ]);
    expect(calm["restarts"]).toBe(0);
    expect(chaotic["restarts"]).toBe(7);
    expect(comparable(chaotic)).toEqual(comparable(calm));
  });

  test("crashes again and again at the only event of a trace", async () => {
    const trace = folder.write("one.lis", "5 1 0 0\n");
    expect(await replayJson("--trace", trace, "--chaos", "20")).toMatchObject({
      requests: 1,
      handled: 1,
      restarts: 20,
    });
  });

  test("plays the operations and TTLs of a Twitter trace", async () => {
    const lines = ["set,3600", "get,0", "delete,0", "get,0", "delete,0", "delete,0", "incr,0"];
    const content = lines.map((line, index) => `${index},key,3,10,1,${line}\n`).join("");
    const trace = folder.write("small.twitter", content);
    expect(await replayJson("--trace", trace)).toMatchObject({
      requests: 7,
      hits: 1,
      misses: 1,
      events: { inserted: 3, updated: 0, deleted: 2, expired: 0, evicted: 0 },
      handled: 5,
    });
  });

  test("plays an ARC trace", async () => {
    const trace = folder.write("small.lis", "100 50 0 1\n125 50 0 2\n");
    expect(await replayJson("--trace", trace)).toMatchObject({
      requests: 100,
      hits: 25,
      misses: 75,
      handled: 75,
    });
  });
});

describe("a replay without a trace", () => {
  test("plays the generated workload, the same each time, and shows tables", async () => {
    const [shown, result] = await Promise.all([replayMain("--chaos", "3"), replayJson()]);
    expect({ status: shown.status, stderr: shown.stderr }).toEqual({ status: 0, stderr: "" });
    const cells = new Map(
      shown.stdout
        .split("\n")
        .map((line) => line.split("│").map((cell) => cell.trim()))
        .map(([, name = "", value = ""]) => [name, value]),
    );
    const {
      requests: played,
      handled,
      events,
    } = result as {
      requests: number;
      handled: number;
      events: Record<string, number>;
    };
    expect(played).toBe(200_000);
    expect(result["trace"]).toBeNull();
    expect(cells.get("requests")).toBe("200,000");
    expect(cells.get("events handled")).toBe(handled.toLocaleString("en-US"));
    expect(cells.get("handler restarts")).toBe("3");
    for (const [type, count] of Object.entries(events)) {
      expect([type, cells.get(type)]).toEqual([type, count.toLocaleString("en-US")]);
    }
  });
});

describe("a replay that can't be is refused with a message, status 2 and no stack trace", () => {
  test.each([
    [["--partitions", "0"], 'option --partitions: expected an integer from 1 to 1024, got "0"'],
    [["--nonsense"], "unknown option '--nonsense'"],
    [["--trace", join(folder.path, "missing")], `${join(folder.path, "missing")}: no such file`],
  ])("%j", async (flags, reason) => {
    expect(await replayMain("--json", ...flags)).toEqual({
      status: 2,
      stdout: "",
      stderr: `replay: ${reason}\n`,
    });
  });

  test("a malformed line far behind the start", async () => {
    const trace = folder.write("late.csv", `${csv}oops\n`);
    expect(await replayMain("--json", "--trace", trace)).toEqual({
      status: 2,
      stdout: "",
      stderr: `replay: ${trace}:6001: expected version,time,op,size,lbn, got "oops"\n`,
    });
  });
});

test("--help prints the usage", async () => {
  const { status, stdout, stderr } = await replayMain("--help");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toContain("Usage: npm start -- [options]");
});

test("a lost event is reported, and the exit status is 1", async () => {
  const preload = ["--import", "tsx", "--import", "./test/examples/replay/lose-an-event.ts"];
  const flags = ["--json", "--trace", folder.write("lost.csv", csv)];
  const { status, stdout } = await run(process.execPath, [...preload, program, ...flags]);
  const { handled } = lruModel(requests, 0);
  expect({ status, result: JSON.parse(stdout) }).toMatchObject({
    status: 1,
    result: { handled: handled - 1, lost: 1, outOfOrder: 0 },
  });
});

test("an interrupt stops the tree in order", async () => {
  const endless = folder.write("endless.lis", `0 ${2 ** 52} 0 0\n`);
  const preload = ["--import", "tsx", "--import", "./test/examples/replay/interrupt.ts"];
  const flags = ["--trace", endless, "--max-entries", "100"];
  const interrupted = await run(process.execPath, [...preload, program, ...flags]);
  expect(interrupted).toEqual({
    status: 130,
    stdout: "",
    stderr: "listener unregistered\nreplay: interrupted\n",
  });
});
