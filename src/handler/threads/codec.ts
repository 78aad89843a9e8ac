import { causeOf } from "../../event/cause.js";
import { CacheEvent, type EventSource, MultiTarget } from "../../event/event.js";
import type { EventTarget, EventType } from "../../event/types.js";

/** An event as it crosses to a thread. Its origin, an actor of the main thread, does not. @internal */
export interface EncodedEvent {
  readonly type: EventType;
  readonly command: string;
  readonly fill: boolean;
  readonly sequence: number;
  readonly at: number;
  readonly key?: unknown;
  /** In place of a key. */
  readonly target?: EventTarget<unknown>;
  /** The values that the event carries, by their names. */
  readonly values: object;
}

/** @internal */
export function encodeEvent(event: CacheEvent): EncodedEvent {
  const { cause, subject, sequence, at } = CacheEvent.partsOf(event);
  const { type, ...values } = { ...event };
  const encoded = { type, command: cause.command, fill: cause.fill, sequence, at, values };
  return subject instanceof MultiTarget
    ? { ...encoded, target: subject.target }
    : { ...encoded, key: subject };
}

/** @internal */
export function decodeEvent(encoded: EncodedEvent, source: EventSource): CacheEvent {
  const { type, command, fill, key, target, sequence, at, values } = encoded;
  const subject = target === undefined ? key : new MultiTarget(target);
  return Object.assign(
    new CacheEvent(type, causeOf(command, null, fill), source, subject, sequence, at),
    values,
  );
}
