import type { EventType } from "nebulex-streams";
import type { Key } from "../request.js";
import { linkOf, NO_HISTORY } from "./link.js";
import type { CheckedEvent, Link } from "./link.js";
import { Order } from "./order.js";

/** What the handlers have seen, and how it differs from what the cache did. */
export interface CheckReport {
  /** Events handled, by type. */
  readonly events: Readonly<Record<EventType, number>>;
  /** Events handled, by partition. */
  readonly partitions: readonly number[];
  readonly handled: number;
  /** Events that the cache made and no handler saw. */
  readonly lost: number;
  /** Events that came behind a later one of their key or partition, came again, or contradict the one before. */
  readonly outOfOrder: number;
}

interface KeyRecord {
  readonly partition: number;
  readonly order: Order;
}

/**
 * Checks, event by event, that each is seen once and in order.
 *
 * Every event says which version of its key it made or ended, so the events of a key form a chain;
 * a link that does not join the one before shows what is missing or misplaced. The sequence numbers of
 * each partition are checked likewise, without a gap from 0 on. It outlives the handlers that feed it:
 * what one has seen before it crashed counts for the next.
 */
export class EventChecker {
  readonly #keys = new Map<Key, KeyRecord>();
  readonly #sequences: readonly Order[];
  readonly #partitions: number[];
  readonly #events: Record<EventType, number> = {
    inserted: 0,
    updated: 0,
    deleted: 0,
    expired: 0,
    evicted: 0,
  };
  #handled = 0;
  #again = 0;
  #outOfOrder = 0;

  /** @param partitions how many partitions the stream has */
  constructor(partitions: number) {
    this.#sequences = Array.from({ length: partitions }, () => new Order(-1));
    this.#partitions = this.#sequences.map(() => 0);
  }

  /** Events handled so far. */
  get handled(): number {
    return this.#handled;
  }

  /**
   * Takes down an event that a handler was given.
   *
   * @throws TypeError for an event that can't be checked, because it is not about one key, does not
   *   carry its versions, or has no such partition
   */
  handle(event: CheckedEvent): void {
    const link = linkOf(event);
    const key = keyOf(event);
    const partition = event.metadata.partition ?? -1;
    const sequences = this.#sequences[partition];
    if (sequences === undefined) throw new TypeError(`there is no partition ${partition}`);

    const sequenceInOrder = this.#followSequence(sequences, event.metadata.sequence);
    const linkInOrder = this.#followKey(key, partition, link);
    if (!sequenceInOrder || !linkInOrder) this.#outOfOrder += 1;
    this.#handled += 1;
    this.#events[event.type] += 1;
    this.#partitions[partition] = (this.#partitions[partition] ?? 0) + 1;
  }

  /**
   * The result, to be asked for when the handlers are idle.
   *
   * An event may be missed in more than one way, so the largest of three counts is taken: what is missing
   * in the chains of the keys, in the sequences of the partitions, and in the total (an event that
   * nothing came behind leaves no gap).
   *
   * @param emitted how many events the cache made
   */
  report(emitted: number): CheckReport {
    const missingInKeys = sum([...this.#keys.values()].map(({ order }) => order.missing));
    const missingInSequences = sum(this.#sequences.map(({ missing }) => missing));
    const missingInTotal = emitted - (this.#handled - this.#again);
    return {
      events: { ...this.#events },
      partitions: [...this.#partitions],
      handled: this.#handled,
      lost: Math.max(0, missingInKeys, missingInSequences, missingInTotal),
      outOfOrder: this.#outOfOrder,
    };
  }

  #followSequence(sequences: Order, sequence: number): boolean {
    const expected = sequences.last + 1;
    if (sequence > expected) sequences.passOver(range(expected, sequence, 1));
    const arrival = sequences.see(sequence);
    if (arrival === "again") this.#again += 1;
    return arrival === "inOrder";
  }

  #followKey(key: Key, partition: number, { position, before }: Link): boolean {
    let record = this.#keys.get(key);
    if (record === undefined) {
      record = { partition, order: new Order(NO_HISTORY) };
      this.#keys.set(key, record);
    }
    const { last } = record.order;
    if (before > last) record.order.passOver(unseen(last, before));
    const contradicts = before < last;
    const arrival = record.order.see(position);
    return arrival === "inOrder" && !contradicts && record.partition === partition;
  }
}

function keyOf({ target }: CheckedEvent): Key {
  if (target.kind === "key") return target.key;
  throw new TypeError(`expected an event about one key, got one with the target ${target.kind}`);
}

/** The positions behind `last` that must have been if there was one at `before`: its writes, and itself. */
function unseen(last: number, before: number): number[] {
  const firstWrite = last % 2 === 0 ? last + 2 : last + 1;
  const writes = range(firstWrite, before, 2);
  return [...writes, before];
}

/** The numbers from `from` to `end`, the end not included. */
function range(from: number, end: number, step: number): number[] {
  const length = Math.max(0, Math.ceil((end - from) / step));
  return Array.from({ length }, (_, index) => from + index * step);
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
