import { binaryCodec } from "./binary-codec.js";
import type { Codec } from "./encodable.js";
import { jsonCodec } from "./json-codec.js";

// The first byte says how the rest is encoded. Strings and numbers, of which most caches are made,
// need no codec; a number is a text so that a script can add to it.
const text = 0x73; // "s"
const number = 0x6e; // "n"

/**
 * A value as bytes, or as a text that UTF-8 can represent.
 *
 * @throws what the codec throws for what it can't encode
 * @internal
 */
export function encodeValue(codec: Codec, value: unknown): string | Buffer {
  if (typeof value === "string" && isWellFormed(value)) return `s${value}`;
  if (typeof value === "number" && Number.isFinite(value) && !Object.is(value, -0))
    return `n${value}`;
  const bytes = codec.encode(value, 1);
  bytes[0] = codec.id;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/**
 * The value that bytes stand for, from `start` on.
 *
 * @throws Error for bytes that stand for none
 * @internal
 */
export function decodeValue(bytes: Buffer, start = 0): unknown {
  const kind = bytes[start];
  if (kind === text) return bytes.toString("utf8", start + 1);
  if (kind === number) {
    const value = Number(bytes.toString("latin1", start + 1));
    if (bytes.length > start + 1 && Number.isFinite(value)) return value;
  }
  if (kind === binaryCodec.id) return binaryCodec.decode(bytes.subarray(start + 1));
  if (kind === jsonCodec.id) return jsonCodec.decode(bytes.subarray(start + 1));
  throw new Error("no value of a cache");
}

function isWellFormed(value: string): boolean {
  return (value as unknown as { isWellFormed(): boolean }).isWellFormed();
}
