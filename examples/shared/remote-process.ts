import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { answerCalls, type Api, type Call, callsTo } from "./calls.js";

/** Milliseconds that a process may take to end. */
const patience = 8000;

/** A process that this one has started; both call each other's functions. */
export class RemoteProcess<Theirs extends Api<Theirs>> {
  readonly name: string;
  readonly call: Call<Theirs>;
  readonly #child: ChildProcess;
  readonly #ready: Promise<void>;

  /**
   * @param program the module that it runs
   * @param own functions that it may call; it calls `ready` when it is up
   */
  constructor(name: string, program: URL, args: readonly string[], own: object) {
    this.name = name;
    this.#child = fork(fileURLToPath(program), args);
    this.call = callsTo<Theirs>(this.#child);
    this.#ready = new Promise((resolve, reject) => {
      answerCalls(this.#child, { ...own, ready: resolve });
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

  /** Settles when it has ended. */
  async exited(): Promise<void> {
    if (!this.#hasEnded) await once(this.#child, "exit");
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

  /**
   * Has it end in order: asks it to `stop`, if it knows how, and closes the channel to it. Kills it
   * if that takes too long.
   */
  async stop(): Promise<void> {
    if (this.#hasEnded) return;
    const exited = once(this.#child, "exit");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), patience);
    // While it stops, it finishes what it has in hand.
    await (this.call as Call<{ stop(): unknown }>)("stop").catch(() => {});
    if (this.#child.connected) this.#child.disconnect();
    await exited;
    clearTimeout(timer);
  }

  get #hasEnded(): boolean {
    const { exitCode, signalCode, pid } = this.#child;
    return pid === undefined || exitCode !== null || signalCode !== null;
  }
}
