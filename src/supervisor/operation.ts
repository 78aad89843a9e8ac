/** What a wait rejects with when it is broken off. @internal */
export const interrupted = new Error("interrupted");

/**
 * Breaks off what a supervisor waits for, once and for good. It waits for one thing at a time, so
 * only the wait in hand is held: a race against one lasting promise would keep every wait of its
 * life.
 *
 * @internal
 */
export class Interruption {
  #raised = false;
  #breakOff: (() => void) | undefined;

  get raised(): boolean {
    return this.#raised;
  }

  raise(): void {
    this.#raised = true;
    this.#breakOff?.();
  }

  /** @throws {@link interrupted} when raised */
  check(): void {
    if (this.#raised) throw interrupted;
  }

  /**
   * As the promise, or rejects with {@link interrupted}; what the promise does after that is
   * nobody's concern.
   */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#breakOff = undefined;
      };
      if (this.#raised) reject(interrupted);
      else
        this.#breakOff = () => {
          settle();
          reject(interrupted);
        };
      promise.then(
        (value) => {
          settle();
          resolve(value);
        },
        (error: Error) => {
          settle();
          reject(error);
        },
      );
    });
  }
}

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
