/** Lets one event pass while a number of others are written, whatever the speed of the machine. */
export class Pace {
  readonly #factor: number;
  readonly #written: () => number;
  readonly #waiting: (() => void)[] = [];
  #passed = 0;
  #over = false;

  constructor(factor: number, written: () => number) {
    this.#factor = factor;
    this.#written = written;
  }

  /** Resolves when there has been written enough for one more event. */
  async turn(): Promise<void> {
    while (!this.#over && this.#passed >= this.#written() / this.#factor)
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    this.#passed++;
  }

  /** To be called when something has been written. */
  advance(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  /** Nothing more is written: what is left may pass. */
  finish(): void {
    this.#over = true;
    this.advance();
  }
}
