import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { answerCalls, type Call, callsTo } from "../shared/calls.js";
import type { Member, Positions, Reading, State } from "./member.js";
import type { Main } from "./node.js";
import type { Engine } from "../shared/broker.js";
import type { MemorySource } from "./source.js";

/** Milliseconds that a process may take to end. */
const patience = 5000;

/** How its processes find the broker, and each other. */
export interface Place {
  readonly engine: Engine;
  readonly url: string;
  /** Keeps other programs on that broker apart. */
  readonly namespace: string;
}

/** One of the three processes, as the main one sees it. */
export class RemoteNode {
  readonly name: string;
  /** Reads that gave less than the source had when they began. */
  stale = 0;
  readonly #source: MemorySource;
  readonly #child: ChildProcess;
  readonly #call: Call<Pick<Member, keyof Member>>;
  readonly #ready: Promise<void>;

  constructor(name: string, place: Place, source: MemorySource) {
    this.name = name;
    this.#source = source;
    const program = fileURLToPath(new URL("node.ts", import.meta.url));
    this.#child = fork(program, [place.engine, place.url, name, place.namespace]);
    this.#call = callsTo(this.#child);
    this.#ready = new Promise((resolve, reject) => {
      const own: Main = {
        ready: resolve,
        read: (key) => source.read(key),
        rename: (key, userName) => source.rename(key, userName),
      };
      answerCalls(this.#child, own);
      this.#child.once("error", reject);
      this.#child.once("exit", () => reject(new Error(`${name} ended before it was ready`)));
    });
    // Whoever waits for it is told; if nobody does, since another one failed first, that is all right.
    this.#ready.catch(() => {});
  }

  /** Settles when its cache and its stream are up. */
  ready(): Promise<void> {
    return this.#ready;
  }

  async read(key: string, times = 1): Promise<Reading> {
    const { version } = this.#source.now(key);
    const reading = await this.#call("read", key, times);
    if (reading.version < version) this.stale++;
    return reading;
  }

  rename(key: string, name: string): Promise<void> {
    return this.#call("rename", key, name);
  }

  position(): Promise<number> {
    return this.#call("position");
  }

  caughtUp(positions: Positions): Promise<void> {
    return this.#call("caughtUp", positions);
  }

  state(): Promise<State> {
    return this.#call("state");
  }

  /** Has it end in order; kills it if that takes too long. */
  async stop(): Promise<void> {
    const { exitCode, signalCode } = this.#child;
    if (this.#child.pid === undefined || exitCode !== null || signalCode !== null) return;
    const exited = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patience);
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }
}
