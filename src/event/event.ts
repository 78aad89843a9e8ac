import { inspect } from "node:util";
import type { CacheEntryEvent, EventMetadata, EventTarget, EventType } from "./types.js";

/** What all events of one sequence have in common. @internal */
export interface EventSource {
  readonly cache: string;
  readonly name: string;
  readonly partition: number | null;
  readonly partitions: number | null;
  readonly node: string;
  readonly epoch: string;
  /** Wall-clock time that the events' `at` counts from. */
  readonly startedAt: number;
}

/** What caused a change; shared by all events of one command and origin. */
export interface Cause<Origin = unknown> {
  /** The command's name, or `"sweep"`. */
  readonly command: string;
  /** The actor on whose behalf the command was; null: none. */
  readonly origin: Origin | null;
  /** Whether what was stored is a copy of what is true elsewhere, not a change. */
  readonly fill: boolean;
  /** Whether it is a deletion by an invalidator. */
  readonly invalidation: boolean;
  /** Whether it is no change, but part of a snapshot. */
  readonly snapshot: boolean;
  /**
   * The sequence on another node that the change has its place in; null: it was made on this one.
   *
   * @internal
   */
  readonly source: EventSource | null;
}

/** @internal */
export function causeOf(command: string, origin: unknown = null, fill = false): Cause {
  return Object.freeze({
    command,
    origin,
    fill,
    invalidation: false,
    snapshot: false,
    source: null,
  });
}

/** Which values of an entry the events of a log carry. @internal */
export interface Includes {
  readonly value: boolean;
  readonly previous: boolean;
}

/** @internal */
export function includesOf(include: readonly ("value" | "previous")[]): Includes {
  return { value: include.includes("value"), previous: include.includes("previous") };
}

/** @internal */
export const bothValues: Includes = { value: true, previous: true };

/** Whether an entry is there after an event of this type. @internal */
export function isStored(type: EventType): boolean {
  return type === "inserted" || type === "updated";
}

/** `users:inserted`, or `users:2:inserted` with partitions. `name` is the instance's. @internal */
export function topicOf(name: string, partition: number | null, type: EventType): string {
  return partition === null ? `${name}:${type}` : `${name}:${partition}:${type}`;
}

/** The target of an event that is not about a single key. @internal */
export class MultiTarget<K> {
  readonly target: EventTarget<K>;

  constructor(target: EventTarget<K>) {
    this.target = target;
  }
}

/**
 * An event as it is kept in a log: one small object. What few readers use is made on first use.
 * Values are own properties, added only where asked for.
 *
 * @internal
 */
export class CacheEvent<K = unknown, V = unknown> implements CacheEntryEvent<K, V> {
  readonly type: EventType;
  declare value?: V;
  declare previous?: V;
  declare values?: ReadonlyMap<K, V>;
  declare previousValues?: ReadonlyMap<K, V>;
  readonly #cause: Cause;
  readonly #source: EventSource;
  /** The key, or a MultiTarget. */
  readonly #subject: K | MultiTarget<K>;
  /** Its offset in the log of this node. */
  readonly #offset: number;
  /**
   * Milliseconds since the source began: a small integer, where a timestamp would be one more
   * object.
   */
  readonly #at: number;
  #metadata: EventMetadata | undefined;

  constructor(
    type: EventType,
    cause: Cause,
    source: EventSource,
    subject: K | MultiTarget<K>,
    offset: number,
    at: number,
  ) {
    this.type = type;
    this.#cause = cause;
    this.#source = source;
    this.#subject = subject;
    this.#offset = offset;
    this.#at = at;
    this.#metadata = undefined;
  }

  get cache(): string {
    return this.#source.cache;
  }

  get name(): string {
    return this.#source.name;
  }

  get command(): string {
    return this.#cause.command;
  }

  get target(): EventTarget<K> {
    const subject = this.#subject;
    return subject instanceof MultiTarget ? subject.target : { kind: "key", key: subject };
  }

  get metadata(): EventMetadata {
    return (this.#metadata ??= this.#makeMetadata());
  }

  /** Maps of values become lists of pairs, since JSON has no maps. */
  toJSON(): object {
    const { values, previousValues } = this;
    return {
      ...this.#show(),
      ...(values === undefined ? undefined : { values: [...values] }),
      ...(previousValues === undefined ? undefined : { previousValues: [...previousValues] }),
    };
  }

  [inspect.custom](): object {
    return this.#show();
  }

  #show(): object {
    const { cache, name, type, command, target, metadata } = this;
    return Object.assign({ cache, name, type, command, target, metadata }, this);
  }

