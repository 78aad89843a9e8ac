import { types } from "node:util";
import { show } from "../errors.js";

/**
 * Encodes values as bytes and decodes them, keeping the types: strings, numbers, bigints, booleans,
 * null, undefined, Dates, Uint8Arrays, Maps, Sets, arrays and plain objects.
 *
 * @internal
 */
export interface Codec {
  /** The second byte of each message, after the version of the format. */
  readonly id: number;
  readonly name: "binary" | "json";
  /**
   * @param room bytes to leave before the value, for the caller to set; default: 0
   * @throws for what it can't encode
   */
  encode(value: unknown, room?: number): Uint8Array;
  /** @throws for bytes that are no encoded value, whatever they are; nothing else happens */
  decode(bytes: Uint8Array): unknown;
}

/** How deep arrays, objects, Maps and Sets may be nested. @internal */
export const maxDepth = 100;

/**
 * Encodes the values that a codec's format cannot represent. The contents of Maps and Sets are
 * normalized already.
 *
 * @internal
 */
export interface TypeEncoders {
  undefined(): unknown;
  /** NaN, -0, Infinity, -Infinity. */
  number(value: number): unknown;
  bigint(value: bigint): unknown;
  /** A string with a lone surrogate. */
  text(value: string): unknown;
  date(value: Date): unknown;
  bytes(value: Uint8Array): unknown;
  map(entries: unknown[]): unknown;
  set(items: unknown[]): unknown;
  /** A plain object with normalized fields. */
  object(value: Record<string, unknown>): unknown;
}

/**
 * Checks that a value can be encoded, and replaces in a copy of it what the format cannot
 * represent. Parts that need no change are not copied.
 *
 * @throws Error that names what cannot be encoded, and where
 * @internal
 */
export function normalize(value: unknown, encoders: TypeEncoders): unknown {
  return normalizeValue(value, encoders, 0, "");
}

function normalizeValue(
  value: unknown,
  encoders: TypeEncoders,
  depth: number,
  at: string,
): unknown {
  switch (typeof value) {
    case "string":
      return isWellFormed(value) ? value : encoders.text(value);
    case "boolean":
      return value;
    case "number":
      return Number.isFinite(value) && !(value === 0 && 1 / value < 0)
        ? value
        : encoders.number(value);
    case "undefined":
      return encoders.undefined();
    case "bigint":
      return encoders.bigint(value);
    case "object":
      return value === null ? null : normalizeObject(value, encoders, depth, at);
    case "function":
      throw refusal("a function", value, at);
    case "symbol":
      throw refusal("a symbol", value, at);
    // no default
  }
}

function normalizeObject(
  value: object,
  encoders: TypeEncoders,
  depth: number,
  at: string,
): unknown {
  if (depth === maxDepth)
    throw new Error(`cannot encode what is nested deeper than ${maxDepth}, or contains itself`);
  const proto = Object.getPrototypeOf(value) as object | null;
  if (Array.isArray(value) && Array.isArray(proto))
    return normalizeArray(value, encoders, depth, at);
  if (proto === Object.prototype || isRootPrototype(proto))
    return normalizePlain(value as Record<string, unknown>, encoders, depth, at);
  // An instance of a class that extends one of these would lose what the class adds.
  const builtIn = isRootPrototype(Object.getPrototypeOf(proto) as object | null);
  if (builtIn && types.isDate(value)) return encoders.date(value);
  if (types.isUint8Array(value)) return encoders.bytes(value);
  if (builtIn && types.isMap(value)) {
    const entries: unknown[] = [];
    for (const [key, item] of value) {
      entries.push(normalizeValue(key, encoders, depth + 1, `${at}.<key>`));
      entries.push(normalizeValue(item, encoders, depth + 1, `${at}.<value>`));
    }
    return encoders.map(entries);
  }
  if (builtIn && types.isSet(value))
    return encoders.set(
      [...value].map((item) => normalizeValue(item, encoders, depth + 1, `${at}.<item>`)),
    );
  throw refusal(`an instance of ${nameOf(proto)}`, value, at);
}

function normalizeArray(
  array: readonly unknown[],
  encoders: TypeEncoders,
  depth: number,
  at: string,
): unknown[] {
  let copy: unknown[] | undefined;
  for (let index = 0; index < array.length; index++) {
    const item = array[index];
    const normalized = normalizeValue(item, encoders, depth + 1, at);
    if (copy !== undefined) copy.push(normalized);
    else if (normalized !== item || (normalized === undefined && !Object.hasOwn(array, index))) {
      copy = array.slice(0, index);
      copy.push(normalized);
    }
  }
  return copy ?? (array as unknown[]);
}

function normalizePlain(
  object: Record<string, unknown>,
  encoders: TypeEncoders,
  depth: number,
  at: string,
): unknown {
  let copy: Record<string, unknown> | undefined;
  for (const key of Object.keys(object)) {
    if (key === "__proto__" || !isWellFormed(key))
      throw new Error(`cannot encode the field name ${show(key)} in ${at === "" ? "it" : at}`);
    const item = object[key];
    const normalized = normalizeValue(item, encoders, depth + 1, at);
    if (normalized === item) continue;
    copy ??= { ...object };
    copy[key] = normalized;
  }
  return encoders.object(copy ?? object);
}

/** Whether a text has no lone surrogate. Node 20 has the method; the types of its ES have not. */
function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** Whether this is the end of a prototype chain: `Object.prototype` of any realm, or null. */
function isRootPrototype(proto: object | null): boolean {
  return (
    proto === null ||
    proto === Object.prototype ||
    (Object.getPrototypeOf(proto) === null && Object.hasOwn(proto, "isPrototypeOf"))
  );
}

function nameOf(proto: object | null): string {
  const maker: unknown = proto === null ? undefined : Reflect.get(proto, "constructor");
  return typeof maker === "function" && maker.name !== "" ? maker.name : "a class";
}

function refusal(what: string, value: unknown, at: string): Error {
  return new Error(`cannot encode ${what}${at === "" ? "" : ` in ${at}`}: ${show(value)}`);
}
