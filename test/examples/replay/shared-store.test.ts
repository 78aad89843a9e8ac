import { mkdtempSync, rmdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "@jest/globals";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import { example } from "../../helpers/compiled.js";
import { run } from "../../helpers/run.js";
import { traceFolder } from "./helpers.js";

const folder = traceFolder();
afterAll(() => folder.remove());

const replayShared = (args: readonly string[], env: NodeJS.ProcessEnv = process.env) =>
  run(
    process.execPath,
    [...example("examples/replay/main.ts"), "--store", "redis", "--json", ...args],
    { env },
  );

// Keys that come again soon and late, so that several processes write the same ones.
const lines = Array.from({ length: 9_000 }, (_, index) => {
  const key = index % 3 === 0 ? (index * 31) % 900 : (index * index) % 97;
  return `1,5633898,${index % 5 < 3 ? "28" : "2a"},512,${key}\n`;
});

describeWith("redis-server")("a replay of three processes on one cache in Redis", () => {
  test("handles each event once and in order, with handlers that crash", async () => {
    const trace = folder.write("shared.csv", `version,time,op,size,lbn\n${lines.join("")}`);
    const { status, stdout, stderr } = await replayShared(["--trace", trace, "--chaos", "5"]);
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    const result = JSON.parse(stdout) as Record<string, number> & {
      readonly events: Record<string, number>;
      readonly partitions: readonly number[];
    };
    expect(result).toMatchObject({
      requests: 9_000,
      lost: 0,
      outOfOrder: 0,
      restarts: 5,
      processes: 3,
    });
    const { inserted = 0, updated = 0, deleted = 0, expired = 0, evicted = 0 } = result.events;
    // Reads that miss put; the others of the requests are writes.
    const writes = 9_000 - (result["hits"] as number);
    expect(inserted + updated).toBe(writes);
    expect(result["handled"]).toBe(inserted + updated + deleted + expired + evicted);
    expect(result["entries"]).toBe(inserted - deleted - expired - evicted);
    expect(result.partitions).toHaveLength(4);
  }, 60_000);
});

describe("a replay over Redis", () => {
  test("says what to install where there is no server", async () => {
    const path = mkdtempSync(join(tmpdir(), "replay-"));
    try {
      const { status, stdout, stderr } = await replayShared([], { ...process.env, PATH: path });
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toBe(
        "replay: redis-server is not installed: on Debian and Ubuntu, apt-get install redis-server; or give --url URL of one that runs\n",
      );
    } finally {
      rmdirSync(path);
    }
  });
});