  #makeMetadata(): EventMetadata {
    const { name, partition, partitions } = this.#source;
    const { origin, fill, invalidation, snapshot, source } = this.#cause;
    const { node, epoch, startedAt } = source ?? this.#source;
    return {
      topic: topicOf(name, partition, this.type),
      partition,
      partitions,
      node,
      epoch,
      sequence: CacheEvent.sequenceOf(this),
      position: this instanceof NumberedEvent ? NumberedEvent.positionIn(this) : null,
      timestamp: startedAt + this.#at,
      origin,
      fill,
      ...(invalidation ? { invalidation } : undefined),
      ...(snapshot ? { snapshot } : undefined),
    };
  }

  /** Its offset in the log that it was read from. */
  static offsetOf(event: CacheEvent): number {
    return event.#offset;
  }

  static sourceOf(event: CacheEvent): EventSource {
    return event.#source;
  }

  /** `metadata.sequence`, without making the metadata: its number at the node where it happened. */
  static sequenceOf(event: CacheEvent): number {
    return event instanceof NumberedEvent ? NumberedEvent.sequenceIn(event) : event.#offset;
  }

  static partsOf(event: CacheEvent): {
    cause: Cause;
    subject: unknown;
    sequence: number;
    at: number;
  } {
    return {
      cause: event.#cause,
      subject: event.#subject,
      sequence: CacheEvent.sequenceOf(event),
      at: event.#at,
    };
  }

  /** The source of the sequence that the event has its number in. */
  static homeOf(event: CacheEvent): EventSource {
    return event.#cause.source ?? event.#source;
  }

  static originOf(event: CacheEvent): unknown {
    return event.#cause.origin;
  }

  /** The key of an event about a single key; `none` for any other. */
  static keyOf<K, N>(event: CacheEvent<K>, none: N): K | N {
    return event.#subject instanceof MultiTarget ? none : event.#subject;
  }

  /** The same event as one event a key; for a query's target, the event itself. */
  static split(event: CacheEvent): CacheEvent[] {
    const subject = event.#subject;
    if (!(subject instanceof MultiTarget) || subject.target.kind !== "keys") return [event];
    return subject.target.keys.map((key) => {
      const part = CacheEvent.#like(event, event.type, key);
      if (event.values?.has(key) === true) part.value = event.values.get(key);
      if (event.previousValues?.has(key) === true) part.previous = event.previousValues.get(key);
      return part;
    });
  }

  /** The same as {@link addValues}, also for a target of several keys: the values are maps then. */
  static addValues(event: CacheEvent, includes: Includes, value: unknown, previous: unknown): void {
    if (!(event.#subject instanceof MultiTarget)) {
      addValues(event, includes, value, previous);
      return;
    }
    if (includes.value && value !== undefined)
      event.values = value as ReadonlyMap<unknown, unknown>;
    if (includes.previous && previous !== undefined)
      event.previousValues = previous as ReadonlyMap<unknown, unknown>;
  }

  /**
   * `last`, as another type of event, with what was there before `first`. Both are about the same
   * single key.
   */
  static merge(type: EventType, first: CacheEvent, last: CacheEvent): CacheEvent {
    const merged = CacheEvent.#like(last, type, last.#subject);
    if ("value" in last) merged.value = last.value;
    if (type !== "inserted" && "previous" in first) merged.previous = first.previous;
    return merged;
  }

  /** The same event with another type or target, without values. */
  static #like(event: CacheEvent, type: EventType, subject: unknown): CacheEvent {
    const cause = event.#cause;
    return event instanceof NumberedEvent
      ? new NumberedEvent(
          type,
          cause,
          event.#source,
          subject,
          event.#offset,
          event.#at,
          NumberedEvent.sequenceIn(event),
          NumberedEvent.positionIn(event),
        )
      : new CacheEvent(type, cause, event.#source, subject, event.#offset, event.#at);
  }
}

/**
 * Adds the values that an event about a single key carries: what is stored after it, unless the
 * entry is gone; what was stored before, unless it is new.
 *
 * @internal
 */
export function addValues(
  event: CacheEvent,
  includes: Includes,
  value: unknown,
  previous: unknown,
): void {
  if (includes.value && isStored(event.type)) event.value = value;
  if (includes.previous && event.type !== "inserted") event.previous = previous;
}

/**
 * An event of a log that has events of several nodes: its offset there is not its sequence.
 *
 * @internal
 */
export class NumberedEvent<K = unknown, V = unknown> extends CacheEvent<K, V> {
  readonly #sequence: number;
  /** Its position in the journal; null: it has none, or none yet. */
  readonly #position: number | null;

  constructor(
    type: EventType,
    cause: Cause,
    source: EventSource,
    subject: K | MultiTarget<K>,
    offset: number,
    at: number,
    sequence: number,
    position: number | null = null,
  ) {
    super(type, cause, source, subject, offset, at);
    this.#sequence = sequence;
    this.#position = position;
  }

  static positionIn(event: NumberedEvent): number | null {
    return event.#position;
  }

  static sequenceIn(event: NumberedEvent): number {
    return event.#sequence;
  }
}
