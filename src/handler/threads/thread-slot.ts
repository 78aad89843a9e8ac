import type { Thread } from "./thread.js";

/** The place of one thread of a pool: it outlives the thread, and whoever needs the next one waits here. @internal */
export class ThreadSlot {
  #thread: Thread | undefined;
  readonly #waiting = new Set<(thread: Thread) => void>();

  get thread(): Thread | undefined {
    return this.#thread;
  }

  fill(thread: Thread): void {
    this.#thread = thread;
    for (const resolve of this.#waiting) resolve(thread);
    this.#waiting.clear();
  }

  empty(thread: Thread): void {
    if (this.#thread === thread) this.#thread = undefined;
  }

  /** The thread that is up, or that will be. Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<Thread> {
    if (this.#thread !== undefined) return Promise.resolve(this.#thread);
    return new Promise((resolve, reject) => {
      const settle = (thread: Thread): void => {
        signal.removeEventListener("abort", abort);
        resolve(thread);
      };
      const abort = (): void => {
        this.#waiting.delete(settle);
        reject(signal.reason as Error);
      };
      if (signal.aborted) abort();
      else signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(settle);
    });
  }
}
