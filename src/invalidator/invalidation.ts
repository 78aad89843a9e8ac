import { isThenable } from "../callbacks.js";
import { valueKeeping } from "../cache/command.js";
import { invalidate } from "../cache/invalidation.js";
import { CacheEvent, isStored } from "../event/event.js";
import type { CacheEntryEvent, GapEvent, EventTarget } from "../event/types.js";
import type { EventHandler, HandlerContext } from "../handler/event-handler.js";
import type { Milliseconds } from "../options.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Stream } from "../stream/stream.js";
import { channels } from "../telemetry/channels.js";
import type { Measurements, MetricSource } from "../telemetry/metrics.js";
import type { Bypass } from "./bypass.js";
import type { RecentWrites } from "./recent-writes.js";
import type { StoreQuery } from "../cache/adapter.js";
import { hashKey } from "../event/key-hash.js";

/** Whose events invalidate: those of other nodes, of this one, or both. */
export type EventScope = "remote" | "local" | "all";

/** Attempts at one event before the whole partition is cleared instead. */
const maxAttempts = 3;

/**
 * Times are whole milliseconds, cut off or rounded: an event's, and those that the skew is
 * estimated from.
 */
const timeGrain: Milliseconds = 2;

/** Deletes the entries that events and gaps of one stream make invalid. @internal */
export class Invalidation implements EventHandler<void>, MetricSource {
  readonly #stream: Stream;
  readonly #scope: EventScope;
  readonly #writes: RecentWrites;
  readonly #bypass: Bypass | undefined;
  #succeeded = 0;
  #failed = 0;
  #deleted = 0;

  constructor(stream: Stream, scope: EventScope, writes: RecentWrites, bypass: Bypass | undefined) {
    this.#stream = stream;
    this.#scope = scope;
    this.#writes = writes;
    this.#bypass = bypass;
  }

  init({ self, partition, partitions }: HandlerContext): void {
    const { slot, system } = this.#stream;
    const labels = { cache: slot.cacheName, name: slot.name, partition, partitions };
    const message = { ...labels, eventScope: this.#scope };
    const began = system.clock.now();
    self.monitor(({ reason }) => {
      if (!channels.invalidatorStopped.hasSubscribers) return;
      const duration = system.clock.now() - began;
      channels.invalidatorStopped.publish({ ...message, reason, duration });
    });
    if (channels.invalidatorStarted.hasSubscribers) channels.invalidatorStarted.publish(message);
  }

  handle(event: CacheEntryEvent, _state: void, ctx: HandlerContext): void | Promise<void> {
    const isRemote = CacheEvent.homeOf(event as CacheEvent).node !== this.#ownNode;
    if (!this.#concerns(event as CacheEvent, isRemote)) return;
    return this.#deleteAndReport(event, ctx.partition, () => {
      if (ctx.attempt > maxAttempts) return this.#clear(ctx.partition);
      const since = isRemote ? this.#knownAge(event as CacheEvent) : Infinity;
      return this.#remove(event, isRemote, since);
    });
  }

