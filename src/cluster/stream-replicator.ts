import type { PartitionLog } from "../log/partition-log.js";
import type { Milliseconds } from "../options.js";

/** Another node with a stream of the same cache instance. @internal */
export interface KnownNode {
  readonly node: string;
  readonly epoch: string;
  /** Whether nothing was received from it for longer than a heartbeat. */
  readonly silent: boolean;
  /** When its epoch began, by its own clock. */
  readonly startedAt: Milliseconds;
  /** When something was received from it, by the stream's clock. */
  readonly lastHeard: Milliseconds;
  /** How many of its events it had not sent yet when it said so last. */
  readonly waiting: number;
  /**
   * An upper bound of how far this node's clock is ahead of that one's, in milliseconds; Infinity:
   * not known.
   */
  readonly skew: number;
}

/**
 * Makes the streams of one cache instance on several nodes one stream: over a pubsub, or a journal.
 *
 * @internal
 */
export interface StreamReplicator {
  /** Whether it has logs. */
  readonly begun: boolean;
  /** How many events of this node are not sent yet. */
  readonly waiting: number;
  /** Whether this node is cut off from what carries the events. */
  readonly broker: { readonly isGone: boolean };
  /** Begins an epoch, with new logs. */
  begin(logs: readonly PartitionLog[]): void;
  /**
   * Settles when the stream is known to fit the other nodes', or this can't be known for now.
   *
   * @throws (as a rejection) ShapeMismatchError, PubSubError, JournalError
   */
  shakeHands(): Promise<void>;
  /** Settles when other nodes' events are received from here on, or can't be received for now. */
  listening(): Promise<void>;
  /** Settles when all that was written before is sent, or can't be sent for now. */
  drain(): Promise<void>;
  /**
   * Settles when all that the store has written before is in the logs, or this can't be known for
   * now. Absent where what is written here is in the logs at once.
   */
  readonly caughtUp?: (() => Promise<void>) | undefined;
  /** Ends the stream in order. */
  end(): void;
  /** The other nodes that are known. */
  nodes(): Iterable<KnownNode>;
  find(node: string): KnownNode | undefined;
}
