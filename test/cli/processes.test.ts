import { spawn } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Broker } from "../helpers/brokers/broker.js";
import { freePort } from "../helpers/brokers/broker.js";
import { Proxy } from "../helpers/brokers/proxy.js";
import { describeWith } from "../helpers/brokers/describe-with.js";
import { startNats, startRedis } from "../helpers/brokers/servers.js";
import { Built } from "../helpers/built.js";
import { nodeProgram, Program } from "./program.js";

let built: Built;
beforeAll(async () => {
  built = await Built.make();
  await writeFile(join(built.folder, "node.js"), nodeProgram);
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

const cli = (...args: string[]): Program => new Program(join(built.folder, "cli.js"), args);
const heartbeat = 600;
/** A node that is killed when it has answered an observer. */
const dies = -1;

const engines = [
  { kind: "redis", binary: "redis-server", start: () => startRedis({ password: "s3cret" }) },
  {
    kind: "nats",
    binary: "nats-server",
    start: () => startNats({ args: ["--user", "ann", "--pass", "s3cret"] }),
  },
] as const;

for (const { kind, binary, start } of engines) {
  describeWith(binary)(`over ${kind}`, () => {
    let broker: Broker;
    beforeAll(async () => {
      broker = await start();
    });
    afterAll(() => broker.stop());

    const user = kind === "redis" ? "" : "ann";
    const urlOf = ({ host, port }: { host: string; port: number }): string =>
      `${kind}://${user}:s3cret@${host}:${port}`;
    const connection = (at: { host: string; port: number } = broker): string[] => {
      const cache = ["--cache", "users", "--heartbeat", String(heartbeat)];
      return [`--${kind}`, urlOf(at), ...cache];
    };
    const node = async (name: string, partitions: number, writes: number): Promise<Program> => {
      // natsPubSub has user and password among its options, not in a URL.
      const url = kind === "redis" ? urlOf(broker) : `${broker.host}:${broker.port}`;
      const args = [kind, url, name, String(partitions), String(heartbeat), String(writes)];
      const program = new Program(join(built.folder, "node.js"), args);
      await program.prints("started");
      return program;
    };

    test("tail waits for nodes, shows what they write, and ends in order", async () => {
      await using tail = cli("tail", ...connection(), "--json", "--events", "inserted,updated");
      await tail.prints("no node has a stream of cache users in namespace nebulex now");
      await using a = await node("a", 4, 20);
      await using _b = await node("b", 4, 20);
      await tail.prints(/"node":"a"[^]*"node":"b"|"node":"b"[^]*"node":"a"/);
      const message = tail.messages.find(({ type }) => type === "inserted" || type === "updated");
      expect(message).toMatchObject({
        cache: "users",
        command: "put",
        target: { kind: "key", key: expect.stringMatching(/^key \d$/) },
        metadata: { partitions: 4, sequence: expect.any(Number) },
        value: { $map: [[{ $bigint: expect.any(String) }, { $date: 0 }]] },
      });
      expect(await a.end()).toBe(0);
      await tail.prints("node a left");
      expect(await tail.end("SIGINT")).toBe(0);
      expect(tail.stderr + tail.stdout).not.toContain("s3cret");
    });

    test("tail shows what was lost while it was cut off, so that nothing is missing", async () => {
      await using proxy = await Proxy.start(broker);
      await using tail = cli("tail", ...connection(proxy), "--json", "--partition", "0");
      await using _a = await node("a", 1, 5);
      // The first writes may precede its subscription.
      await tail.prints('"command":"put"');
      proxy.cut();
      await tail.prints("connected to");
      await tail.prints('"type":"gap"');
      const length = tail.lines.length;
      await tail.prints(new RegExp(`(?:.*\\n){${length + 20}}`));
      expect(await tail.end()).toBe(0);
      // Each sequence occurs once, as an event or in a gap.
      const covered: number[] = [];
      for (const message of tail.messages) {
        if (message["type"] === "gap") {
          for (let n = message["from"] as number; n <= (message["to"] as number); n++)
            covered.push(n);
        } else covered.push((message["metadata"] as { sequence: number }).sequence);
      }
      const [first] = covered;
      expect(covered).toEqual(covered.map((_, index) => (first as number) + index));
    });

    test("tail ends quietly when its output is closed", async () => {
      await using _a = await node("a", 1, 5);
      const child = spawn(
        process.execPath,
        [join(built.folder, "cli.js"), "tail", ...connection()],
        { stdio: ["ignore", "pipe", "pipe"] },
      );
      let stderr = "";
      child.stderr.setEncoding("utf8").on("data", (chunk: string) => (stderr += chunk));
      child.stdout.once("data", () => child.stdout.destroy());
      const status = await new Promise((resolve) => child.on("close", resolve));
      expect({ status, stderr }).toEqual({
        status: 0,
        stderr: expect.not.stringContaining("EPIPE"),
      });
    });

    test("doctor finds healthy nodes healthy", async () => {
      await using _a = await node("a", 4, 20);
      await using _b = await node("b", 4, 20);
      await using doctor = cli("doctor", ...connection(), "--json");
      await using text = cli("doctor", ...connection());
      expect(await doctor.status()).toBe(0);
      expect(JSON.parse(doctor.stdout)).toMatchObject({
        healthy: true,
        connected: true,
        broker: `${kind}://${broker.host}:${broker.port}`,
        nodes: [
          { node: "a", shape: { partitions: 4 }, silent: false, lost: { gaps: 0 } },
          { node: "b", epoch: expect.stringMatching(/./), waiting: expect.any(Number) },
        ],
        problems: [],
      });
      expect(await text.status()).toBe(0);
      expect(text.stdout).toMatch(/^shape +4 partitions, hash defaultHash, version 1: a, b$/m);
      expect(text.stdout).toMatch(/^a +\w+ +\S+ +\d+ ms ago +[-+]?\d+ ms/m);
      expect(text.stdout).toContain("All is well.");
    });

    test("doctor reports problems: no node, a node that dies", async () => {
      await using alone = cli("doctor", ...connection(), "--timeout", "300");
      expect(await alone.status()).toBe(1);
      expect(alone.stdout).toContain("PROBLEM  No node has a stream of cache users");
      await using _a = await node("a", 1, dies);
      await using doctor = cli("doctor", ...connection(), "--timeout", "2500", "--json");
      expect(await doctor.status()).toBe(1);
      const { problems } = JSON.parse(doctor.stdout) as { problems: { kind: string }[] };
      expect(problems.map((problem) => problem.kind)).toContain("silent");
    });

    test("doctor can't reach the broker, or is refused", async () => {
      const port = await freePort();
      await using nowhere = cli("doctor", ...connection({ host: "127.0.0.1", port }), "--json");
      expect(await nowhere.status()).toBe(2);
      expect(JSON.parse(nowhere.stdout)).toMatchObject({ problems: [{ kind: "unreachable" }] });
      const wrong = urlOf(broker).replace("s3cret", "wr0ng");
      await using refused = cli("doctor", `--${kind}`, wrong, "--cache", "users");
      expect(await refused.status()).toBe(2);
      expect(refused.stdout).toContain(`PROBLEM  can't use ${kind}://${broker.host}`);
      await using tail = cli("tail", `--${kind}`, wrong, "--cache", "users");
      expect(await tail.status()).toBe(2);
      for (const { stdout, stderr } of [nowhere, refused, tail])
        expect(stdout + stderr).not.toMatch(/s3cret|wr0ng/);
    });
  });
}

describe("a command line that is wrong", () => {
  test("ends with 2, the reason and a short usage", async () => {
    await using wrong = cli("tail", "redis://ann:s3cret@host", "--cache", "users");
    expect(await wrong.status()).toBe(2);
    expect(wrong.stdout).toBe("");
    expect(wrong.stderr).toMatch(
      /^nebulex-streams: unexpected argument 'redis:\/\/\*\*\*@host'.*\nUsage: .*\nTry: .*\n$/,
    );
  });
});
