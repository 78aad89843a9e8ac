import { CacheEvent, causeOf, type EventSource, MultiTarget } from "../../src/event/event.js";
import type { EventType } from "../../src/event/types.js";

export const source: EventSource = {
  cache: "users",
  name: "tenant",
  partition: 2,
  partitions: 4,
  node: "node-1",
  epoch: "e1",
  startedAt: 1_000_000,
};

let sequence = 0;

export function about(
  type: EventType,
  subject: unknown,
  values: { value?: unknown; previous?: unknown } = {},
  command = "put",
): CacheEvent {
  const event = new CacheEvent(type, causeOf(command), source, subject, sequence++, 5);
  return Object.assign(event, values);
}

export function aboutKeys(
  type: EventType,
  keys: readonly string[],
  values: {
    values?: ReadonlyMap<unknown, unknown>;
    previousValues?: ReadonlyMap<unknown, unknown>;
  } = {},
): CacheEvent {
  return about(type, new MultiTarget({ kind: "keys", keys }), values as object);
}

export function aboutQuery(type: EventType, prefix?: string): CacheEvent {
  const query = prefix === undefined ? null : { prefix };
  return about(type, new MultiTarget({ kind: "query", query }));
}
