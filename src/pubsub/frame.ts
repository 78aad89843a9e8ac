import { crc32 } from "node:zlib";
import { binaryCodec } from "./binary-codec.js";
import type { Codec } from "./codec.js";
import { jsonCodec } from "./json-codec.js";

/**
 * Version of the format of all that pubsubs and streams send: the first byte of each message.
 *
 * @internal
 */
export const wireVersion = 1;

/** Version, codec, and the checksum of the content: 4 bytes, big-endian. */
const headSize = 6;

/** What is wrong with a message that has come. */
export type RejectReason =
  "oversized" | "truncated" | "version" | "codec" | "damaged" | "malformed";

/** A message that is not taken. @internal */
export class RejectedMessageError extends Error {
  readonly reason: RejectReason;

  constructor(reason: RejectReason, message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = reason;
  }
}

/** @internal */
export function codecOf(name: Codec["name"]): Codec {
  return name === "binary" ? binaryCodec : jsonCodec;
}

/**
 * A message: version, codec, checksum (CRC-32), content. The checksum is there so that what is
 * damaged on its way is not taken for something else that was never sent.
 *
 * @throws what the codec throws for what it can't encode
 * @internal
 */
export function frame(codec: Codec, value: unknown): Uint8Array {
  const content = codec.encode(value);
  const bytes = new Uint8Array(headSize + content.length);
  bytes[0] = wireVersion;
  bytes[1] = codec.id;
  new DataView(bytes.buffer).setUint32(2, crc32(content));
  bytes.set(content, headSize);
  return bytes;
}

/**
 * The content of a message that has come from anybody.
 *
 * @throws RejectedMessageError, and nothing else, whatever the bytes are
 * @internal
 */
export function unframe(bytes: Uint8Array, maxSize: number): unknown {
  if (bytes.length > maxSize)
    throw new RejectedMessageError("oversized", `${bytes.length} bytes, more than ${maxSize}`);
  if (bytes.length <= headSize)
    throw new RejectedMessageError("truncated", `${bytes.length} bytes`);
  if (bytes[0] !== wireVersion)
    throw new RejectedMessageError("version", `version ${bytes[0]}, not ${wireVersion}`);
  const codec = [binaryCodec, jsonCodec].find(({ id }) => id === bytes[1]);
  if (codec === undefined) throw new RejectedMessageError("codec", `codec ${bytes[1]}`);
  const content = bytes.subarray(headSize);
  const checksum = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
  if (crc32(content) !== checksum) throw new RejectedMessageError("damaged", "wrong checksum");
  try {
    return codec.decode(content);
  } catch (cause) {
    throw new RejectedMessageError("malformed", "no value", { cause });
  }
}
