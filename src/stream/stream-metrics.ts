import { eventTypes } from "../event/types.js";
import type { Measurements, MetricSource } from "../telemetry/metrics.js";
import { partitionAttributes } from "../telemetry/spans.js";
import type { Cursor } from "../log/cursor.js";
import { typeBits } from "../log/event-mask.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Router } from "./router.js";

/** The counters of readers. @internal */
export interface ReaderCounts {
  handled: number;
  deadLetters: number;
  gapCount: number;
  dropped: number;
  coalesced: number;
}

/** The stream that is measured. @internal */
export interface MeasuredStream {
  readonly slot: { readonly cacheName: string; readonly name: string };
  readonly logs: readonly PartitionLog<Cursor>[];
  readonly router: Router;
}

/**
 * A stream's counters: those of its logs and readers, and of earlier ones, so that none ever goes
 * back. A named group's go with its cursors; readers without a group are counted together.
 *
 * @internal
 */
export class StreamMetrics implements MetricSource {
  readonly #stream: MeasuredStream;
  /** Of past epochs: by partition, and there by type as in a log. */
  readonly #events: number[][] = [];
  #discarded = 0;
  #unroutable = 0;
  /** Of past readers without a group, by partition. */
  readonly #readers: ReaderCounts[] = [];

  constructor(stream: MeasuredStream) {
    this.#stream = stream;
  }

  /** The stream's logs and router are about to be replaced. */
  epochEnds(): void {
    const { logs, router } = this.#stream;
    if (logs.length === 0) return;
    this.#discarded += router.discarded;
    this.#unroutable += router.failed;
    for (const { index, counts } of logs)
      this.#events[index] = counts.map((count, bit) => count + this.#pastEvents(index, bit));
  }

  /** A reader's cursor is closed. */
  readerEnds(cursor: Cursor): void {
    if (cursor.group !== null) return;
    const { index } = cursor.log;
    const past = this.#readers[index];
    this.#readers[index] = past === undefined ? countsOf(cursor) : sum(past, cursor);
  }

  measure(into: Measurements): void {
    const { slot, logs, router } = this.#stream;
    const { cacheName: cache, name } = slot;
    into.add("nebulex.streams.discarded", this.#discarded + router.discarded, { cache, name });
    into.add("nebulex.streams.unroutable", this.#unroutable + router.failed, { cache, name });
    for (const log of logs) this.#measureLog(log, into);
  }

  #measureLog(log: PartitionLog<Cursor>, into: Measurements): void {
    const attributes = partitionAttributes(log.source, null);
    for (const type of eventTypes) {
      const bit = typeBits[type];
      const events = (log.counts[bit] as number) + this.#pastEvents(log.index, bit);
      into.add("nebulex.streams.events", events, { ...attributes, type });
    }
    const past = this.#readers[log.index];
    if (past !== undefined) addReaders(into, past, attributes);
    let attached = 0;
    for (const cursor of log.cursors) {
      if (cursor.reader !== undefined) attached++;
      const of = partitionAttributes(log.source, cursor.group);
      into.add("nebulex.streams.lag", cursor.lag, of);
      if (cursor.group !== null) into.add("nebulex.streams.handler.time", cursor.busy / 1000, of);
      addReaders(into, cursor, of);
    }
    into.add("nebulex.streams.subscriptions", attached, attributes);
  }

  #pastEvents(index: number, bit: number): number {
    return this.#events[index]?.[bit] ?? 0;
  }
}

/** @internal */
export function addReaders(
  into: Measurements,
  { handled, deadLetters, gapCount, dropped, coalesced }: ReaderCounts,
  of: Record<string, string | number>,
): void {
  into.add("nebulex.streams.handled", handled, of);
  into.add("nebulex.streams.dead_letters", deadLetters, of);
  into.add("nebulex.streams.gaps", gapCount, of);
  into.add("nebulex.streams.dropped", dropped, of);
  into.add("nebulex.streams.coalesced", coalesced, of);
}

/** @internal */
export function countsOf(cursor: ReaderCounts): ReaderCounts {
  const { handled, deadLetters, gapCount, dropped, coalesced } = cursor;
  return { handled, deadLetters, gapCount, dropped, coalesced };
}

/** @internal */
export function sum(a: ReaderCounts, b: ReaderCounts): ReaderCounts {
  return {
    handled: a.handled + b.handled,
    deadLetters: a.deadLetters + b.deadLetters,
    gapCount: a.gapCount + b.gapCount,
    dropped: a.dropped + b.dropped,
    coalesced: a.coalesced + b.coalesced,
  };
}
