import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startRedis } from "../helpers/brokers/servers.js";
import { expectedOutput } from "../helpers/expected-output.js";
import { projectRoot } from "../helpers/project-root.js";
import { run } from "../helpers/run.js";

const program = "examples/shared-shop/main.ts";
const patience = 60_000;
const printed = expectedOutput(readFileSync(join(projectRoot, program), "utf8"));

const shop = (...args: string[]) => run(process.execPath, ["--import", "tsx", program, ...args]);

describeWith("redis-server")("a shop in three processes with one cache", () => {
  test(
    "reads nothing stale when Redis is killed, and prints what the program says",
    async () => {
      const { status, stdout } = await shop();
      expect(status).toBe(0);
      expect(stdout.trimEnd().split("\n")).toEqual(printed);
    },
    patience,
  );

  test(
    "uses a server that runs already, and leaves it alone",
    async () => {
      await using redis = await startRedis();
      const { status, stdout } = await shop("--url", `redis://${redis.host}:${redis.port}`);
      expect(status).toBe(0);
      expect(stdout).toContain("The server is not ours to kill: the outage is left out.\n");
      expect(stdout).toMatch(/stale reads: 0\n$/);
      expect(redis.running).toBe(true);
    },
    patience,
  );
});

test("shows how to use it", async () => {
  const { status, stdout, stderr } = await shop("nats");
  expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  expect(stderr).toMatch(/^Usage: npx tsx examples\/shared-shop\/main\.ts /);
});
