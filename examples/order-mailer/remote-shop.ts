import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Engine } from "../shared/broker.js";
import { answerCalls, type Call, callsTo } from "../shared/calls.js";
import type { Main } from "./node.js";
import type { MailServer, Shop } from "./shop.js";

/** Milliseconds that a process may take to end. */
const patience = 8000;

/** How its processes find the engine, and each other. */
export interface Place {
  readonly engine: Engine;
  readonly url: string;
  /** Keeps other programs on that engine apart. */
  readonly namespace: string;
}

/** One of the three processes, as the main one sees it. */
export class RemoteShop {
  readonly name: string;
  readonly call: Call<Pick<Shop, keyof Shop>>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;

  constructor(name: string, place: Place, mails: MailServer) {
    this.name = name;
    const program = fileURLToPath(new URL("node.ts", import.meta.url));
    this.#child = fork(program, [place.engine, place.url, name, place.namespace]);
    this.call = callsTo(this.#child);
    this.#ready = new Promise((resolve, reject) => {
      const own: Main = {
        ready: resolve,
        send: (mail) => mails.send(mail),
        mayMiss: (node) => mails.mayMiss(node),
      };
      answerCalls(this.#child, own);
      this.#child.once("error", reject);
      this.#child.once("exit", () => reject(new Error(`${name} ended before it was ready`)));
    });
    // Whoever waits for it is told; if nobody does, since another one failed first, that is all right.
    this.#ready.catch(() => {});
  }

  /** Settles when it is up. */
  ready(): Promise<void> {
    return this.#ready;
  }

  /** SIGSTOP: it stands still, and does not know it. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }

  /** SIGCONT. */
  continue(): void {
    this.#child.kill("SIGCONT");
  }

  /** SIGKILL: it says goodbye to nobody. */
  async kill(): Promise<void> {
    if (this.#hasEnded) return;
    const exited = once(this.#child, "exit");
    this.#child.kill("SIGKILL");
    await exited;
  }

  /** Has it end in order; kills it if that takes too long. */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const exited = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patience);
    // While it stops, it finishes the mails that it has in hand.
    await this.call("stop").catch(() => {});
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode, pid } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }
}
