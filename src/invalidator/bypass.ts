import type { BrokerWatcher } from "../cluster/broker-watch.js";
import type { Stream } from "../stream/stream.js";

/** Partitions that are still to be cleared. @internal */
export type Uncleared = Set<number | null>;

/**
 * Has an instance's reads miss while this node is cut off, and then until all partitions have been
 * cleared.
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
   * What a deletion that begins now may complete; undefined: the broker is away, or all is well.
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

  /** All of a partition has been deleted; `uncleared` is what it was when that began. */
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
   * Has the workers clear their partitions, as they do for any gap: if the store fails they try
   * again.
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
