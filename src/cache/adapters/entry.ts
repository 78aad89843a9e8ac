import type { Milliseconds } from "../../options.js";
import type { HashMemo } from "../sink.js";

/** An entry of a local store: one object as long as the key is there. @internal */
export class Entry<K, V> implements HashMemo {
  readonly key: K;
  value: V;
  hash: number | undefined = undefined;
  /** What ends the entry's life; none: no TTL. */
  lease: Lease<K, V> | undefined = undefined;

  constructor(key: K, value: V) {
    this.key = key;
    this.value = value;
  }
}

/** The TTL of an entry, and its place among those to look at when their time comes. @internal */
export class Lease<K, V> {
  readonly entry: Entry<K, V>;
  ttl: Milliseconds;
  /** From when on the entry counts as gone: whole milliseconds of the store's time. */
  expiresAt: Milliseconds;
  bucket: Bucket<K, V> | undefined = undefined;
  position = 0;

  constructor(entry: Entry<K, V>, ttl: Milliseconds, now: Milliseconds) {
    this.entry = entry;
    this.ttl = ttl;
    this.expiresAt = endOf(ttl, now);
  }

  renew(ttl: Milliseconds, now: Milliseconds): void {
    this.ttl = ttl;
    this.expiresAt = endOf(ttl, now);
  }
}

/** Rounded up: a small integer lies in the object itself, a fraction is one more object. */
function endOf(ttl: Milliseconds, now: Milliseconds): Milliseconds {
  return Math.ceil(now + ttl);
}

/** Leases to look at together. @internal */
export interface Bucket<K, V> {
  /** When, counted in sweep intervals. */
  readonly tick: number;
  readonly leases: Lease<K, V>[];
}
