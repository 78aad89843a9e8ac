import { type Clock, withTimeout } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type { Listening } from "../pubsub/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import { appendBatch } from "./append-batch.js";
import type { ReadBatch } from "./batch.js";
import { type Replica, transportGap } from "./replica.js";

/** Appends what other nodes send to the logs of the partitions that have readers. @internal */
export class Inbox {
  readonly #logOf: (partition: number) => PartitionLog | undefined;
  readonly #listening = new Map<number, Listening>();

  constructor(logOf: (partition: number) => PartitionLog | undefined) {
    this.#logOf = logOf;
  }

  /** Returns undefined if the partition is subscribed to already. */
  listen(partition: number, begin: () => Listening): Listening | undefined {
    if (this.#listening.has(partition)) return undefined;
    const listening = begin();
    this.#listening.set(partition, listening);
    return listening;
  }

  ignore(partition: number): boolean {
    this.#listening.get(partition)?.close();
    return this.#listening.delete(partition);
  }

  /** Settles when the broker has all subscriptions, or after `timeout`. */
  async ready(clock: Clock, timeout: Milliseconds): Promise<void> {
    const all = Array.from(this.#listening.values(), ({ ready }) => ready.catch(() => {}));
    await withTimeout<unknown>(clock, timeout, Promise.all(all), () => {});
  }

  close(): void {
    for (const listening of this.#listening.values()) listening.close();
    this.#listening.clear();
  }

  events(partition: number, replica: Replica, batch: ReadBatch, from: number): void {
    const log = this.#logOf(partition);
    if (log === undefined) return;
    appendBatch(log, batch, replica.causesOf(partition), from);
    // They were sent as a batch: they wait for no further batching.
    log.flush();
  }

  /**
   * Reports that events may be missing from nodes that are not known: the gap has this node's own
   * name in their place.
   */
  missedAll(): void {
    for (const partition of this.#listening.keys()) this.missed(partition);
  }

  missed(partition: number): void {
    const log = this.#logOf(partition);
    if (log !== undefined) this.gap(partition, log.source, log.nextSequence, log.nextSequence - 1);
  }

  gap(partition: number, replica: Pick<Replica, "node" | "epoch">, from: number, to: number): void {
    const log = this.#logOf(partition);
    log?.reportGap(transportGap(log.source, replica, from, to));
  }
}
