import type { Clock, TimerHandle } from "../../clock.js";
import type { Milliseconds } from "../../options.js";

/**
 * Waits, when a connection is back, until the others are back, too: what is sent before that they would not get. A node that speaks is there, and
 * listens.
 *
 * @internal
 */
export class Reunion {
  readonly #clock: Clock;
  readonly #patience: Milliseconds;
  readonly #over: () => void;
  readonly #awaited = new Set<string>();
  #timer: TimerHandle;

  /** @param patience how long it waits for those that don't speak */
  constructor(clock: Clock, patience: Milliseconds, over: () => void) {
    this.#clock = clock;
    this.#patience = patience;
    this.#over = over;
  }

  begin(nodes: Iterable<string>): void {
    this.cancel();
    for (const node of nodes) this.#awaited.add(node);
    if (this.#awaited.size === 0) this.#over();
    else this.#timer = this.#clock.setTimeout(() => this.#end(), this.#patience);
  }

  heard(node: string): void {
    if (this.#awaited.delete(node) && this.#awaited.size === 0) this.#end();
  }

  cancel(): void {
    this.#awaited.clear();
    this.#clock.clearTimeout(this.#timer);
  }

  #end(): void {
    this.cancel();
    this.#over();
  }
}
