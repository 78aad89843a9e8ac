import type { Clock, TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";

/**
 * Is called when the broker can't be reached any more, and when it can be again; the latter may be
 * repeated. Neither may throw.
 *
 * @internal
 */
export interface BrokerWatcher {
  brokerGone(): void;
  brokerBack(): void;
}

/**
 * A dead man's switch: the broker counts as gone when it has taken nothing from this node for a
 * heartbeat, whether its connection is lost or hangs.
 *
 * @internal
 */
export class BrokerWatch {
  isGone = false;
  readonly #clock: Clock;
  readonly #heartbeat: Milliseconds;
  readonly #watchers: Iterable<BrokerWatcher>;
  #seenAt: Milliseconds;
  /** Whether it has been there since the watch began. */
  #wasThere = false;
  #dueAt = 0;
  #wasLate = false;
  #timer: TimerHandle;
  #closed = false;

  constructor(clock: Clock, heartbeat: Milliseconds, watchers: Iterable<BrokerWatcher>) {
    this.#clock = clock;
    this.#heartbeat = heartbeat;
    this.#watchers = watchers;
    this.#seenAt = clock.now();
    this.#wait(heartbeat);
  }

  /** Something has just been sent to the broker; `published` settles when it has taken that. */
  watch(published: Promise<void>): void {
    const sentAt = this.#clock.now();
    published.then(
      () => this.seen(sentAt),
      () => {},
    );
  }

  /** The broker has taken what was sent to it at `sentAt`. */
  seen(sentAt: Milliseconds = this.#clock.now()): void {
    // An answer that was under way for longer says nothing about now.
    if (this.#closed || this.#clock.now() - sentAt >= this.#heartbeat) return;
    this.#seenAt = Math.max(this.#seenAt, sentAt);
    if (this.#wasThere && !this.isGone) return;
    if (this.isGone) this.#wait(this.#seenAt + this.#heartbeat - this.#clock.now());
    this.#wasThere = true;
    this.isGone = false;
    for (const watcher of this.#watchers) watcher.brokerBack();
  }

  close(): void {
    this.#closed = true;
    this.#clock.clearTimeout(this.#timer);
  }

  #wait(ms: Milliseconds): void {
    this.#dueAt = this.#clock.now() + ms;
    this.#timer = this.#clock.setTimeout(() => this.#check(), ms);
  }

  #check(): void {
    const now = this.#clock.now();
    const left = this.#seenAt + this.#heartbeat - now;
    // When this process itself was held up, the answers that wait to be read are looked at first.
    const isLate = !this.#wasLate && now - this.#dueAt > this.#heartbeat / 3;
    this.#wasLate = isLate;
    if (left > 0 || isLate) {
      this.#wait(Math.max(left, isLate ? this.#heartbeat / 3 : 0));
      return;
    }
    this.isGone = true;
    for (const watcher of this.#watchers) watcher.brokerGone();
  }
}
