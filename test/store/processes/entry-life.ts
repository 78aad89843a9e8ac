import type { CacheEntryEvent, EventType } from "../../../src/index.js";
import { expireTtl, ttlOf } from "./commands.js";
import type { Value } from "./protocol.js";

/** What an event says about one key. */
export interface Change {
  readonly key: string;
  readonly type: EventType;
  readonly command: string;
  readonly node: string;
  readonly partition: number;
  readonly position: number;
  /** Milliseconds of the engine's wall clock. */
  readonly time: number;
  readonly value: Value | undefined;
  readonly previous: Value | undefined;
}

/** An entry as the events say it is. */
export interface Entry {
  readonly value: Value;
  /** Milliseconds; null: none. */
  readonly ttl: number | null;
  /** When it is due, by the engine's wall clock; null: never. */
  readonly deadline: number | null;
}

/** What an event says about each of its keys. */
export function changesOf(event: CacheEntryEvent<string, Value>): Change[] {
  const { type, command, target, metadata } = event;
  const { node, partition, position, timestamp: time } = metadata;
  if (partition === null || position === null) throw new TypeError("an event without a position");
  if (target.kind === "query") throw new TypeError("nobody changes what a query matches");
  const common = { type, command, node, partition, position, time };
  if (target.kind === "key") {
    const { value, previous } = event;
    return [{ ...common, key: target.key, value, previous }];
  }
  return target.keys.map((key) => ({
    ...common,
    key,
    value: event.values?.get(key),
    previous: event.previousValues?.get(key),
  }));
}

/** The entry after a change; undefined: it is gone. */
export function entryAfter(change: Change, before: Entry | undefined): Entry | undefined {
  const { key, command, value, time } = change;
  if (value === undefined) return undefined;
  const kept = { ttl: before?.ttl ?? null, deadline: before?.deadline ?? null };
  const from = (ttl: number | null): Entry => ({
    value,
    ttl,
    deadline: ttl === null ? null : time + ttl,
  });
  if (command === "expire") return from(expireTtl(key));
  if (command === "touch") return from(kept.ttl);
  if (command === "increment") return { value, ...kept };
  const ttl = ttlOf(String(value));
  if (command === "update" && ttl === undefined) return { value, ...kept };
  return from(ttl ?? null);
}
