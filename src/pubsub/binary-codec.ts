import { Decoder, type ExtensionCodecType } from "@msgpack/msgpack";
import type { Codec } from "./encodable.js";
import { checkMessagePack, type ExtensionKind } from "./msgpack-check.js";
import { extension, writeMessagePack } from "./msgpack-writer.js";

/**
 * MessagePack, with extensions for what it cannot represent. Of the packages for compact formats,
 * this one generates no code from input and has no global table of types, which other code in the
 * process could extend.
 *
 * @internal
 */
export const binaryCodec: Codec = {
  id: 1,
  name: "binary",
  encode: (value, room = 0) => writeMessagePack(value, room),
  decode: (bytes) => {
    checkMessagePack(bytes, kindOf);
    return decoder.decode(bytes);
  },
};

const extensions: ExtensionCodecType<undefined> = {
  tryToEncode: () => null,
  decode: (data, type) => {
    switch (type) {
      case extension.undefined:
        return undefined;
      case extension.minusZero:
        return -0;
      case extension.bigint:
        return bigintOfBytes(data);
      case extension.text:
        return Buffer.from(data).toString("utf16le");
      case extension.date:
        if (data.length !== 8) throw new Error("a date has 8 bytes");
        return new Date(new DataView(data.buffer, data.byteOffset, 8).getFloat64(0));
      case extension.bytes:
        // A copy: the payload may lie in a buffer that is used again.
        return new Uint8Array(data);
      case extension.map:
        return mapOf(listIn(data));
      case extension.set:
        return new Set(listIn(data));
      default:
        throw new Error(`unknown extension type ${type}`);
    }
  },
};

const decoder = new Decoder({ extensionCodec: extensions });

const kinds: readonly ExtensionKind[] = [
  undefined,
  "leaf",
  "leaf",
  "leaf",
  "leaf",
  "leaf",
  "leaf",
  "nested",
  "nested",
];
const kindOf = (type: number): ExtensionKind => kinds[type];

function listIn(data: Uint8Array): unknown[] {
  const list = decoder.decode(data);
  if (!Array.isArray(list)) throw new Error("a Map or Set without its list");
  return list;
}

function mapOf(list: readonly unknown[]): Map<unknown, unknown> {
  if (list.length % 2 !== 0) throw new Error("a Map whose last key has no value");
  const map = new Map<unknown, unknown>();
  for (let index = 0; index < list.length; index += 2) map.set(list[index], list[index + 1]);
  return map;
}

function bigintOfBytes(data: Uint8Array): bigint {
  const [sign] = data;
  if (sign === undefined || sign > 1 || data.length < 2) throw new Error("no bigint");
  const hex = Buffer.from(data.buffer, data.byteOffset + 1, data.length - 1).toString("hex");
  const magnitude = BigInt(`0x${hex}`);
  return sign === 1 ? -magnitude : magnitude;
}
