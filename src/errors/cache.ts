import { NebulexError, show } from "./base.js";

/** A command on a cache instance that is not running. */
export class CacheNotStartedError extends NebulexError {
  readonly code = "E_CACHE_NOT_STARTED";
  override readonly name: string = "CacheNotStartedError";
  /** The instance's name. */
  readonly cache: string;

  /** @param hasRun whether the instance has been running before */
  constructor(name: string, hasRun = false) {
    const why = hasRun
      ? "it has been stopped, or waits for its restart"
      : "put it into a supervisor's children list, and await startSupervisor before the first command";
    super(`cache not started: ${name}: ${why}`);
    this.cache = name;
  }
}

/** `fetch` of a key that the cache does not hold. */
export class KeyNotFoundError extends NebulexError {
  readonly code = "E_KEY_NOT_FOUND";
  override readonly name: string = "KeyNotFoundError";
  /** The instance's name. */
  readonly cache: string;
  /** The key that was asked for. */
  readonly key: unknown;

  constructor(name: string, key: unknown) {
    super(`key not found in cache ${name}: ${show(key)}`);
    this.cache = name;
    this.key = key;
  }
}

/**
 * A `fetchOrStore` that could never settle: its load waits, by way of others, for itself. Nothing
 * is stored.
 */
export class FlightCycleError extends NebulexError {
  readonly code = "E_FLIGHT_CYCLE";
  override readonly name: string = "FlightCycleError";
  /**
   * The cycle in order: the load of each key waits for that of the next, the last for the first.
   */
  readonly keys: readonly unknown[];
  /** The name of the instance of each of the keys. */
  readonly caches: readonly string[];

  constructor(caches: readonly string[], keys: readonly unknown[]) {
    const loads = keys.map((key, index) => `${show(key)} of cache ${String(caches[index])}`);
    super(`loads wait for each other: ${[...loads, loads[0]].join(" -> ")}`);
    this.keys = keys;
    this.caches = caches;
  }
}

/** `fetchOrStore` waited as long as its `timeout` allows. The load goes on, and may still store. */
export class FetchTimeoutError extends NebulexError {
  readonly code = "E_FETCH_TIMEOUT";
  override readonly name: string = "FetchTimeoutError";
  /** The instance's name. */
  readonly cache: string;
  /** The key that was asked for. */
  readonly key: unknown;
  /** How long it waited, in milliseconds. */
  readonly timeout: number;

  constructor(name: string, key: unknown, timeout: number) {
    super(`fetchOrStore had no value for ${show(key)} of cache ${name} within ${timeout} ms`);
    this.cache = name;
    this.key = key;
    this.timeout = timeout;
  }
}

/** A listener id that is taken on this cache instance. */
export class ListenerExistsError extends NebulexError {
  readonly code = "E_LISTENER_EXISTS";
  override readonly name: string = "ListenerExistsError";
  /** The instance's name. */
  readonly cache: string;
  /** The id that is taken. */
  readonly id: unknown;

  constructor(name: string, id: unknown) {
    super(`event listener already exists on cache ${name}: ${show(id)}`);
    this.cache = name;
    this.id = id;
  }
}
