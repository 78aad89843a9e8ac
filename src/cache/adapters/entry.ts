import type { Milliseconds } from "../../options.js";
import type { HashMemo } from "../sink.js";
import type { Ttl } from "../types.js";

/** An entry of a local store. @internal */
export class Entry<K, V> implements HashMemo {
  readonly key: K;
  value: V;
  hash: number | undefined = undefined;
  /**
   * From when on it counts as gone: whole milliseconds of the store's time, which is above 0 then.
   * 0: never.
   */
  expiresAt: Milliseconds = 0;

  constructor(key: K, value: V) {
    this.key = key;
    this.value = value;
  }
}

/**
 * An entry that has, or had, a TTL, with its place among those to look at when their time comes.
 *
 * @internal
 */
export class TimedEntry<K, V> extends Entry<K, V> {
  ttl: Milliseconds = 0;
  bucket: Bucket<K, V> | undefined = undefined;
  position = 0;

  /**
   * Begins its TTL. Rounded up: a small integer lies in the object itself, a fraction is one more
   * object.
   */
  start(ttl: Milliseconds, now: Milliseconds): void {
    this.ttl = ttl;
    this.expiresAt = Math.ceil(now + ttl);
  }
}

/** An entry of the kind that its TTL needs; the TTL has not begun. @internal */
export function newEntry<K, V>(key: K, value: V, ttl: Ttl): Entry<K, V> {
  return ttl === null ? new Entry(key, value) : new TimedEntry(key, value);
}

/** Entries to look at together. @internal */
export interface Bucket<K, V> {
  /** When, counted in sweep intervals. */
  readonly tick: number;
  readonly entries: TimedEntry<K, V>[];
}
