import type { Clock, TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";

/**
 * Called when the broker can no longer be reached, and when it can be reached again; the latter may
 * be repeated. Neither may throw.
 *
 * @internal
 */
export interface BrokerWatcher {
  brokerGone(): void;
  brokerBack(): void;
}

/**
 * A dead man's switch: the broker counts as gone when it has accepted nothing from this node for a
 * heartbeat, whether the connection is lost or hangs.
 *
 * @internal
 */
export class BrokerWatch {
  isGone = false;
  readonly #clock: Clock;
  readonly #heartbeat: Milliseconds;
  readonly #watchers: Iterable<BrokerWatcher>;
  #seenAt: Milliseconds;
  /** Whether the broker has been reached since the watch began. */
  #wasReached = false;
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

  /** @param published settles when the broker has accepted what has just been sent */
  watch(published: Promise<void>): void {
    const sentAt = this.#clock.now();
    published.then(
      () => this.seen(sentAt),
      () => {},
    );
  }

  /** The broker has accepted what was sent to it at `sentAt`. */
  seen(sentAt: Milliseconds = this.#clock.now()): void {
    // An answer that took longer than a heartbeat does not show that the broker is there now.
    if (this.#closed || this.#clock.now() - sentAt >= this.#heartbeat) return;
    this.#seenAt = Math.max(this.#seenAt, sentAt);
    if (this.#wasReached && !this.isGone) return;
    if (this.isGone) this.#wait(this.#seenAt + this.#heartbeat - this.#clock.now());
    this.#wasReached = true;
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
    // If this process itself was held up, answers may wait to be read: they are read first.
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

/**
 * Times how long this node's own connection is lost. After a long outage, other nodes may have
 * started, written and left without being heard here.
 *
 * @internal
 */
export class OutageTimer {
  readonly #limit: Milliseconds;
  #since: Milliseconds | undefined;
  #reported = false;

  /** @param limit how long an outage may last before it has to be reported */
  constructor(limit: Milliseconds) {
    this.#limit = limit;
  }

  begin(now: Milliseconds): void {
    this.#since ??= now;
  }

  end(): void {
    this.#since = undefined;
    this.#reported = false;
  }

  /** Whether the outage has to be reported now; true once for each outage. */
  isDue(now: Milliseconds): boolean {
    if (this.#reported || this.#since === undefined || now - this.#since <= this.#limit)
      return false;
    this.#reported = true;
    return true;
  }
}
