import type { Clock } from "../clock.js";
import type { PartitionLog } from "../log/partition-log.js";
import { Outbox, type OutboxPort } from "./outbox.js";

/** Milliseconds between two attempts to send what the broker did not take. */
const retryDelay = 200;

/** @internal */
export interface OutboxesOptions extends Omit<OutboxPort, "now" | "isOpen" | "settled" | "failed"> {
  readonly clock: Clock;
  isConnected(): boolean;
  /**
   * Called when something could not be sent.
   *
   * @returns whether the broker has refused it though there is a connection
   */
  isRefusal(error: unknown): boolean;
  /**
   * The broker accepts nothing though there is a connection. Called once until it accepts
   * something.
   */
  refused(error: unknown): void;
}

/**
 * The outboxes of an epoch, one for each partition: all of them send, or hold what they have.
 *
 * @internal
 */
export class Outboxes {
  readonly #port: OutboxPort;
  readonly #options: OutboxesOptions;
  #outboxes: readonly Outbox[] = [];
  #held: boolean;
  #refusalReported = false;
  readonly #drainers: (() => void)[] = [];

  /** @param held whether nothing is sent until `release` */
  constructor(options: OutboxesOptions, held = !options.isConnected()) {
    this.#options = options;
    this.#held = held;
    this.#port = {
      ...options,
      now: () => options.clock.now(),
      isOpen: () => !this.#held,
      settled: () => {
        this.#refusalReported = false;
        this.settled();
      },
      failed: (retry, error) => {
        options.clock.setTimeout(retry, retryDelay);
        if (this.#refusalReported || !options.isRefusal(error)) return;
        this.#refusalReported = true;
        options.refused(error);
      },
    };
  }

  begin(logs: readonly PartitionLog[]): void {
    this.#outboxes = logs.map((log) => new Outbox(log, this.#port));
  }

  /** Nothing is sent until `release`. */
  hold(): void {
    this.#held = true;
    this.settled();
  }

  release(): void {
    this.#held = false;
    for (const outbox of this.#outboxes) outbox.retry();
  }

  flush(): void {
    for (const outbox of this.#outboxes) outbox.flush();
  }

  stop(): void {
    for (const outbox of this.#outboxes) outbox.stop();
  }

  /** How many events cannot be sent to the broker now. */
  get waiting(): number {
    return this.#outboxes.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** How many events the broker has not confirmed, at most. */
  get unconfirmed(): number {
    return this.#outboxes.reduce((sum, { unconfirmed }) => sum + unconfirmed, 0);
  }

  /** Whether the broker has all that concerns other nodes. */
  get isDone(): boolean {
    return this.#outboxes.every(({ isDone }) => isDone);
  }

  /** By partition, the last sequence that was sent, has arrived, or is owed to others. */
  coverage(of: "sent" | "arrived" | "last"): number[] {
    return this.#outboxes.map((outbox) => outbox[of]);
  }

  /** Settles when the broker has all that was written before, or cannot be reached. */
  drain(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      this.#drainers.push(resolve);
      this.settled();
    });
  }

  /** Some of what was sent has arrived, or never will. */
  settled(): void {
    if (this.#drainers.length === 0) return;
    if (!this.#options.isConnected() || this.isDone)
      for (const resolve of this.#drainers.splice(0)) resolve();
  }
}
