import type { Milliseconds } from "../options.js";

/** What can happen to an entry. */
export const eventTypes = ["inserted", "updated", "deleted", "expired", "evicted"] as const;

/** What happened to an entry. */
export type EventType = (typeof eventTypes)[number];

/**
 * The entries that an event is about: one, some, or all that a query matches (`null`: everything).
 */
export type EventTarget<K> =
  | { readonly kind: "key"; readonly key: K }
  | { readonly kind: "keys"; readonly keys: readonly K[] }
  | { readonly kind: "query"; readonly query: { readonly prefix: string } | null };

/**
 * The keys that an event is about: one, or several.
 *
 * @returns undefined if they are not listed, since the event is about all entries that a query
 * matches (`target.kind` is `"query"`): those with a prefix, or everything
 *
 * @example
 * ```ts
 * for (const key of keysOf(event) ?? everyKey()) refresh(key);
 * ```
 */
export function keysOf<K>({
  target,
}: Pick<CacheEntryEvent<K>, "target">): readonly K[] | undefined {
  switch (target.kind) {
    case "key":
      return [target.key];
    case "keys":
      return target.keys;
    case "query":
      return undefined;
  }
}

/** Where an event stands in its stream. `Origin` is an actor's ref. */
export interface EventMetadata<Origin = unknown> {
  /** `users:inserted`, or `users:2:inserted` on a stream with partitions. */
  readonly topic: string;
  /** The partition, from 0; null on a stream without partitions. */
  readonly partition: number | null;
  /** The number of partitions; null on a stream without partitions. */
  readonly partitions: number | null;
  /** The node on which it happened. */
  readonly node: string;
  /** The life of that node's stream that `sequence` belongs to. */
  readonly epoch: string;
  /**
   * Its number among the events that its node wrote to the partition in that epoch: from 0, +1
   * each.
   */
  readonly sequence: number;
  /**
   * Its position in the partition's journal, the same for all readers; null where there is no
   * journal, and for readers of the node that wrote it, who are given it before the journal has it.
   */
  readonly position: number | null;
  /** Wall clock, milliseconds since 1970. */
  readonly timestamp: Milliseconds;
  /** The actor on whose behalf the command was (`cache.from(ref)`). */
  readonly origin: Origin | null;
  /** Whether what was stored is a copy of what is true elsewhere, not a change. */
  readonly fill: boolean;
  /** Set on what an invalidator removed. */
  readonly invalidation?: true;
  /**
   * Set on an entry of a snapshot; `sequence` is that of this node's last event before it, -1 if
   * there was none.
   */
  readonly snapshot?: true;
}

/** Something that happened to the entries of a cache instance. */
export interface CacheEntryEvent<K = unknown, V = unknown, Origin = unknown> {
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  /** What happened to the entries. */
  readonly type: EventType;
  /** The command that did it, or `"sweep"`. */
  readonly command: string;
  /** The entries that it is about. */
  readonly target: EventTarget<K>;
  /** Where it stands in its stream, and when and for what it was made. */
  readonly metadata: EventMetadata<Origin>;
  /** With `include: ["value"]`, for one key: what is stored now; absent when the entry went. */
  readonly value?: V;
  /** With `include: ["previous"]`, for one key: what was stored before; absent for `inserted`. */
  readonly previous?: V;
  /** The same for a target of several keys. */
  readonly values?: ReadonlyMap<K, V>;
  /** With `include: ["previous"]`, for several keys: what was stored before. */
  readonly previousValues?: ReadonlyMap<K, V>;
}

/** A value that events carry where their stream includes it. */
export type Include = "value" | "previous";

/**
 * An event of a stream that is known to include `I`. Of `inserted` and `updated` events, either
 * `value` or, for several keys, `values` is then defined; of `updated` events, either `previous` or
 * `previousValues`.
 */
export type EventIncluding<K, V, I extends Include, Origin = unknown> = CacheEntryEvent<
  K,
  V,
  Origin
> &
  ("value" extends I ? StoredValues<K, V> : unknown) &
  ("previous" extends I ? ReplacedValues<K, V> : unknown);

type StoredValues<K, V> =
  | { readonly type: "inserted" | "updated"; readonly value: V; readonly values?: undefined }
  | {
      readonly type: "inserted" | "updated";
      readonly value?: undefined;
      readonly values: ReadonlyMap<K, V>;
    }
  | {
      readonly type: "deleted" | "expired" | "evicted";
      readonly value?: undefined;
      readonly values?: undefined;
    };

type ReplacedValues<K, V> =
  | { readonly type: "updated"; readonly previous: V; readonly previousValues?: undefined }
  | {
      readonly type: "updated";
      readonly previous?: undefined;
      readonly previousValues: ReadonlyMap<K, V>;
    }
  | {
      readonly type: "inserted";
      readonly previous?: undefined;
      readonly previousValues?: undefined;
    }
  | { readonly type: "deleted" | "expired" | "evicted" };

/**
 * Why events were not delivered: the reader was too slow (`overrun`), the cache or the stream server
 * was stopped, what carries the events lost them (`transport`), the journal had dropped them before
 * they were read (`trimmed`), or the journal was lost (`journal_lost`).
 */
export type GapReason =
  "overrun" | "cache_restarted" | "stream_restarted" | "transport" | "trimmed" | "journal_lost";

/**
 * A notice that the events with the sequences `from`..`to` (inclusive), which `node` wrote to one
 * partition in `epoch`, were not delivered to a reader. `to = from - 1`: none is known of. With
 * reason `transport`, that means that any from `from` on may be missing; if `node` is this node
 * itself, its own connection was away, and any node's may be.
 *
 * With the reasons `trimmed` and `journal_lost` the bounds are positions in the journal, of any
 * node's events; `epoch` is the journal's generation, and `node` this node. A generation that is
 * lost has ended: with `journal_lost`, `to` is the last position that this node knew of, and what
 * others had stored behind it is lost, too.
 */
export interface GapEvent {
  /** Tells a gap from an event. */
  readonly type: "gap";
  /** The cache's name. */
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  /** The partition; null on a stream without partitions. */
  readonly partition: number | null;
  /** The first sequence that is missing. */
  readonly from: number;
  /** The last sequence that is missing; `from - 1`: see above. */
  readonly to: number;
  /** Why they were not delivered. */
  readonly reason: GapReason;
  /** The node that wrote them. */
  readonly node: string;
  /** The epoch that the bounds belong to. */
  readonly epoch: string;
}
