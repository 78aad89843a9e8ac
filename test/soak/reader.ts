import type { CacheEntryEvent, GapEvent, GapReason } from "nebulex-streams";
import { type Fact, logName, type Oracle } from "./oracle.js";

/** What a reader promises beyond that nothing is lost and no key is out of order. */
export interface ReaderTraits {
  /** Whether it keeps the order of a whole partition. */
  readonly order: "partition" | "key";
  /** Whether it may be given the newest event of a key in place of all. */
  readonly coalesces?: boolean;
}

export interface ReaderResult {
  readonly handled: number;
  readonly again: number;
  readonly deadLetters: number;
  /** Events that were reported to it as not delivered. */
  readonly announced: number;
  readonly lost: number;
  readonly outOfOrder: number;
  readonly wrong: number;
}

type Event = CacheEntryEvent<string, number>;

interface Place {
  /** How often each sequence was handled. */
  readonly handled: number[];
  readonly gaps: { from: number; to: number }[];
  last: number;
  readonly lastOfKey: Map<string, number>;
}

/** Checks what one reader of the stream handles against what was written. */
export class ReaderCheck {
  readonly name: string;
  /** The first of what was wrong. */
  readonly complaints: string[] = [];
  /** Where something was missing at the last count. */
  readonly losses: string[] = [];
  handled = 0;
  deadLetters = 0;
  readonly #oracle: Oracle;
  readonly #traits: ReaderTraits;
  readonly #places = new Map<string, Place>();
  #again = 0;
  #outOfOrder = 0;
  #wrong = 0;
  readonly #gaps: Partial<Record<GapReason, number>> = {};

  constructor(name: string, oracle: Oracle, traits: ReaderTraits) {
    this.name = name;
    this.#oracle = oracle;
    this.#traits = traits;
  }

  /** How many events were reported to it as not delivered, by the reasons, also those that it had handled by then. */
  get gaps(): Readonly<Partial<Record<GapReason, number>>> {
    return { ...this.#gaps };
  }

  /** It is through with an event. */
  done(event: Event): void {
    const { epoch, partition, sequence } = event.metadata;
    const place = this.#placeOf(logName(epoch, partition));
    this.handled++;
    this.#checkContent(event);
    const before = place.handled[sequence] ?? 0;
    place.handled[sequence] = before + 1;
    if (before > 0) {
      this.#again++;
      return;
    }
    if (!this.#isInOrder(place, event)) {
      this.#outOfOrder++;
      this.#complain(`out of order: ${this.#show(event)} after ${place.last}`);
    }
    place.last = Math.max(place.last, sequence);
  }

  /** It has given an event up. */
  dead(event: Event): void {
    this.deadLetters++;
    this.done(event);
  }

  gap({ epoch, partition, from, to, reason }: GapEvent): void {
    this.#placeOf(logName(epoch, partition)).gaps.push({ from, to });
    if (to >= from) this.#gaps[reason] = (this.#gaps[reason] ?? 0) + to - from + 1;
  }

  /** Counts, from the beginning; what is lost so far may still come. */
  result(): ReaderResult {
    this.losses.length = 0;
    let announced = 0;
    let lost = 0;
    for (const [name, facts] of this.#oracle.logs) {
      const place = this.#placeOf(name);
      const missing = facts.map((_, index) => index).filter((s) => place.handled[s] === undefined);
      const silent = missing.filter(
        (s) => !place.gaps.some(({ from, to }) => s >= from && s <= to),
      );
      announced += missing.length - silent.length;
      if (this.#traits.coalesces === true) {
        lost += silent.filter((s) => !this.#isSuperseded(facts, place, s)).length;
        continue;
      }
      lost += silent.length;
      if (silent.length > 0)
        this.losses.push(
          `${this.name}: lost ${silent.length} of ${facts.length} in ${name}: ${silent.slice(0, 5).join()}, gaps ${JSON.stringify(place.gaps)}, handled ${place.handled.length}`,
        );
    }
    return {
      handled: this.handled,
      again: this.#again,
      deadLetters: this.deadLetters,
      announced,
      lost,
      outOfOrder: this.#outOfOrder,
      wrong: this.#wrong,
    };
  }

  /** Whether all has been handled, or announced as lost. */
  get complete(): boolean {
    return this.result().lost === 0;
  }

  #isInOrder(place: Place, event: Event): boolean {
    const { sequence } = event.metadata;
    const { target } = event;
    if (this.#traits.order === "partition" && sequence < place.last) return false;
    if (target.kind === "query") return true;
    const keys = target.kind === "key" ? [target.key] : target.keys;
    const inOrder = keys.every((key) => sequence > (place.lastOfKey.get(key) ?? -1));
    for (const key of keys) place.lastOfKey.set(key, sequence);
    return inOrder;
  }

  #checkContent(event: Event): void {
    const { epoch, partition, sequence } = event.metadata;
    const fact = this.#oracle.logs.get(logName(epoch, partition))?.[sequence];
    const { target } = event;
    const keys = target.kind === "key" ? [target.key] : target.kind === "keys" ? target.keys : [];
    const sameKeys =
      this.#traits.coalesces === true
        ? keys.every((key) => fact?.keys.includes(key))
        : keys.join() === fact?.keys.join();
    const sameType = this.#traits.coalesces === true || fact?.type === event.type;
    if (fact !== undefined && sameKeys && sameType) return;
    this.#wrong++;
    this.#complain(`wrong: ${this.#show(event)}, expected ${JSON.stringify(fact)}`);
  }

  /** Whether an event that was not given has been made up for by a later one of the same key or, when the key went, by nothing. */
  #isSuperseded(facts: readonly Fact[], place: Place, sequence: number): boolean {
    const { keys } = facts[sequence] as Fact;
    return keys.every((key) => {
      let isThere = true;
      for (let later = sequence; later < facts.length; later++) {
        const fact = facts[later] as Fact;
        const removed = fact.prefix !== undefined && key.startsWith(fact.prefix);
        if (!removed && !fact.keys.includes(key)) continue;
        if (place.handled[later] !== undefined && later > sequence) return true;
        if (place.gaps.some(({ from, to }) => later >= from && later <= to)) return true;
        isThere = fact.type === "inserted" || fact.type === "updated";
      }
      return !isThere;
    });
  }

  #placeOf(name: string): Place {
    let place = this.#places.get(name);
    if (place === undefined) {
      place = { handled: [], gaps: [], last: -1, lastOfKey: new Map() };
      this.#places.set(name, place);
    }
    return place;
  }

  #show({ type, target, metadata: { epoch, partition, sequence } }: Event): string {
    return `${type} ${JSON.stringify(target)} at ${epoch}:${partition}:${sequence}`;
  }

  #complain(text: string): void {
    if (this.complaints.length < 5) this.complaints.push(`${this.name}: ${text}`);
  }
}
