import { PubSubError } from "../errors.js";
import type { Clock } from "../clock.js";
import type { Bus } from "../pubsub/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Row } from "../log/segment.js";
import { Outbox, type OutboxPost } from "./outbox.js";

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
  /** An event can't be sent, ever. */
  readonly refused: (partition: number, place: number, failure: unknown) => void;
  /**
   * The broker takes nothing, though there is a connection. Told once, until it takes something.
   */
  readonly failed: (error: unknown) => void;
}

/**
 * The outboxes of an epoch, one a partition, which send or hold what they have together.
 *
 * @internal
 */
export class Outboxes {
  readonly #post: OutboxPost;
  readonly #bus: Bus;
  #outboxes: readonly Outbox[] = [];
  #held: boolean;
  #toldFailure = false;
  readonly #drainers: (() => void)[] = [];

  constructor({ bus, clock, channelOf, encode, refused, failed }: OutboxesOptions) {
    this.#bus = bus;
    this.#held = bus.status !== "connected";
    this.#post = {
      encode,
      refused,
      isOpen: () => !this.#held,
      maxSize: () => bus.maxMessageSize,
      publish: (partition, payload) => bus.publish(channelOf(partition), payload),
      settled: () => {
        this.#toldFailure = false;
        this.settled();
      },
      failed: (retry, error) => {
        clock.setTimeout(retry, retryDelay);
        // That there is no connection, the pubsub's status says.
        const isRefusal = error instanceof PubSubError && error.reason === "publish_failed";
        if (this.#toldFailure || !isRefusal) return;
        this.#toldFailure = true;
        failed(error);
      },
    };
  }

  begin(logs: readonly PartitionLog[]): void {
    this.#outboxes = logs.map((log) => new Outbox(log, this.#post));
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

  /** How many events can't be given to the broker now. */
  get waiting(): number {
    return this.#outboxes.reduce((sum, { waiting }) => sum + waiting, 0);
  }

  /** How far each partition is. */
  coverage(of: "sent" | "arrived" | "last"): number[] {
    return this.#outboxes.map((outbox) => outbox[of]);
  }

  /** Settles when the broker has all that was written before, or can't be reached. */
  drain(): Promise<void> {
    this.flush();
    return new Promise((resolve) => {
      this.#drainers.push(resolve);
      this.settled();
    });
  }

  /** Some of it has arrived, or never will. */
  settled(): void {
    if (this.#drainers.length === 0) return;
    if (this.#bus.status !== "connected" || this.#outboxes.every(({ isDone }) => isDone))
      for (const resolve of this.#drainers.splice(0)) resolve();
  }
}
