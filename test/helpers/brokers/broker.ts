import { randomInt } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { connect, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { type BrokerName, findBinary, instruction } from "./binaries.mjs";
import { Child } from "./process.js";

/** How to run a server. */
export interface BrokerKind {
  readonly binary: BrokerName;
  args(port: number, folder: string): string[];
  /** What to send, and what the answer begins with once the server is up. */
  readonly greeting: { say: string; hear: RegExp; tls?: { cert: string; key: string } | undefined };
}

const patience = 15_000;

/** A server of its own on a free port of the loopback interface, which keeps nothing. To be disposed. */
export class Broker implements AsyncDisposable {
  readonly host = "127.0.0.1";
  readonly port: number;
  readonly #kind: BrokerKind;
  /** Where it has its files. */
  readonly folder: string;
  #child: Child | undefined;

  private constructor(kind: BrokerKind, port: number, folder: string) {
    this.#kind = kind;
    this.port = port;
    this.folder = folder;
  }

  static async start(kind: BrokerKind, port?: number): Promise<Broker> {
    const folder = await mkdtemp(join(tmpdir(), "nebulex-streams-broker-"));
    const broker = new Broker(kind, port ?? (await freePort()), folder);
    try {
      await broker.restart();
    } catch (error) {
      await broker.stop();
      throw error;
    }
    return broker;
  }

  get running(): boolean {
    return this.#child?.running === true;
  }

  /** Starts it on the same port, if it isn't running, and waits until it answers. */
  async restart(): Promise<void> {
    if (this.running) return;
    const { binary, args } = this.#kind;
    const path = findBinary(binary);
    if (path === undefined) throw new Error(instruction([binary]));
    const child = new Child(path, args(this.port, this.folder), this.folder);
    this.#child = child;
    const end = Date.now() + patience;
    while (!(await this.#answers())) {
      if (!child.running) throw new Error(`${binary} ended at once:\n${child.output}`);
      if (Date.now() > end) throw new Error(`${binary} does not answer:\n${child.output}`);
      await sleep(20);
    }
  }

  /** A connection to it. */
  dial(onConnect: () => void): Socket {
    const { host, port } = this;
    const { tls } = this.#kind.greeting;
    return tls === undefined
      ? connect({ host, port }, onConnect)
      : connectTls({ host, port, rejectUnauthorized: false, ...tls }, onConnect);
  }

  /** SIGHUP: it reads its configuration again. */
  reload(): void {
    this.#child?.signal("SIGHUP");
  }

  /** SIGKILL. */
  async kill(): Promise<void> {
    await this.#child?.kill();
  }

  /** SIGSTOP: connections stay. Settles when it has stopped: from then on nothing is answered. */
  async freeze(): Promise<void> {
    this.#child?.signal("SIGSTOP");
    while (this.running && this.#child?.stopped === false) await sleep(1);
  }

  /** SIGCONT. */
  thaw(): void {
    this.#child?.signal("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  #answers(): Promise<boolean> {
    const { say, hear } = this.#kind.greeting;
    return new Promise((resolve) => {
      const socket = this.dial(() => socket.write(say));
      const end = (answered: boolean): void => {
        socket.destroy();
        resolve(answered);
      };
      socket.setTimeout(1000, () => end(false));
      socket.on("error", () => end(false)).on("close", () => end(false));
      socket.on("data", (data) => end(hear.test(data.toString("latin1"))));
    });
  }
}

// Operating systems take the ports of outgoing connections from above these. One of those can be
// taken by any connection while the server that it was meant for is down.
const ports = { from: 10_000, to: 32_767 };

/** A port of the loopback interface that nobody listens on. */
export async function freePort(): Promise<number> {
  let port: number;
  do port = randomInt(ports.from, ports.to + 1);
  while (!(await isFree(port)));
  return port;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const server = createServer().on("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
