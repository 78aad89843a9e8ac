import {
  CacheEvent,
  type Cause,
  type EventSource,
  MultiTarget,
  NumberedEvent,
} from "../../event/event.js";
import type { EventTarget, EventType } from "../../event/types.js";
import { types } from "node:util";

/** What events may carry. */
const carried = ["value", "previous", "values", "previousValues"] as const;
type Carried = Partial<Record<(typeof carried)[number], unknown>>;

/** What many events have in common, without the origin, which is an actor of the main thread. */
interface Kind {
  readonly type: EventType;
  readonly cause: Cause<never>;
}

/**
 * Events of one source as they cross to a thread: in columns, since each object would bring the
 * names of its properties along.
 *
 * @internal
 */
export interface EncodedEvents {
  readonly kinds: readonly Kind[];
  /** The index of the kind of each event. */
  readonly kind: readonly number[];
  readonly sequence: readonly number[];
  /** Positions in the journal; undefined: there is none. */
  readonly position?: readonly (number | null)[];
  readonly at: readonly number[];
  /** The key; undefined where there is a target. */
  readonly key: readonly unknown[];
  readonly target?: readonly EventTarget<unknown>[];
  /** What the events carry, each column with holes where an event does not. */
  readonly columns: Partial<Record<keyof Carried, readonly unknown[]>>;
}

/** @internal */
export function encodeEvents(events: readonly CacheEvent[]): EncodedEvents {
  const kinds = new Kinds();
  const kind: number[] = [];
  const sequence: number[] = [];
  const numbered = events[0] instanceof NumberedEvent;
  const position: (number | null)[] = [];
  const at: number[] = [];
  const key: unknown[] = [];
  const columns: Partial<Record<keyof Carried, unknown[]>> = {};
  let target: EventTarget<unknown>[] | undefined;
  for (let index = 0; index < events.length; index++) {
    const event = events[index] as CacheEvent;
    const { cause, subject, sequence: number, at: time } = CacheEvent.partsOf(event);
    kind.push(kinds.indexOf(event.type, cause));
    sequence.push(number);
    if (numbered) position.push(NumberedEvent.positionIn(event as NumberedEvent));
    at.push(time);
    if (subject instanceof MultiTarget) {
      key.push(undefined);
      (target ??= [])[index] = subject.target;
    } else key.push(subject);
    for (const name of carried)
      if (Object.hasOwn(event, name)) (columns[name] ??= [])[index] = event[name];
  }
  const encoded = {
    kinds: kinds.all,
    kind,
    sequence,
    ...(position.some((it) => it !== null) ? { position } : undefined),
    at,
    key,
    columns,
  };
  return target === undefined ? encoded : { ...encoded, target };
}

class Kinds {
  readonly all: Kind[] = [];
  #cause: Cause | undefined;

  indexOf(type: EventType, cause: Cause): number {
    const last = this.all.length - 1;
    if (cause === this.#cause && this.all[last]?.type === type) return last;
    this.#cause = cause;
    const { command, fill, invalidation, snapshot, source } = cause;
    const same = this.all.findIndex(
      (kind) =>
        kind.type === type &&
        kind.cause.command === command &&
        kind.cause.fill === fill &&
        kind.cause.invalidation === invalidation &&
        kind.cause.snapshot === snapshot &&
        kind.cause.source === source,
    );
    if (same >= 0) {
      // Only the last one is found by its cause alone.
      if (same !== last) this.#cause = undefined;
      return same;
    }
    return this.all.push({ type, cause: { ...cause, origin: null } }) - 1;
  }
}

/** @internal */
export function decodeEvents(encoded: EncodedEvents, source: EventSource): CacheEvent[] {
  const { kinds, kind, sequence, position, at, key, target, columns } = encoded;
  const present = carried.filter((name) => columns[name] !== undefined);
  return kind.map((kindIndex, index) => {
    const { type, cause } = kinds[kindIndex] as Kind;
    const many = target?.[index];
    const subject = many === undefined ? key[index] : new MultiTarget(many);
    const number = sequence[index] as number;
    const time = at[index] as number;
    const place = position?.[index] ?? null;
    const event =
      place === null
        ? new CacheEvent(type, cause, source, subject, number, time)
        : new NumberedEvent(type, cause, source, subject, place, time, number, place);
    for (const name of present) {
      const column = columns[name] as readonly unknown[];
      if (index in column) (event as Carried)[name] = column[index];
    }
    return event;
  });
}

/**
 * An error as it crosses between threads: structured clone drops the name of its class and its own
 * fields.
 *
 * @internal
 */
export interface EncodedError {
  readonly error: unknown;
  readonly name?: string;
  readonly fields?: object;
}

/** @internal */
export function encodeError(error: unknown): EncodedError {
  return types.isNativeError(error)
    ? { error, name: error.name, fields: Object.assign({}, error) }
    : { error };
}

/** For an error that can not be cloned: its texts. @internal */
export function describeError(error: unknown): EncodedError {
  if (!types.isNativeError(error)) return { error: new Error(String(error)) };
  const { name, message, stack } = error;
  return { error: Object.assign(new Error(message), { stack }), name };
}

/** @internal */
export function decodeError({ error, name, fields }: EncodedError): unknown {
  if (!types.isNativeError(error)) return error;
  if (name !== undefined && name !== error.name)
    Object.defineProperty(error, "name", { value: name, configurable: true, writable: true });
  return Object.assign(error, fields);
}
