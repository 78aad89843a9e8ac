import { show } from "../errors.js";
import { binaryCodec } from "./binary-codec.js";

/**
 * Keys as texts, the same in every process: by value, with the fields of objects in one order. What
 * tells them apart is what tells their hashes apart, and more.
 */

/** Deeper than any sensible key. */
const maxDepth = 64;

/**
 * A key as a text that UTF-8 can represent: `s` and a string, `n` and a number, or `b` and the
 * binary codec's bytes in Base64.
 *
 * @throws Error for what can't be encoded
 * @internal
 */
export function keyText(key: unknown): string {
  if (typeof key === "string" && isWellFormed(key)) return `s${key}`;
  if (typeof key === "number" && Number.isFinite(key)) return `n${key === 0 ? 0 : key}`;
  return `b${Buffer.from(binaryCodec.encode(ordered(key, 0))).toString("base64")}`;
}

/**
 * The key that a text stands for.
 *
 * @throws Error for a text that stands for none
 * @internal
 */
export function keyOfText(text: string): unknown {
  const rest = text.slice(1);
  switch (text.charAt(0)) {
    case "s":
      return rest;
    case "n": {
      const number = Number(rest);
      if (String(number) === rest && Number.isFinite(number)) return number;
      break;
    }
    case "b":
      return binaryCodec.decode(Buffer.from(rest, "base64"));
  }
  throw new Error(`no key: ${show(text)}`);
}

function isWellFormed(text: string): boolean {
  return (text as unknown as { isWellFormed(): boolean }).isWellFormed();
}

/** The same value with its fields and members in one order. */
function ordered(value: unknown, depth: number): unknown {
  if (depth > maxDepth) throw new Error(`cannot encode a key nested deeper than ${maxDepth}`);
  if (value === 0) return 0;
  if (typeof value !== "object" || value === null) return value;
  const inner = (item: unknown): unknown => ordered(item, depth + 1);
  if (Array.isArray(value)) return value.map(inner);
  if (value instanceof Map)
    return new Map(
      byBytes([...value].map(([key, item]) => [inner(key), inner(item)] as [unknown, unknown])),
    );
  if (value instanceof Set) return new Set(byBytes([...value].map(inner)));
  const proto = Object.getPrototypeOf(value) as object | null;
  if (proto !== Object.prototype && proto !== null) return value;
  const fields = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(fields.map(([name, item]) => [name, inner(item)]));
}

function byBytes<T>(items: T[]): T[] {
  const known = items.map((item) => ({ item, bytes: Buffer.from(binaryCodec.encode(item)) }));
  return known.sort((a, b) => a.bytes.compare(b.bytes)).map(({ item }) => item);
}
