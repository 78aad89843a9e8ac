import type { Clock, TimerHandle } from "../clock.js";
import { PubSubError } from "../errors.js";
import { warnOfError } from "../telemetry/channels.js";
import { reconnectDelay } from "./reconnector.js";
import { toError } from "./broker-session.js";

interface Refusal {
  readonly channel: string;
  readonly error: PubSubError;
  readonly retry: () => Promise<void>;
  timer: TimerHandle;
  failures: number;
}

/**
 * The channels that the broker refuses though there is a connection, for want of a permission. Each
 * is tried again with backoff until it is permitted or not needed any more.
 *
 * @internal
 */
export class Refusals {
  readonly #nodeName: string;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #changed: () => void;
  readonly #refused = new Map<string, Refusal>();

  /**
   * @param random for the jitter of the backoff, from 0 to 1
   * @param changed called when a channel is refused, and when it is no longer refused
   */
  constructor(nodeName: string, clock: Clock, random: () => number, changed: () => void) {
    this.#nodeName = nodeName;
    this.#clock = clock;
    this.#random = random;
    this.#changed = changed;
  }

  /** The first refusal of a channel whose name begins so. */
  of(prefix: string): PubSubError | undefined {
    for (const { channel, error } of this.#refused.values())
      if (channel.startsWith(prefix)) return error;
    return undefined;
  }

  /**
   * Adds a refusal; without effect if there is one already.
   *
   * @param retry settles when the broker permits it
   */
  add(
    what: "subscribe to" | "publish on",
    channel: string,
    cause: unknown,
    retry: () => Promise<void>,
  ): PubSubError {
    const id = `${what} ${channel}`;
    const known = this.#refused.get(id);
    if (known !== undefined) return known.error;
    const error = new PubSubError(
      "refused",
      this.#nodeName,
      `the broker does not let pubsub ${this.#nodeName} ${id}: ${toError(cause).message}`,
      { cause },
    );
    const refusal: Refusal = { channel, error, retry, timer: undefined, failures: 0 };
    this.#refused.set(id, refusal);
    warnOfError(`pubsub ${this.#nodeName}: a channel is refused, and tried again`, error);
    this.#schedule(id, refusal);
    this.#changed();
    return error;
  }

  /** The subscription is not needed any more. */
  unsubscribed(channel: string): void {
    const id = `subscribe to ${channel}`;
    if (this.#refused.has(id)) this.#end(id);
  }

  /** The channels whose names begin so are not needed any more. */
  drop(prefix: string): void {
    for (const [id, { channel }] of this.#refused) if (channel.startsWith(prefix)) this.#end(id);
  }

  #schedule(id: string, refusal: Refusal): void {
    refusal.timer = this.#clock.setTimeout(
      () => {
        refusal.retry().then(
          () => this.#refused.get(id) === refusal && this.#end(id),
          () => this.#refused.get(id) === refusal && this.#schedule(id, refusal),
        );
      },
      reconnectDelay(refusal.failures++, this.#random),
    );
  }

  #end(id: string): void {
    this.#clock.clearTimeout(this.#refused.get(id)?.timer);
    this.#refused.delete(id);
    this.#changed();
  }
}
