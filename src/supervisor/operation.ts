import { interrupted } from "./interruption.js";

/**
 * A message that a supervisor sends itself: what it does, one at a time, in the order of arrival.
 *
 * @internal
 */
export class Operation {
  readonly #run: () => void | Promise<void>;

  constructor(run: () => void | Promise<void>) {
    this.#run = run;
  }

  /** Settles without an error when it was broken off: the supervisor is about to end. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (error !== interrupted) throw error;
    }
  }
}

/**
 * A caller that waits for an operation; the first of its outcome and the supervisor's end settles
 * it.
 *
 * @internal
 */
export class Request<T> {
  readonly promise: Promise<T>;
  readonly operation: Operation;
  #resolve!: (value: T) => void;
  #reject!: (error: Error) => void;

  constructor(serve: () => T | Promise<T>, done: (request: Request<T>) => void) {
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.operation = new Operation(async () => {
      try {
        this.#resolve(await serve());
      } catch (error) {
        if (error === interrupted) throw error;
        this.#reject(error as Error);
      } finally {
        done(this);
      }
    });
  }

  refuse(error: Error): void {
    this.#reject(error);
  }
}
