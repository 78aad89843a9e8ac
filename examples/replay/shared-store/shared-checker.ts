import type { EventType } from "nebulex-streams";
import type { CheckReport } from "../check/event-checker.js";
import { Order } from "../check/order.js";
import type { Key } from "../request.js";
import type { SeenEvent, WriteNumber } from "./messages.js";

/**
 * Checks that of the events of all processes each is handled once and in order.
 *
 * The positions of a partition are followed without a gap from 0 on. The events of a key form a
 * chain: each says which write the entry had before it, and that must be the one of the event
 * before.
 */
export class SharedChecker {
  readonly #positions: readonly Order[];
  readonly #handledIn: number[];
  readonly #events: Record<EventType, number> = {
    inserted: 0,
    updated: 0,
    deleted: 0,
    expired: 0,
    evicted: 0,
  };
  /** What the events say the store has. */
  readonly #entries = new Map<Key, WriteNumber>();
  #outOfOrder = 0;
  #handled = 0;
  #inGaps = 0;

  /** @param partitions how many partitions the store has */
  constructor(partitions: number) {
    this.#positions = Array.from({ length: partitions }, () => new Order(-1));
    this.#handledIn = this.#positions.map(() => 0);
  }

  /** Events handled so far. */
  get handled(): number {
    return this.#handled;
  }

  /** How many entries there are by the events. */
  get entries(): number {
    const { inserted, deleted, expired, evicted } = this.#events;
    return inserted - deleted - expired - evicted;
  }

  /** @throws RangeError for a partition that the store does not have */
  handle(event: SeenEvent): void {
    const order = this.#order(event.partition);
    const expected = order.last + 1;
    if (event.position > expected) order.passOver(numbers(expected, event.position));
    const isNext = order.see(event.position) === "inOrder";
    const isLink = this.#followKey(event);
    if (!isNext || !isLink) this.#outOfOrder += 1;
    this.#handled += 1;
    this.#events[event.type] += 1;
    this.#handledIn[event.partition] = (this.#handledIn[event.partition] ?? 0) + 1;
  }

  /** Events that a handler was told it does not get. */
  gap(from: number, to: number): void {
    this.#inGaps += to - from + 1;
  }

  /** Whether all events below the given positions have been handled, partition by partition. */
  hasReached(ends: readonly number[]): boolean {
    return ends.every((end, partition) => this.#order(partition).last + 1 >= end);
  }

  /**
   * @param ends the end of the journal by partition: the position of the event to come
   * @param stored what the store has
   */
  report(ends: readonly number[], stored: ReadonlyMap<Key, WriteNumber>): CheckReport {
    const missing = ends.reduce((sum, end, partition) => {
      const { last, missing: passedOver } = this.#order(partition);
      return sum + passedOver + Math.max(0, end - 1 - last);
    }, 0);
    return {
      events: { ...this.#events },
      partitions: [...this.#handledIn],
      handled: this.#handled,
      lost: Math.max(missing, this.#inGaps, this.#differencesFrom(stored)),
      outOfOrder: this.#outOfOrder,
    };
  }

  #followKey({ type, key, value, previous }: SeenEvent): boolean {
    const isLink = this.#entries.get(key) === previous;
    if (value === undefined) this.#entries.delete(key);
    else this.#entries.set(key, value);
    const isNew = type === "inserted";
    const isGone = type !== "inserted" && type !== "updated";
    return isLink && isNew === (previous === undefined) && isGone === (value === undefined);
  }

  /** Keys whose last event does not say what the store has. */
  #differencesFrom(stored: ReadonlyMap<Key, WriteNumber>): number {
    const keys = new Set([...this.#entries.keys(), ...stored.keys()]);
    return [...keys].filter((key) => this.#entries.get(key) !== stored.get(key)).length;
  }

  #order(partition: number): Order {
    const order = this.#positions[partition];
    if (order === undefined) throw new RangeError(`there is no partition ${partition}`);
    return order;
  }
}

/** From `from` to `end`, the end not included. */
function* numbers(from: number, end: number): Generator<number> {
  for (let number = from; number < end; number += 1) yield number;
}
