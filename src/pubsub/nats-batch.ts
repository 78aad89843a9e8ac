interface Waiter {
  /** What was published to, if it was that. */
  readonly subject: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** What was said to the server together and waits for its word together. @internal */
export class NatsBatch {
  #waiting: Waiter[] = [];

  add(subject: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ subject, resolve, reject }));
  }

  /** The server has taken all of it. */
  succeed(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** It can't be known to have. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** It takes nothing on this subject. */
  refuse(subject: string, error: Error): void {
    const refused = this.#waiting.filter((waiter) => waiter.subject === subject);
    if (refused.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.subject !== subject);
    for (const { reject } of refused) reject(error);
  }
}
