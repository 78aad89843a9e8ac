import type { Cause } from "../event/event.js";
import type { EventType } from "../event/types.js";

/**
 * Keeps the hash of an entry's key with the entry, so that it is computed once in the entry's life.
 */
export interface HashMemo {
  /** A 32-bit integer, or undefined: not computed yet. */
  hash: number | undefined;
}

/**
 * Where a store tells what it changed: when a command's changes are done, before the command
 * returns, in the order of the changes. Nothing in it throws. A listener may call commands in turn;
 * what they change is told after the change in hand or, between `hold` and `release`, after the
 * last of these.
 */
export interface ChangeSink<K, V> extends ChangeTap<K, V> {
  /** Whether anyone listens. A store looks at it first, and makes nothing for nobody. */
  readonly active: boolean;
  /**
   * Begins several changes of one command, which nothing may come between. Each `hold` has its
   * `release`, in the same turn.
   */
  hold(): void;
  /** Ends what `hold` began. */
  release(): void;
}

/** Who is told of changes. */
export interface ChangeTap<K, V> {
  /**
   * One entry changed.
   *
   * @param value what is stored now; `undefined` when it went
   * @param previous what was stored before; `undefined` when it is new
   * @param memo where the hash of the key may be kept: the same object as long as the entry lives
   */
  entry(
    type: EventType,
    cause: Cause,
    key: K,
    value: V | undefined,
    previous: V | undefined,
    memo?: HashMemo,
  ): void;
  /**
   * Several entries changed in one command: at least one. Neither array nor maps are changed
   * afterwards.
   */
  entries(
    type: EventType,
    cause: Cause,
    keys: readonly K[],
    values: ReadonlyMap<K, V> | undefined,
    previousValues: ReadonlyMap<K, V> | undefined,
  ): void;
  /** All entries that a query matches went. */
  query(type: EventType, cause: Cause, query: { readonly prefix: string } | null): void;
}
