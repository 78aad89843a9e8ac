import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmdirSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { waitFor } from "nebulex-streams/testing";
import type { BrokerName } from "../helpers/brokers/binaries.mjs";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats, startRedis } from "../helpers/brokers/servers.js";
import { example } from "../helpers/compiled.js";
import { expectedOutput } from "../helpers/expected-output.js";
import { projectRoot } from "../helpers/project-root.js";
import { run } from "../helpers/run.js";

const program = "examples/near-cache/main.ts";
const patience = 60_000;

/** What it prints with Redis. */
const printed = expectedOutput(readFileSync(join(projectRoot, program), "utf8"));

const nearCache = (args: readonly string[], env: NodeJS.ProcessEnv = process.env) =>
  run(process.execPath, [...example(program), ...args], { env });

const engines = [
  { engine: "redis", server: "redis-server", start: startRedis, scheme: "redis:" },
  { engine: "nats", server: "nats-server", start: startNats, scheme: "nats:" },
] as const satisfies readonly { server: BrokerName; [name: string]: unknown }[];

for (const { engine, server, start, scheme } of engines) {
  describeWith(server)(`near caches over ${engine}`, () => {
    test(
      "stay true when the broker is killed, and print what the program says",
      async () => {
        const { status, stdout, stderr } = await nearCache([engine]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        const expected = printed.map((line) => line.replaceAll("redis-server", server));
        expect(stdout.trimEnd().split("\n")).toEqual(expected);
      },
      patience,
    );

    test(
      "use a broker that runs already, and leave it alone",
      async () => {
        await using broker = await start();
        const url = `${scheme}//${broker.host}:${broker.port}`;
        const { status, stdout, stderr } = await nearCache([engine, "--url", url]);
        expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
        expect(stdout).toContain("The broker is not ours to kill: the outage is left out.\n");
        expect(stdout).toMatch(/copies lost: 0\n(?:.*\n)*stale reads: 0\n$/);
        expect(broker.running).toBe(true);
      },
      patience,
    );
  });
}

// A terminal sends its Ctrl-C to the whole group of processes.
for (const { engine, server, how, signal, toGroup, status } of [
  { ...engines[0], how: "a Ctrl-C", signal: "SIGINT", toGroup: true, status: 130 },
  { ...engines[0], how: "a SIGKILL of main", signal: "SIGKILL", toGroup: false, status: null },
  { ...engines[1], how: "a SIGINT of main alone", signal: "SIGINT", toGroup: false, status: 130 },
] as const) {
  describeWith(server)(`the processes of near caches over ${engine}`, () => {
    test(
      `end, the broker included, with ${how}`,
      async () => {
        const main = spawn(process.execPath, [...example(program), engine], {
          cwd: projectRoot,
          detached: true,
          stdio: ["ignore", "pipe", "inherit"],
        });
        const pid = main.pid as number;
        try {
          await heardOf(main, "twice.");
          const nodes = await nodesOf(pid);
          expect(nodes).toHaveLength(3);
          const port = Number(/:(\d+) /.exec(nodes[0] ?? "")?.[1]);
          // The story kills its broker once, and starts it again.
          await waitFor(() => takesConnections(port), { timeout: 20_000 });
          const exited = once(main, "exit");
          process.kill(toGroup ? -pid : pid, signal);
          const [code] = (await exited) as [number | null];
          expect(code).toBe(status);
          await waitFor(async () => (await nodesOf(pid)).length === 0, { timeout: 10_000 });
          await waitFor(async () => !(await takesConnections(port)), { timeout: 10_000 });
        } finally {
          main.kill("SIGKILL");
        }
      },
      patience,
    );
  });
}

describe("the near-cache example", () => {
  test.each([{ args: ["toString"] }, { args: ["redis", "--port", "1"] }])(
    "shows how to use it, given $args",
    async ({ args }) => {
      const { status, stdout, stderr } = await nearCache(args);
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toMatch(/^Usage: npx tsx examples\/near-cache\/main\.ts /);
    },
  );

  test("says what to install where there is no server", async () => {
    const folder = mkdtempSync(join(tmpdir(), "near-cache-"));
    try {
      const { status, stdout, stderr } = await nearCache(["redis"], {
        ...process.env,
        PATH: folder,
      });
      expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
      expect(stderr).toBe(
        "redis-server is not installed: on Debian and Ubuntu, apt-get install redis-server; or give --url URL of one that runs\n",
      );
    } finally {
      rmdirSync(folder);
    }
  });
});

/** Settles when a program has printed a text; rejects when it has ended without. */
function heardOf(child: ChildProcess, text: string): Promise<void> {
  let output = "";
  return new Promise((resolve, reject) => {
    child.stdout?.setEncoding("utf8").on("data", (chunk: string) => {
      output += chunk;
      if (output.includes(text)) resolve();
    });
    child.once("close", () => reject(new Error(`ended without "${text}":\n${output}`)));
  });
}

/** The command lines of the three processes of a main one. */
async function nodesOf(pid: number): Promise<string[]> {
  const { stdout } = await promisify(execFile)("ps", ["-eo", "args"]);
  return stdout.split("\n").filter((line) => line.endsWith(` near-cache-${pid}`));
}

function takesConnections(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
