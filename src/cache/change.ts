import { addValues, bothValues, CacheEvent, type Cause, MultiTarget } from "../event/event.js";
import type { EventType } from "../event/types.js";
import type { ChangeTap, HashMemo } from "./adapter.js";

/** Makes the event of a change. @internal */
export type MakeEvent<K, V> = (
  type: EventType,
  cause: Cause,
  subject: K | MultiTarget<K>,
) => CacheEvent<K, V>;

/** A change that goes to several listeners, or that waits to be emitted. @internal */
export abstract class Change<K, V> {
  readonly type: EventType;
  readonly cause: Cause;
  #event: CacheEvent<K, V> | undefined;

  constructor(type: EventType, cause: Cause) {
    this.type = type;
    this.cause = cause;
  }

  abstract notify(tap: ChangeTap<K, V>): void;

  /** Its event, which is made for the first listener and shared by all. */
  eventBy(make: MakeEvent<K, V>): CacheEvent<K, V> {
    return (this.#event ??= this.makeEvent(make));
  }

  protected abstract makeEvent(make: MakeEvent<K, V>): CacheEvent<K, V>;
}

/** @internal */
export class EntryChange<K, V> extends Change<K, V> {
  readonly #key: K;
  readonly #value: V | undefined;
  readonly #previous: V | undefined;
  readonly #memo: HashMemo | undefined;

  constructor(
    type: EventType,
    cause: Cause,
    key: K,
    value: V | undefined,
    previous: V | undefined,
    memo: HashMemo | undefined,
  ) {
    super(type, cause);
    this.#key = key;
    this.#value = value;
    this.#previous = previous;
    this.#memo = memo;
  }

  override notify(tap: ChangeTap<K, V>): void {
    tap.entry(this.type, this.cause, this.#key, this.#value, this.#previous, this.#memo);
  }

  protected override makeEvent(make: MakeEvent<K, V>): CacheEvent<K, V> {
    const event = make(this.type, this.cause, this.#key);
    addValues(event, bothValues, this.#value, this.#previous);
    return event;
  }
}

/** @internal */
export class EntriesChange<K, V> extends Change<K, V> {
  readonly #keys: readonly K[];
  readonly #values: ReadonlyMap<K, V> | undefined;
  readonly #previousValues: ReadonlyMap<K, V> | undefined;

  constructor(
    type: EventType,
    cause: Cause,
    keys: readonly K[],
    values: ReadonlyMap<K, V> | undefined,
    previousValues: ReadonlyMap<K, V> | undefined,
  ) {
    super(type, cause);
    this.#keys = keys;
    this.#values = values;
    this.#previousValues = previousValues;
  }

  override notify(tap: ChangeTap<K, V>): void {
    tap.entries(this.type, this.cause, this.#keys, this.#values, this.#previousValues);
  }

  protected override makeEvent(make: MakeEvent<K, V>): CacheEvent<K, V> {
    const subject = new MultiTarget<K>({ kind: "keys", keys: this.#keys });
    const event = make(this.type, this.cause, subject);
    CacheEvent.addValues(event, bothValues, this.#values, this.#previousValues);
    return event;
  }
}

/** @internal */
export class QueryChange<K, V> extends Change<K, V> {
  readonly #query: { readonly prefix: string } | null;

  constructor(type: EventType, cause: Cause, query: { readonly prefix: string } | null) {
    super(type, cause);
    this.#query = query;
  }

  override notify(tap: ChangeTap<K, V>): void {
    tap.query(this.type, this.cause, this.#query);
  }

  protected override makeEvent(make: MakeEvent<K, V>): CacheEvent<K, V> {
    return make(this.type, this.cause, new MultiTarget<K>({ kind: "query", query: this.#query }));
  }
}
