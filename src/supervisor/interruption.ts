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
