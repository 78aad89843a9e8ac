/** What every contestant stores: users under `user:N`. */
export interface User {
  id: number;
  name: string;
  age: number;
}

export const userOf = (id: number): User => ({ id, name: "name", age: id % 100 });

const keysBySize = new Map<number, readonly string[]>();

/** The same strings for every contestant. */
function keysOf(entries: number): readonly string[] {
  const keys = keysBySize.get(entries) ?? Array.from({ length: entries }, (_, id) => `user:${id}`);
  keysBySize.set(entries, keys);
  return keys;
}

/** Gives the ids of the entries one after the other, round and round. */
export class Feed {
  readonly keys: readonly string[];
  #next = 0;

  constructor(entries: number) {
    this.keys = keysOf(entries);
  }

  get size(): number {
    return this.keys.length;
  }

  next(): number {
    const id = this.#next;
    this.#next = id + 1 === this.keys.length ? 0 : id + 1;
    return id;
  }
}

/** Counts what the handlers are given, and notes when the last one has run. */
export class Tally {
  seen = 0;
  /** So that every handler has read its key. */
  characters = 0;
  #target = Infinity;
  #finish: (at: number) => void = () => {};

  note(key: string): void {
    this.characters += key.length;
    if (++this.seen === this.#target) this.#finish(performance.now());
  }

  /** Resolves to the time at which the `events`th handler from now has run. */
  expect(events: number): Promise<number> {
    if (events === 0) return Promise.resolve(performance.now());
    this.#target = this.seen + events;
    return new Promise((resolve) => {
      this.#finish = resolve;
    });
  }
}

/** What a contestant is to set up. */
export interface Load {
  /** How many entries there are, all stored before the first reader comes. */
  entries: number;
  /** How many readers want the event of a put. Each calls `handle` with the key. */
  readers: number;
  handle: (key: string) => void;
  /** How many more readers want only the event of a deletion. */
  bystanders?: number;
}

/** A contestant that is set up. Each has a loop of its own, so that none is measured through a call site that others share. */
export interface Rig {
  /** One put. */
  put(): void | Promise<void>;
  /** Puts without a pause, or as many at a time as suits a library of promises. */
  burst(puts: number): void | Promise<void>;
  close(): void | Promise<void>;
}

/** A library that we are measured against. */
export interface Peer {
  readonly name: string;
  /** What it does not do. */
  readonly lacks: string;
  open(load: Load): Rig | Promise<Rig>;
}

/** For libraries whose put is a promise: that many at a time. */
export const putsAtATime = 1000;
