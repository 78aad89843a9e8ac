import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { waitFor } from "../../src/testing/wait-for.js";

/** A running program, and its output. To be disposed. */
export class Program implements AsyncDisposable {
  readonly process: ChildProcess;
  readonly #ended: Promise<unknown[]>;
  stdout = "";
  stderr = "";

  constructor(
    file: string,
    args: readonly string[],
    cwd?: string,
    stdin: "ignore" | "pipe" = "ignore",
  ) {
    this.process = spawn(process.execPath, [file, ...args], {
      stdio: [stdin, "pipe", "pipe"],
      ...(cwd === undefined ? {} : { cwd }),
    });
    const { stdout, stderr } = this.process;
    stdout?.setEncoding("utf8").on("data", (chunk: string) => (this.stdout += chunk));
    stderr?.setEncoding("utf8").on("data", (chunk: string) => (this.stderr += chunk));
    this.#ended = once(this.process, "close");
  }

  /** Writes a line to it, where its input is a pipe. */
  send(line: string): void {
    this.process.stdin?.write(`${line}\n`);
  }

  get lines(): string[] {
    return this.stdout.split("\n").slice(0, -1);
  }

  /** Its lines, parsed as JSON. */
  get messages(): Record<string, unknown>[] {
    return this.lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  /** Waits until it has printed something, on either stream. */
  async prints(text: string | RegExp, timeout = 20_000): Promise<void> {
    try {
      await waitFor(() => `${this.stdout}\n${this.stderr}`.match(text), { timeout });
    } catch (error) {
      throw new Error(`no ${String(text)} in:\n${this.stdout}\n${this.stderr}`, { cause: error });
    }
  }

  /** Its exit status, once it has ended. */
  async status(): Promise<number | null> {
    const [status] = await this.#ended;
    return status as number | null;
  }

  /** Sends a signal; returns the exit status. */
  end(signal: NodeJS.Signals = "SIGTERM"): Promise<number | null> {
    this.process.kill(signal);
    return this.status();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.end("SIGKILL");
  }
}

/**
 * A node as a program: it writes every `writes` milliseconds; below 0, it dies when asked its
 * state.
 */
export const nodeProgram = `
import { defineCache, startSupervisor, streamServer } from "./index.js";
import { unframe } from "./pubsub/frame.js";
import { busOf } from "./pubsub/types.js";

const [kind, url, nodeName, partitions, heartbeat, writes] = process.argv.slice(2);
const common = { nodeName, heartbeat: Number(heartbeat) };
const options = { user: "ann", pass: "s3cret" };
const pubsub = kind === "redis"
  ? (await import("./redis.js")).redisPubSub({ url, ...common })
  : (await import("./nats.js")).natsPubSub({ servers: url, options, ...common });
const cache = defineCache({ name: "users" });
const stream = streamServer({ cache, pubsub, include: ["value"], partitions: Number(partitions) });
const tree = await startSupervisor({ strategy: "rest_for_one", children: [pubsub, cache, stream] });
let n = 0;
const write = () => {
  cache.put("key " + (n % 7), new Map([[BigInt(n), new Date(0)]]));
  n++;
};
if (Number(writes) < 0) {
  const ask = 5;
  pubsub[busOf].listen("stream:users:users:nodes", (payload) => {
    if (unframe(payload, Infinity)[0] === ask) setTimeout(() => process.kill(process.pid, "SIGKILL"), 100);
  });
}
const timer = Number(writes) > 0 ? setInterval(write, Number(writes)) : undefined;
process.on("SIGTERM", () => {
  // Once the tree stops, a write would throw.
  clearInterval(timer);
  void tree.stop().then(() => process.exit(0));
});
console.log("started");
`;
