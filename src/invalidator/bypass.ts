import type { BrokerWatcher } from "../cluster/broker-watch.js";
import type { Stream } from "../stream/stream.js";

/** Partitions that are still to be cleared. @internal */
export type Uncleared = Set<number | null>;

/**
 * Makes the reads of an instance miss while this node is cut off, and then until all partitions
 * have been cleared.
 *
 * @internal
 */
export class Bypass implements BrokerWatcher {
  readonly #stream: Stream;
  readonly #group: string;
  #endBypass: (() => void) | undefined;
  #uncleared: Uncleared | undefined;

  /** @param group that of the invalidator's workers */
  constructor(stream: Stream, group: string) {
    this.#stream = stream;
    this.#group = group;
    stream.brokerWatchers.add(this);
    if (stream.replicator?.broker.isGone === true) this.brokerGone();
  }

  /**
   * The partitions that a deletion which begins now may take off the list; undefined: the broker is
   * gone, or there is no bypass.
   */
  get uncleared(): Uncleared | undefined {
    return this.#uncleared;
  }

  brokerGone(): void {
    this.#uncleared = undefined;
    this.#endBypass ??= this.#stream.slot.bypass();
    this.#clear();
  }

  brokerBack(): void {
    if (this.#endBypass === undefined) return;
    this.#uncleared = this.#clear();
    this.#endWhenCleared();
  }

  /** Called when a partition has been cleared; `uncleared` is the value from when that began. */
  cleared(uncleared: Uncleared | undefined, partition: number | null): void {
    uncleared?.delete(partition);
    if (uncleared !== undefined && uncleared === this.#uncleared) this.#endWhenCleared();
  }

  close(): void {
    this.#stream.brokerWatchers.delete(this);
    this.#uncleared = undefined;
    this.#endBypass?.();
    this.#endBypass = undefined;
  }

  /**
   * Makes the workers clear their partitions, as for any gap: they retry if the store fails.
   */
  #clear(): Uncleared {
    const uncleared: Uncleared = new Set();
    const { groups, logs } = this.#stream;
    for (const { index, source } of logs) {
      const cursor = groups.find(this.#group, index);
      if (cursor === undefined) continue;
      uncleared.add(source.partition);
      cursor.reportUnknownLoss("transport");
    }
    return uncleared;
  }

  #endWhenCleared(): void {
    if (this.#uncleared?.size !== 0) return;
    this.#uncleared = undefined;
    this.#endBypass?.();
    this.#endBypass = undefined;
  }
}
