import xxhash from "xxhash-wasm";
import { HashNotReadyError, show } from "../errors.js";

let h32: (text: string, seed: number) => number = notReady;
let h32Raw: (bytes: Uint8Array, seed: number) => number = notReady;
let isReady = false;

/**
 * Settles when keys can be hashed. xxhash-wasm starts asynchronously; a stream's start waits for
 * it, so only code that calls {@link defaultHash} before any stream has started needs to await
 * this.
 */
export const hashReady: Promise<void> = xxhash().then((hasher) => {
  ({ h32, h32Raw } = hasher);
  isReady = true;
});
// A rejection is reported to every stream's start; nothing else awaits it.
hashReady.catch(() => {});

/** Whether `hashReady` has settled. @internal */
export function isHashReady(): boolean {
  return isReady;
}

function notReady(): never {
  throw new HashNotReadyError();
}

/**
 * One seed for each kind of key, so that `1`, `"1"` and `1n` are no more alike than any other keys.
 */
const seeds = { string: 0, number: 1, bytes: 2, other: 3 } as const;
const eightBytes = new Uint8Array(8);
const eightBytesView = new DataView(eightBytes.buffer);
/** Deeper than any sensible key; a bound for what refers to itself. */
const maxDepth = 64;
/** More than any sensible key holds; a bound for what refers to the same things many times over. */
const maxParts = 100_000;
/** Parts of the current key that have been visited. */
let parts = 0;

/**
 * xxHash32 of a key's value, as a signed 32-bit integer: the same for equal values in every
 * process. Numbers go by value (`-0` is `0`), a Date by its time, a Uint8Array by its bytes,
 * arrays, plain objects, Maps and Sets by what they hold.
 *
 * Source of the algorithm: xxHash by Yann Collet (XXH32), as xxhash-wasm computes it.
 *
 * @throws TypeError for a function, and for what refers to itself
 * @internal
 */
export function hashKey(key: unknown): number {
  if (typeof key === "string") return h32(key, seeds.string) | 0;
  if (typeof key === "number") {
    // The two zeros are one key, and so are all NaNs.
    eightBytesView.setFloat64(0, key === 0 ? 0 : key, true);
    if (Number.isNaN(key)) eightBytes.fill(255);
    return h32Raw(eightBytes, seeds.number) | 0;
  }
  if (key instanceof Uint8Array) return h32Raw(key, seeds.bytes) | 0;
  parts = 0;
  return h32(canonical(key, 0), seeds.other) | 0;
}

/** The partition that a key's hash stands for. @internal */
export function partitionOfHash(hash: number, partitions: number): number {
  // Without the conversions the engine divides floating-point numbers, in a call.
  return ((hash >>> 0) % (partitions >>> 0)) | 0;
}

/** A text that two values share exactly if they are equal by structure. */
function canonical(value: unknown, depth: number): string {
  if (depth > maxDepth)
    throw new TypeError(`cannot hash a key that is nested deeper than ${maxDepth} levels`);
  if (++parts > maxParts)
    throw new TypeError(`cannot hash a key that has more than ${maxParts} parts`);
  switch (typeof value) {
    case "string":
      return `s${value.length}:${value}`;
    case "number":
      return `n${value === 0 ? 0 : value};`;
    case "bigint":
      return `i${value};`;
    case "boolean":
      return value ? "T" : "F";
    case "undefined":
      return "U";
    case "symbol":
      return `y${canonical(value.description, depth)}`;
    case "object":
      return value === null ? "N" : canonicalObject(value, depth + 1);
    case "function":
      break;
  }
  throw new TypeError(`cannot hash a key of type ${typeof value}: ${show(value)}`);
}

function canonicalObject(value: object, depth: number): string {
  const inner = (item: unknown): string => canonical(item, depth);
  if (value instanceof Date) return `d${value.getTime()};`;
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return `b${bytes.length}:${bytes.toString("latin1")}`;
  }
  if (value instanceof ArrayBuffer) return canonicalObject(new Uint8Array(value), depth);
  if (Array.isArray(value)) return `[${value.map(inner).join("")}]`;
  if (value instanceof Map)
    return `M{${[...value]
      .map(([k, v]) => inner(k) + inner(v))
      .sort()
      .join("")}}`;
  if (value instanceof Set) return `S{${[...value].map(inner).sort().join("")}}`;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${fields.map(([name, field]) => inner(name) + inner(field)).join("")}}`;
}
