/** The rejection of a wait that is interrupted. @internal */
export const interrupted = new Error("interrupted");

/**
 * Interrupts what a supervisor waits for, once and for good. A supervisor waits for one thing at a
 * time, so that only the current wait is kept: a race against one lasting promise would keep every
 * wait of the supervisor's life.
 *
 * @internal
 */
export class Interruption {
  #raised = false;
  #interrupt: (() => void) | undefined;

  get raised(): boolean {
    return this.#raised;
  }

  raise(): void {
    this.#raised = true;
    this.#interrupt?.();
  }

  /** @throws {@link interrupted} when raised */
  check(): void {
    if (this.#raised) throw interrupted;
  }

  /**
   * Settles as the promise, or rejects with {@link interrupted}; the promise is ignored after that.
   */
  wait<T>(promise: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#interrupt = undefined;
      };
      if (this.#raised) reject(interrupted);
      else
        this.#interrupt = () => {
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
 * A message that a supervisor sends itself: an operation to run, one at a time, in the order of
 * arrival.
 *
 * @internal
 */
export class Operation {
  readonly #run: () => void | Promise<void>;

  constructor(run: () => void | Promise<void>) {
    this.#run = run;
  }

  /** Settles without an error when it was interrupted: the supervisor is about to end. */
  async run(): Promise<void> {
    try {
      await this.#run();
    } catch (error) {
      if (error !== interrupted) throw error;
    }
  }
}

/**
 * A caller's request: settled by the operation's outcome or the supervisor's end, whichever comes
 * first.
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
