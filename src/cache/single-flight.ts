import { callContext, outsideCalls } from "../actor/call-context.js";
import { FlightCycleError } from "../errors.js";
import { setImmediate } from "../timers.js";
import type { StoreQuery } from "./adapter.js";

/** What a flight does. */
export interface Loader<V> {
  readonly fetch: () => V | Promise<V>;
  /** Called with the value, unless the key was written meanwhile. */
  readonly store: (value: V) => void | Promise<void>;
}

interface Flight {
  /** Set when the key was written meanwhile. */
  superseded: boolean;
  /** How many calls wait for it. */
  waiting: number;
  readonly load: Load;
  /** Undefined only inside the call of `fetch`. */
  promise: Promise<unknown> | undefined;
}

/** The load that the running function is part of. */
const current = callContext<Load>();
/**
 * Loads under way, of all caches. When there are none the context is disabled: in Node 20 an
 * enabled one slows down every promise of the process. That waits for the end of the turn, since
 * to enable it and to disable it costs as much as the rest of a load.
 */
let loading = 0;
let isDisabling = false;

/** The calls of `fetchOrStore` that are under way: one a key. @internal */
export class SingleFlight<K> {
  readonly #cache: string;
  readonly #flights = new Map<K, Flight>();
  readonly #onFailure: (key: K, error: unknown) => void;

  /**
   * @param cache the instance's name
   * @param onFailure called for a flight that failed when nobody waited for it
   */
  constructor(cache: string, onFailure: (key: K, error: unknown) => void) {
    this.#cache = cache;
    this.#onFailure = onFailure;
  }

  get size(): number {
    return this.#flights.size;
  }

  /**
   * Joins the flight of a key, or starts one: `fetch` is called at once, then `store` with its
   * result.
   *
   * @throws {@link FlightCycleError} when the flight waits for the load that the caller is part of
   */
  join<V>(key: K, loader: Loader<V>): Promise<V> {
    const flight = this.#board(key, loader);
    flight.waiting++;
    return landing(flight);
  }

  /**
   * The same for a call that may stop waiting before the flight has ended.
   *
   * @param wait waits for the promise as long as the call does
   */
  async joinWhile<V>(
    key: K,
    loader: Loader<V>,
    wait: (landed: Promise<V>) => Promise<V>,
  ): Promise<V> {
    const flight = this.#board(key, loader);
    flight.waiting++;
    try {
      return await wait(landing(flight));
    } finally {
      flight.waiting--;
    }
  }

  /** Starts a flight that nobody waits for, unless the key has one. */
  refresh<V>(key: K, loader: Loader<V>): void {
    if (this.#flights.has(key)) return;
    // What started it is not waiting for it.
    outsideCalls(() => void landing(this.#board(key, loader)).catch(() => {}));
  }

  /** Makes the flight of a key, if there is one, neither be stored nor be joined any more. */
  supersede(key: K): void {
    const flight = this.#flights.get(key);
    if (flight === undefined) return;
    flight.superseded = true;
    this.#flights.delete(key);
  }

  /**
   * The same for all keys that a query may match. The values are not known yet, so that `where`
   * matches all keys.
   */
  supersedeMatching(query: StoreQuery<K, never>): void {
    for (const key of this.#flights.keys()) {
      const spared =
        (query.kind === "keys" && !query.keys.has(key)) ||
        (query.kind === "prefix" && !(typeof key === "string" && key.startsWith(query.prefix)));
      if (!spared) this.supersede(key);
    }
  }

  #board<V>(key: K, loader: Loader<V>): Flight {
    const around = current.getStore();
    const caller = around?.settled === false ? around : undefined;
    const underWay = this.#flights.get(key);
    if (underWay !== undefined) {
      if (caller !== undefined) waitFor(underWay.load, caller);
      return underWay;
    }
    const awaitedBy = caller === undefined ? undefined : new Set([caller]);
    const load: Load = { cache: this.#cache, key, settled: false, awaitedBy };
    const flight: Flight = { superseded: false, waiting: 0, load, promise: undefined };
    this.#flights.set(key, flight);
    flight.promise = this.#fly(key, flight, loader);
    return flight;
  }

  async #fly<V>(key: K, flight: Flight, loader: Loader<V>): Promise<V> {
    const { load } = flight;
    try {
      loading++;
      let value: V;
      try {
        value = await current.run(load, loader.fetch);
      } finally {
        ended(load);
      }
      if (!flight.superseded) {
        const stored = loader.store(value);
        if (stored !== undefined) await stored;
      }
      return value;
    } catch (error) {
      if (flight.waiting === 0) this.#onFailure(key, error);
      throw error;
    } finally {
      if (!flight.superseded) this.#flights.delete(key);
    }
  }
}

function landing<V>(flight: Flight): Promise<V> {
  // `fetch` has returned one microtask later.
  return (flight.promise ?? Promise.resolve().then(() => flight.promise)) as Promise<V>;
}

function ended(load: Load): void {
  load.settled = true;
  load.awaitedBy = undefined;
  loading--;
  if (loading > 0 || isDisabling) return;
  isDisabling = true;
  setImmediate(() => {
    isDisabling = false;
    if (loading === 0) current.disable();
  });
}

function waitFor(load: Load, caller: Load): void {
  if (load.settled) return;
  const cycle = cycleThrough(load, caller);
  if (cycle !== undefined)
    throw new FlightCycleError(
      cycle.map(({ cache }) => cache),
      cycle.map(({ key }) => key),
    );
  (load.awaitedBy ??= new Set()).add(caller);
}

/**
 * A load of a value that is under way: a node in the graph of loads that wait for each other.
 *
 * @internal
 */
export interface Load {
  /** The instance's name. */
  readonly cache: string;
  readonly key: unknown;
  /** Whether it has ended, and so waits for no other load. */
  settled: boolean;
  /** The loads that asked for it, and count as waiting for it. */
  awaitedBy: Set<Load> | undefined;
}

/**
 * The cycle that there would be if `caller` waited for `load`, in the order of waiting: from `load`
 * to `caller`. Undefined when there is none.
 *
 * @internal
 */
export function cycleThrough(load: Load, caller: Load): Load[] | undefined {
  // From the caller to the loads that wait for it: each with the load that it waits for.
  const waitsFor = new Map<Load, Load | undefined>([[caller, undefined]]);
  for (const reached of waitsFor.keys()) {
    if (reached === load) return pathFrom(load, waitsFor);
    for (const waiter of reached.awaitedBy ?? [])
      if (!waiter.settled && !waitsFor.has(waiter)) waitsFor.set(waiter, reached);
  }
  return undefined;
}

function pathFrom(load: Load, waitsFor: ReadonlyMap<Load, Load | undefined>): Load[] {
  const path: Load[] = [];
  for (let at: Load | undefined = load; at !== undefined; at = waitsFor.get(at)) path.push(at);
  return path;
}
