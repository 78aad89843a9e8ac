import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "@jest/globals";
import { waitFor } from "nebulex-streams/testing";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { example } from "../helpers/compiled.js";
import { expectedOutput } from "../helpers/expected-output.js";
import { projectRoot } from "../helpers/project-root.js";
import { run } from "../helpers/run.js";

const program = "examples/order-mailer/main.ts";
const patience = 180_000;

/** What it prints with Redis. */
const printed = expectedOutput(readFileSync(join(projectRoot, program), "utf8"));

for (const [engine, server] of [
  ["redis", "redis-server"],
  ["nats", "nats-server"],
] as const) {
  describeWith(server)(`the order mailer over ${engine}`, () => {
    test(
      "sends each mail once, and prints what the program says",
      async () => {
        const { status, stdout, stderr } = await run(process.execPath, [
          ...example(program),
          engine,
        ]);
        expect({ status, stderr: withoutDelays(stderr) }).toEqual({ status: 0, stderr: "" });
        const expected = printed.map((line) => line.replaceAll("redis-server", server));
        expect(stdout.trimEnd().split("\n")).toEqual(expected);
      },
      patience,
    );
  });
}

describeWith("redis-server")("the processes of the order mailer", () => {
  test(
    "end with a SIGKILL of the main one, those that stand still included",
    async () => {
      const main = spawn(process.execPath, example(program), {
        cwd: projectRoot,
        stdio: ["ignore", "pipe", "inherit"],
      });
      try {
        const output = collect(main);
        await waitFor(() => output.text.includes("(SIGSTOP)"), { timeout: patience });
        const exited = once(main, "exit");
        main.kill("SIGKILL");
        await exited;
        expect(main.signalCode).toBe("SIGKILL");
        const left = async (): Promise<number> => {
          const { stdout } = await run("ps", ["-eo", "args"]);
          return stdout.split("\n").filter((line) => line.endsWith(` order-mailer-${main.pid}`))
            .length;
        };
        await waitFor(async () => (await left()) === 0, { timeout: 30_000 });
      } finally {
        main.kill("SIGKILL");
      }
    },
    patience,
  );
});

describe("the order mailer", () => {
  test("shows how to use it", async () => {
    const { status, stdout, stderr } = await run(process.execPath, [...example(program), "kafka"]);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
    expect(stderr).toMatch(/^Usage: npx tsx examples\/order-mailer\/main\.ts /);
  });
});

/** On a busy machine, a process may need more than a heartbeat to connect; it warns of that. */
function withoutDelays(stderr: string): string {
  const delay =
    /^\(node:\d+\) NebulexWarning: .*\njournal \w+: no connection yet, it is tried again\n(?:\(Use .*\n)?/gm;
  return stderr.replaceAll(delay, "");
}

function collect(child: ChildProcess): { text: string } {
  const output = { text: "" };
  child.stdout?.setEncoding("utf8").on("data", (chunk: string) => (output.text += chunk));
  return output;
}
