import type { StoreQuery } from "./adapter.js";

/** What a flight brought, and whether it is to be stored: it may have found it in the store. @internal */
export interface Fetched<V> {
  readonly value: V;
  readonly isNew: boolean;
}

type StoreFetched<V> = (value: V) => void | Promise<void>;

interface Flight {
  /** Set when the key was written meanwhile. */
  superseded: boolean;
  promise: Promise<unknown>;
}

/** The calls of `fetchOrStore` that are under way: one a key. @internal */
export class Flights<K> {
  readonly #flights = new Map<K, Flight>();

  get size(): number {
    return this.#flights.size;
  }

  /**
   * Joins the flight of a key, or starts one: `fetch` is called at once, `store` with what it brought, unless the key was written
   * meanwhile.
   */
  join<V>(key: K, fetch: () => Promise<Fetched<V>>, store: StoreFetched<V>): Promise<V> {
    const underWay = this.#flights.get(key);
    if (underWay !== undefined) return underWay.promise as Promise<V>;
    const flight: Flight = { superseded: false, promise: Promise.resolve() };
    this.#flights.set(key, flight);
    const promise = this.#fly(key, flight, fetch, store);
    flight.promise = promise;
    return promise;
  }

  /** What is under way for a key is not to be stored any more, and not to be joined. */
  supersede(key: K): void {
    const flight = this.#flights.get(key);
    if (flight === undefined) return;
    flight.superseded = true;
    this.#flights.delete(key);
  }

  /** The same for what a query may match. Which values would match is not known yet: `where` counts for all. */
  supersedeMatching(query: StoreQuery<K, never>): void {
    for (const key of this.#flights.keys()) {
      const spared =
        (query.kind === "keys" && !query.keys.has(key)) ||
        (query.kind === "prefix" && !(typeof key === "string" && key.startsWith(query.prefix)));
      if (!spared) this.supersede(key);
    }
  }

  async #fly<V>(
    key: K,
    flight: Flight,
    fetch: () => Promise<Fetched<V>>,
    store: StoreFetched<V>,
  ): Promise<V> {
    try {
      const { value, isNew } = await fetch();
      if (isNew && !flight.superseded) await store(value);
      return value;
    } finally {
      if (!flight.superseded) this.#flights.delete(key);
    }
  }
}