  onGap(gap: GapEvent, _state: void, ctx: HandlerContext): void | Promise<void> {
    if (this.#hides(gap))
      return this.#deleteAndReport(gap, ctx.partition, () => this.#clear(ctx.partition));
  }

  /** Deletes the entries of a partition, or all of them. Rejects with the error of the store. */
  async deleteAll(index?: number): Promise<void> {
    await this.#deleteAll(index ?? null);
  }

  /** Reports a message to a worker's actor that is no event of the stream. */
  stray(message: unknown, partition: number | null): void {
    if (!channels.unhandledEvent.hasSubscribers) return;
    const { cacheName: cache, name } = this.#stream.slot;
    channels.unhandledEvent.publish({ cache, name, partition, message });
  }

  measure(into: Measurements): void {
    const { cacheName: cache, name } = this.#stream.slot;
    const of = { cache, name };
    into.add("nebulex.invalidator.invalidations", this.#succeeded, { ...of, status: "ok" });
    into.add("nebulex.invalidator.invalidations", this.#failed, { ...of, status: "error" });
    into.add("nebulex.invalidator.deleted", this.#deleted, of);
  }

  get #ownNode(): string {
    return (this.#stream.logs[0] as PartitionLog).source.node;
  }

  #concerns(event: CacheEvent, isRemote: boolean): boolean {
    if (this.#scope !== "all" && (this.#scope === "remote") !== isRemote) return false;
    const { cause } = CacheEvent.partsOf(event);
    if (cause.invalidation) return false;
    // For an expired or evicted entry, the command is only the one that found it.
    if (!isStored(event.type)) return true;
    return !cause.fill && !valueKeeping.has(cause.command);
  }

  /** Whether a gap may hide a change that makes entries here invalid. */
  #hides({ node, epoch, reason }: GapEvent): boolean {
    const isOwn = node === this.#ownNode;
    if (reason === "overrun") return !isOwn || this.#scope !== "remote";
    if (reason !== "cache_restarted") return true;
    // The store is as new as the cache. Where it is not, or the stream was late to listen to it,
    // the new epoch has a gap.
    return isOwn && epoch === this.#stream.epoch;
  }

  /**
   * The time by this node's clock from which on an entry is newer than an event of another node;
   * Infinity: not known.
   */
  #knownAge(event: CacheEvent): Milliseconds {
    const { node, epoch, startedAt } = CacheEvent.homeOf(event);
    const origin = this.#stream.replicator?.find(node);
    if (origin?.epoch !== epoch) return Infinity;
    return startedAt + CacheEvent.partsOf(event).at + origin.skew + timeGrain;
  }

  #remove(event: CacheEntryEvent, copied: boolean, since: Milliseconds): number | Promise<number> {
    const { slot } = this.#stream;
    const writes = this.#writes;
    const query = touchedBy(event.target, copied);
    if (since === Infinity || writes.size === 0) return invalidate(slot, query);
    const isAnyNewer =
      query.kind === "keys" || writes.hasNewer(since, query.kind === "prefix" ? query.prefix : "");
    return invalidate(slot, query, isAnyNewer ? (key) => writes.isNewer(key, since) : undefined);
  }

  #clear(partition: number | null): number | Promise<number> {
    const uncleared = this.#bypass?.uncleared;
    const deleted = this.#deleteAll(partition);
    const end = (count: number): number => {
      this.#bypass?.cleared(uncleared, partition);
      return count;
    };
    return isThenable(deleted) ? deleted.then(end) : end(deleted);
  }

  #deleteAll(partition: number | null): number | Promise<number> {
    const { slot, router, logs } = this.#stream;
    if (partition === null || logs.length === 1) return invalidate(slot, { kind: "all" });
    const log = logs[partition];
    // The stream has fewer partitions now, and those have their own gaps.
    if (log === undefined) return 0;
    const where = (key: unknown, value: unknown): boolean => router.logOf(key, value) === log;
    return invalidate(slot, { kind: "where", where });
  }

  /** Deletes, and reports it. An error of the store is rethrown. */
  #deleteAndReport(
    event: CacheEntryEvent | GapEvent,
    partition: number | null,
    remove: () => number | Promise<number>,
  ): void | Promise<void> {
    const report = (status: "ok" | "error", reason: unknown, deleted: number): void => {
      if (status === "ok") this.#succeeded++;
      else this.#failed++;
      this.#deleted += deleted;
      if (!channels.invalidate.hasSubscribers) return;
      const { cacheName: cache, name } = this.#stream.slot;
      channels.invalidate.publish({ cache, name, partition, event, status, reason, deleted });
    };
    const failed = (error: unknown): never => {
      report("error", error, 0);
      throw error;
    };
    let deleted: number | Promise<number>;
    try {
      deleted = remove();
    } catch (error) {
      return failed(error);
    }
    if (isThenable(deleted)) return deleted.then((count) => report("ok", null, count), failed);
    report("ok", null, deleted);
  }
}

/**
 * The query for the entries of this node that an event is about.
 *
 * @param copied whether the keys are copies, as those of other nodes' events are: objects among
 * them then stand for all that have the same value
 * @internal
 */
export function touchedBy(
  target: EventTarget<unknown>,
  copied: boolean,
): StoreQuery<unknown, unknown> {
  if (target.kind === "query")
    return target.query === null
      ? { kind: "all" }
      : { kind: "prefix", prefix: target.query.prefix };
  const keys = new Set(target.kind === "key" ? [target.key] : target.keys);
  return copied && [...keys].some(isObject) ? sameValues(keys) : { kind: "keys", keys };
}

/** Keys are found by their hashes: deleting a few others with the same hash does no harm. */
function sameValues(keys: ReadonlySet<unknown>): StoreQuery<unknown, unknown> {
  const hashes = new Set([...keys].filter(isObject).map(hashOrNone));
  const where = (key: unknown): boolean =>
    isObject(key)
      ? // An object that can't be hashed may stand for any.
        hashes.has(undefined) || hashes.has(hashOrNone(key))
      : keys.has(key);
  return { kind: "where", where };
}

function hashOrNone(key: unknown): number | undefined {
  try {
    return hashKey(key);
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null;
}
