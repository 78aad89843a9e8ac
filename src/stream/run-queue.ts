/** Runs what was scheduled in a later turn of the event loop, all of it in one. @internal */
export class RunQueue {
  #queue: (() => void)[] = [];
  #scheduled = false;

  /** `run` must not throw. */
  schedule(run: () => void): void {
    this.#queue.push(run);
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#runAll);
  }

  readonly #runAll = (): void => {
    this.#scheduled = false;
    const queue = this.#queue;
    this.#queue = [];
    for (const run of queue) run();
  };
}
