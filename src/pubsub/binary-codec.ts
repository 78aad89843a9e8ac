import { Decoder, Encoder, ExtData, type ExtensionCodecType } from "@msgpack/msgpack";
import { type Codec, maxDepth, normalize, type TypeEncoders } from "./encodable.js";
import { checkMessagePack, type ExtensionKind } from "./msgpack-check.js";

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
  encode: (value, room = 0) => {
    const content = encoder.encodeSharedRef(normalize(value, encoders));
    const bytes = new Uint8Array(room + content.length);
    bytes.set(content, room);
    return bytes;
  },
  decode: (bytes) => {
    checkMessagePack(bytes, kindOf);
    return decoder.decode(bytes);
  },
};

/** Extension types on the wire: none may change its meaning. */
const extension = {
  undefined: 1,
  minusZero: 2,
  bigint: 3,
  text: 4,
  date: 5,
  bytes: 6,
  map: 7,
  set: 8,
} as const;

const nothing = new Uint8Array(1);
const encodedUndefined = new ExtData(extension.undefined, nothing);
const encodedMinusZero = new ExtData(extension.minusZero, nothing);

const encoders: TypeEncoders = {
  undefined: () => encodedUndefined,
  number: (value) => (value === 0 ? encodedMinusZero : value),
  bigint: (value) => new ExtData(extension.bigint, bytesOfBigint(value)),
  text: (value) => new ExtData(extension.text, Buffer.from(value, "utf16le")),
  date: (value) => {
    const bytes = new Uint8Array(8);
    new DataView(bytes.buffer).setFloat64(0, value.getTime());
    return new ExtData(extension.date, bytes);
  },
  bytes: (value) => new ExtData(extension.bytes, value),
  map: (entries) => new ExtData(extension.map, encoder.encode(entries)),
  set: (items) => new ExtData(extension.set, encoder.encode(items)),
  object: (value) => value,
};

const extensions: ExtensionCodecType<undefined> = {
  tryToEncode: (object) => (object instanceof ExtData ? object : null),
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

// The check limits the nesting; the limits here only have to be above it.
const encoder = new Encoder({ extensionCodec: extensions, maxDepth: maxDepth + 2 });
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

/** The sign (0 or 1), then the magnitude, the highest byte first. */
function bytesOfBigint(value: bigint): Uint8Array {
  const hex = (value < 0n ? -value : value).toString(16);
  return Buffer.from((value < 0n ? "01" : "00") + (hex.length % 2 === 0 ? hex : `0${hex}`), "hex");
}

function bigintOfBytes(data: Uint8Array): bigint {
  const [sign] = data;
  if (sign === undefined || sign > 1 || data.length < 2) throw new Error("no bigint");
  const hex = Buffer.from(data.buffer, data.byteOffset + 1, data.length - 1).toString("hex");
  const magnitude = BigInt(`0x${hex}`);
  return sign === 1 ? -magnitude : magnitude;
}
