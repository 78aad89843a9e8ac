import { OptionError, show } from "../errors.js";
import { abortSignal, boolean, callable, knownOptions, positiveMilliseconds } from "../options.js";
import type { StoreQuery } from "./adapter.js";
import type { CounterOptions, FetchOptions, PutOptions, Query, Ttl } from "./types.js";

/** @internal */
export function readTtl(ttl: unknown): Ttl | undefined {
  if (ttl === undefined || ttl === null) return ttl;
  if (typeof ttl === "number" && ttl > 0) return ttl === Infinity ? null : ttl;
  throw invalidTtl(ttl);
}

/** A required TTL. @internal */
export function requireTtl(value: unknown): Ttl {
  const ttl = readTtl(value);
  if (ttl !== undefined) return ttl;
  throw invalidTtl(value);
}

/**
 * Checks the options of a command that stores a value, and returns the TTL. On the hot path.
 *
 * @internal
 */
export function readPutTtl(command: string, options: PutOptions | undefined): Ttl | undefined {
  if (options === undefined) return undefined;
  if (typeof options !== "object" || options === null) knownOptions(command, options, []);
  for (const name in options)
    if (name !== "ttl" && name !== "fill") knownOptions(command, options, ["ttl", "fill"]);
  if (options.fill !== undefined) boolean("fill", options.fill);
  return readTtl(options.ttl);
}

/** @internal */
export function readStoreTtl(command: string, options: unknown): Ttl | undefined {
  if (options === undefined) return undefined;
  knownOptions(command, options, ["ttl"]);
  return readTtl((options as { ttl?: unknown }).ttl);
}

/**
 * Checks the options of `fetchOrStore`; returns whether one of them is about more than what is
 * stored. On the hot path.
 *
 * @internal
 */
export function checkFetchOptions(options: FetchOptions<never, never>): boolean {
  if (typeof options !== "object" || options === null) unknownFetchOption(options);
  for (const name in options)
    if (name !== "ttl" && name !== "staleFor" && name !== "timeout" && name !== "signal")
      unknownFetchOption(options);
  const { ttl, staleFor, timeout, signal } = options;
  if (typeof ttl !== "function") readTtl(ttl);
  if (staleFor === undefined && timeout === undefined && signal === undefined) return false;
  if (staleFor !== undefined) positiveMilliseconds("staleFor", staleFor);
  if (timeout !== undefined) positiveMilliseconds("timeout", timeout);
  if (signal !== undefined) abortSignal("signal", signal);
  return true;
}

function unknownFetchOption(options: unknown): void {
  knownOptions("fetchOrStore", options, ["ttl", "staleFor", "timeout", "signal"]);
}

/** The TTL of a value that was loaded. @throws what a function of the caller's throws @internal */
export function fetchedTtl<K, V>({ ttl }: FetchOptions<K, V>, value: V, key: K): Ttl | undefined {
  return readTtl(typeof ttl === "function" ? ttl(value, key) : ttl);
}

/** @internal */
export function readCounterOptions(
  command: string,
  amount: unknown,
  options: CounterOptions | undefined,
): { amount: number; initial: number; ttl: Ttl | undefined } {
  if (options !== undefined) knownOptions(command, options, ["default", "ttl"]);
  return {
    amount: amount === undefined ? 1 : finite("amount", amount),
    initial: options?.default === undefined ? 0 : finite("default", options.default),
    ttl: readTtl(options?.ttl),
  };
}

/** The pairs by key, the last one of each. All are read before anything is changed. @internal */
export function readPairs<K, V>(entries: Iterable<readonly [K, V]>): Map<K, V> {
  if (!isIterable(entries)) throw invalidPairs(entries);
  const pairs = new Map<K, V>();
  for (const pair of entries) {
    if (!Array.isArray(pair) || pair.length !== 2) throw invalidPairs(pair);
    pairs.set(pair[0] as K, pair[1] as V);
  }
  return pairs;
}

/** @internal */
export function readQuery<K, V>(query: Query<K, V> | undefined): StoreQuery<K, V> {
  if (query === undefined) return everything;
  if (typeof query === "object" && query !== null && !Array.isArray(query)) {
    const [kind, ...others] = Object.keys(query);
    if (others.length === 0) {
      if (kind === "keys" && "keys" in query && isIterable(query.keys))
        return { kind, keys: new Set(query.keys) };
      if (kind === "prefix" && "prefix" in query && typeof query.prefix === "string")
        return { kind, prefix: query.prefix };
      if (kind === "where" && "where" in query)
        return { kind, where: callable("where", query.where) };
    }
  }
  throw new OptionError(
    "query",
    `invalid value for option "query": expected one of { keys: iterable }, { prefix: string } and { where: function }, got: ${show(query)}`,
  );
}

const everything = Object.freeze({ kind: "all" });

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof value === "object" && value !== null && Symbol.iterator in value;
}

function invalidTtl(value: unknown): OptionError {
  return OptionError.invalid(
    "ttl",
    "a number of milliseconds > 0, or null or Infinity for no TTL",
    value,
  );
}

function invalidPairs(value: unknown): OptionError {
  return OptionError.invalid("entries", "an iterable of [key, value] pairs", value);
}

function finite(option: string, value: unknown): number {
  if (typeof value === "number" && Number.isFinite(value)) return value;
  throw OptionError.invalid(option, "a finite number", value);
}
