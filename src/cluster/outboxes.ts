import { PubSubError } from "../errors.js";
import type { Clock } from "../clock.js";
import type { Bus } from "../pubsub/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Row } from "../log/segment.js";
import { Outbox, type OutboxPort } from "./outbox.js";

/** Milliseconds between two attempts to send what the broker did not take. */
const retryDelay = 200;

/** @internal */
export interface OutboxesOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly channelOf: (partition: number) => string;
  /** Makes a message. @throws for what can't be encoded */
  readonly encode: (
    partition: number,
    rows: readonly Row[],
    after: number,
    to: number,
  ) => Uint8Array;
  /** The event at a log's offset can never be sent. */
  readonly unsendable: (partition: number, offset: number, failure: unknown) => void;
  /**
   * The broker accepts nothing though there is a connection. Called once until it accepts
   * something.
   */
  readonly failed: (error: unknown) => void;
}

/**
 * The outboxes of an epoch, one for each partition: all of them send, or hold what they have.
 *
 * @internal
 */
export class Outboxes {
  readonly #port: OutboxPort;
  readonly #bus: Bus;
  #outboxes: readonly Outbox[] = [];
  #held: boolean;
  #failureReported = false;
  readonly #drainers: (() => void)[] = [];

  constructor({ bus, clock, channelOf, encode, unsendable, failed }: OutboxesOptions) {
    this.#bus = bus;
    this.#held = bus.status !== "connected";
    this.#port = {
      encode,
      unsendable,
      isOpen: () => !this.#held,
      maxSize: () => bus.maxMessageSize,
      publish: (partition, payload) => bus.publish(channelOf(partition), payload),
      settled: () => {
        this.#failureReported = false;
        this.settled();
      },
      failed: (retry, error) => {
        clock.setTimeout(retry, retryDelay);
        // That there is no connection shows in the pubsub's status.
        const isRefusal = error instanceof PubSubError && error.reason === "publish_failed";
        if (this.#failureReported || !isRefusal) return;
        this.#failureReported = true;
        failed(error);
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
    if (this.#bus.status !== "connected" || this.#outboxes.every(({ isDone }) => isDone))
      for (const resolve of this.#drainers.splice(0)) resolve();
  }
}
