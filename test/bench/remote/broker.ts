import { spawn } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** What the contestants send through. */
export type Engine = "redis" | "nats";

export interface RunningBroker {
  readonly port: number;
  stop(): void;
}

const commands: Readonly<Record<Engine, (port: number) => string>> = {
  redis: (port) => `redis-server --port ${port} --bind 127.0.0.1 --save '' --appendonly no`,
  // What JetStream stores goes with the folder.
  nats: (port) => `nats-server -a 127.0.0.1 -p ${port} --jetstream --store_dir "$FOLDER"`,
};

const patience = 10_000;

/** Starts a server of its own, which ends with this process. */
export async function startBroker(engine: Engine): Promise<RunningBroker> {
  const port = await freePort();
  const command = commands[engine](port);
  // Its input ends with this process.
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-bench-"));
  const script = `${command} >/dev/null 2>&1 & read -r _; kill -9 $!; wait; rm -rf -- "$FOLDER"`;
  const shell = spawn("sh", ["-c", script], {
    stdio: ["pipe", "ignore", "ignore"],
    env: {
      ...process.env,
      FOLDER: folder,
      PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/usr/local/sbin`,
    },
  });
  const end = Date.now() + patience;
  while (!(await accepts(port))) {
    if (Date.now() > end) throw new Error(`${engine}-server does not start: is it installed?`);
    await sleep(20);
  }
  return { port, stop: () => void shell.stdin.end() };
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    const end = (accepted: boolean): void => {
      socket.destroy();
      resolve(accepted);
    };
    socket.on("connect", () => end(true)).on("error", () => end(false));
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" ? (address?.port ?? 0) : 0));
    });
  });
}
