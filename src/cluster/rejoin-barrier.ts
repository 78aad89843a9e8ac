import type { Clock, TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";

/** The longest pause between two attempts to connect, and some more. */
const reconnecting: Milliseconds = 2500;

/**
 * Waits, when a connection is back, until the others are back, too: what is sent before that they
 * would not get. A node that speaks is there, and listens.
 *
 * @internal
 */
export class RejoinBarrier {
  readonly #clock: Clock;
  readonly #patience: Milliseconds;
  readonly #over: () => void;
  readonly #awaited = new Set<string>();
  #timer: TimerHandle;

  /** @param heartbeat how long it waits, at the least, for those that don't speak */
  constructor(clock: Clock, heartbeat: Milliseconds, over: () => void) {
    this.#clock = clock;
    this.#patience = Math.max(heartbeat, reconnecting);
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
