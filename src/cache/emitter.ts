import { randomBytes } from "node:crypto";
import type { ActorSystem } from "../actor/types.js";
import { nodeTimeOf } from "../clock.js";
import { ListenerExistsError } from "../errors.js";
import { CacheEvent, type Cause, type EventSource } from "../event/event.js";
import type { EventType } from "../event/types.js";
import { type Change, EntriesChange, EntryChange, type MakeEvent, QueryChange } from "./change.js";
import { ListenerRegistration } from "./listener.js";
import type { ChangeSink, ChangeTap, HashMemo } from "./adapter.js";
import type { EventListener, ListenerOptions } from "./types.js";

/**
 * Notifies the listeners of one incarnation of what its store changed: one change after the other,
 * in the order of the changes, also when a listener makes further changes.
 *
 * @internal
 */
export class Emitter<K = unknown, V = unknown> implements ChangeSink<K, V> {
  active = false;
  readonly source: EventSource;
  readonly #nodeTime: () => number;
  /** Replaced, never changed: listeners may be added and removed while others are notified. */
  #registrations: readonly ListenerRegistration<K, V>[] = [];
  /** The tap, if it is the only listener: it is called directly. */
  #solo: ChangeTap<K, V> | undefined;
  /** The registrations, if there are several and all are taps. */
  #taps: readonly ListenerRegistration<K, V>[] | undefined;
  #busy = false;
  #held = 0;
  readonly #waiting: Change<K, V>[] = [];
  #sequence = 0;

  constructor(cache: string, name: string, system: ActorSystem) {
    this.#nodeTime = nodeTimeOf(system.clock);
    this.source = {
      cache,
      name,
      partition: null,
      partitions: null,
      node: system.nodeName,
      epoch: randomBytes(8).toString("hex"),
      startedAt: Math.round(this.#nodeTime()),
    };
  }

  /**
   * A tap that is registered again replaces itself: the actor that registered it may have been
   * killed.
   */
  register(listener: EventListener<K, V, never>, options: ListenerOptions<K, V>): void {
    const added = new ListenerRegistration<K, V>(this.source, listener, options);
    const taken = this.#find(added.id);
    if (taken === undefined) this.#set([...this.#registrations, added]);
    else if (taken.tap === undefined || taken.listener !== listener)
      throw new ListenerExistsError(this.source.name, added.id);
    else {
      taken.live = false;
      this.#set(this.#registrations.map((other) => (other === taken ? added : other)));
    }
  }

  unregister(id: unknown): boolean {
    const gone = this.#find(id);
    if (gone === undefined) return false;
    gone.live = false;
    this.#set(this.#registrations.filter((other) => other !== gone));
    return true;
  }

  /** Drops all listeners. */
  close(): void {
    for (const registration of this.#registrations) registration.live = false;
    this.#set([]);
  }

  entry(
    type: EventType,
    cause: Cause,
    key: K,
    value: V | undefined,
    previous: V | undefined,
    memo?: HashMemo,
  ): void {
    if (this.#busy || (this.#solo ?? this.#taps) === undefined) {
      // The memo is another entry's by the time a change that has to wait is emitted.
      const ownMemo = this.#busy ? undefined : memo;
      this.#emit(new EntryChange<K, V>(type, cause, key, value, previous, ownMemo));
      return;
    }
    this.#busy = true;
    if (this.#solo === undefined) this.#notifyTaps(type, cause, key, value, previous, memo);
    else {
      try {
        this.#solo.entry(type, cause, key, value, previous, memo);
      } catch (error) {
        this.#registrations[0]?.failed(error);
      }
    }
    this.#busy = false;
    if (this.#waiting.length > 0) this.#drain();
  }

  entries(
    type: EventType,
    cause: Cause,
    keys: readonly K[],
    values: ReadonlyMap<K, V> | undefined,
    previousValues: ReadonlyMap<K, V> | undefined,
  ): void {
    this.#emit(new EntriesChange<K, V>(type, cause, keys, values, previousValues));
  }

  query(type: EventType, cause: Cause, query: { readonly prefix: string } | null): void {
    this.#emit(new QueryChange<K, V>(type, cause, query));
  }

  hold(): void {
    this.#held++;
  }

  release(): void {
    this.#held--;
    if (this.#waiting.length > 0) this.#drain();
  }

  #notifyTaps(...change: Parameters<ChangeTap<K, V>["entry"]>): void {
    for (const registration of this.#taps ?? []) {
      try {
        if (registration.live) registration.tap?.entry(...change);
      } catch (error) {
        registration.failed(error);
      }
    }
  }

  #emit(change: Change<K, V>): void {
    if (this.#busy) {
      this.#waiting.push(change);
      return;
    }
    this.#busy = true;
    this.#deliver(change);
    this.#busy = false;
    if (this.#waiting.length > 0) this.#drain();
  }

  #drain(): void {
    if (this.#busy || this.#held > 0) return;
    this.#busy = true;
    for (let next = 0; next < this.#waiting.length; next++)
      this.#deliver(this.#waiting[next] as Change<K, V>);
    this.#waiting.length = 0;
    this.#busy = false;
  }

  #deliver(change: Change<K, V>): void {
    for (const registration of this.#registrations)
      if (registration.live) registration.notify(change, this.#makeEvent);
  }

  readonly #makeEvent: MakeEvent<K, V> = (type, cause, subject) => {
    const at = Math.trunc(this.#nodeTime() - this.source.startedAt);
    return new CacheEvent<K, V>(type, cause, this.source, subject, this.#sequence++, at);
  };

  #find(id: unknown): ListenerRegistration<K, V> | undefined {
    return this.#registrations.find((other) => sameId(other.id, id));
  }

  #set(registrations: readonly ListenerRegistration<K, V>[]): void {
    this.#registrations = registrations;
    this.active = registrations.length > 0;
    this.#solo = registrations.length === 1 ? registrations[0]?.tap : undefined;
    const onlyTaps =
      registrations.length > 1 && registrations.every(({ tap }) => tap !== undefined);
    this.#taps = onlyTaps ? registrations : undefined;
  }
}

/** Compares ids as a Map compares keys. */
function sameId(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}
