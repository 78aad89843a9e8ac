import { spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants, mkdtempSync } from "node:fs";
import { connect, createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";

const host = "127.0.0.1";
/** Milliseconds that it may take to start. */
const patience = 10_000;

/** The engines that examples run over. */
export type Engine = "redis" | "nats";

const servers = {
  redis: {
    program: "redis-server",
    // It keeps nothing on disk.
    args: (port: number) => [
      "--bind",
      host,
      "--port",
      `${port}`,
      "--save",
      "",
      "--appendonly",
      "no",
    ],
    url: (port: number) => `redis://${host}:${port}`,
  },
  nats: {
    program: "nats-server",
    // JetStream wants a folder, also where nothing is stored.
    args: (port: number, folder: string) => [
      "--addr",
      host,
      "--port",
      `${port}`,
      "--jetstream",
      "--store_dir",
      folder,
    ],
    url: (port: number) => `nats://${host}:${port}`,
  },
};

/** The server is not installed; the message says what to do. */
export class NotInstalledError extends Error {
  override readonly name = "NotInstalledError";
}

/** A broker of this example's own, on a free port of this machine. */
export class Broker {
  readonly program: string;
  readonly url: string;
  readonly #path: string;
  readonly #args: string[];
  readonly #port: number;
  readonly #folder: string;
  #kill: () => Promise<void> = () => Promise.resolve();

  private constructor(engine: Engine, path: string, port: number) {
    const { program, args, url } = servers[engine];
    this.program = program;
    this.url = url(port);
    this.#path = path;
    this.#folder = mkdtempSync(join(tmpdir(), "nebulex-streams-example-"));
    this.#args = args(port, this.#folder);
    this.#port = port;
  }

  /** @throws NotInstalledError */
  static async start(engine: Engine): Promise<Broker> {
    const broker = new Broker(engine, find(servers[engine].program), await freePort());
    await broker.restart();
    return broker;
  }

  /** Starts it, on the same port, and waits until it takes connections. */
  async restart(): Promise<void> {
    // The shell kills the server when its input ends: at `kill`, and also when this process is killed and can't do anything any more.
    // In a group of its own (detached), neither is reached by a Ctrl-C. What it has stored goes with it.
    const script = '"$@" & read -r _; kill -9 $!; wait; rm -rf -- "$FOLDER"';
    const shell = spawn("sh", ["-c", script, "sh", this.#path, ...this.#args], {
      cwd: tmpdir(),
      env: { ...process.env, FOLDER: this.#folder },
      detached: true,
      stdio: ["pipe", "ignore", "ignore"],
    });
    const exited = once(shell, "exit");
    this.#kill = async () => {
      shell.stdin.end();
      await exited;
    };
    for (const end = Date.now() + patience; !(await answers(this.#port)); await wait(20)) {
      if (Date.now() < end) continue;
      await this.kill();
      throw new Error(`${this.program} does not answer on port ${this.#port}`);
    }
  }

  /** Kills it (SIGKILL): it says goodbye to nobody. */
  kill(): Promise<void> {
    return this.#kill();
  }
}

function find(program: string): string {
  // Not everybody's PATH has what administrators start.
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/usr/local/sbin"];
  const path = folders.map((folder) => join(folder, program)).find(isExecutable);
  if (path !== undefined) return path;
  throw new NotInstalledError(
    `${program} is not installed: on Debian and Ubuntu, apt-get install ${program}; or give --url URL of one that runs`,
  );
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

function answers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}
