import { queueMicrotask } from "../timers.js";

/** Where a command writes, and what ends it. @internal */
export interface Output {
  /** Writes results: text with its line ends. */
  write(text: string): void;
  /** Shows the user one line that is no result. */
  say(line: string): void;
  /** Settles when what was written has been taken by its reader, or by the system. */
  drained?(): Promise<void>;
  /** The size of the terminal that results go to; undefined: they go elsewhere. */
  readonly size?: { readonly columns: number; readonly rows: number } | undefined;
  /** Asks the user; undefined: nobody can be asked. Rejects when the signal is aborted. */
  readonly ask?: ((question: string) => Promise<string>) | undefined;
  /** Aborted when the user interrupts, or the results have no reader any more. */
  readonly signal: AbortSignal;
}

/** Writes all lines of a turn at once. @internal */
export class Lines {
  readonly #output: Output;
  #waiting = "";

  constructor(output: Output) {
    this.#output = output;
  }

  add(line: string): void {
    if (this.#waiting === "") queueMicrotask(() => this.flush());
    this.#waiting += `${line}\n`;
  }

  flush(): void {
    const text = this.#waiting;
    this.#waiting = "";
    if (text !== "") this.#output.write(text);
  }
}

/** Settles when a signal is aborted. @internal */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
