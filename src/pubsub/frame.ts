import { crc32 } from "node:zlib";
import { binaryCodec } from "./binary-codec.js";
import type { Codec } from "./encodable.js";
import { jsonCodec } from "./json-codec.js";

/**
 * Version of the format of all that pubsubs and streams send: the first byte of each message.
 *
 * @internal
 */
export const wireVersion = 1;

/** Version, codec, and the checksum of the content: 4 bytes, big-endian. */
const headSize = 6;

/** What is wrong with a received message. */
export type RejectReason =
  "oversized" | "truncated" | "version" | "codec" | "damaged" | "malformed";

/** A message that is rejected. @internal */
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
 * A message: version, codec, checksum (CRC-32), content. Without the checksum, a damaged message
 * might be taken for another one.
 *
 * @throws what the codec throws for what it cannot encode
 * @internal
 */
export function frame(codec: Codec, value: unknown): Uint8Array {
  const bytes = codec.encode(value, headSize);
  bytes[0] = wireVersion;
  bytes[1] = codec.id;
  const checksum = crc32(bytes.subarray(headSize));
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(2, checksum);
  return bytes;
}

/** Whether the content of a message, which may be damaged elsewhere, begins with some bytes. @internal */
export function contentBeginsWith(bytes: Uint8Array, codec: Codec, start: Uint8Array): boolean {
  const end = headSize + start.length;
  if (bytes.length < end || bytes[0] !== wireVersion || bytes[1] !== codec.id) return false;
  return Buffer.compare(bytes.subarray(headSize, end), start) === 0;
}

/**
 * The content of a received message.
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

/** What is sent for one broadcast. @internal */
export interface TopicMessage {
  readonly namespace: string;
  readonly topic: string;
  /** The sender's node. */
  readonly from: string;
  readonly message: unknown;
}

/** @throws what the codec throws @internal */
export function encodeTopicMessage(codec: Codec, message: TopicMessage): Uint8Array {
  return frame(codec, [message.namespace, message.topic, message.from, message.message]);
}

/** @throws RejectedMessageError @internal */
export function decodeTopicMessage(bytes: Uint8Array, maxSize: number): TopicMessage {
  const parts = unframe(bytes, maxSize);
  if (!Array.isArray(parts) || parts.length !== 4)
    throw new RejectedMessageError("malformed", "no topic message");
  const [namespace, topic, from, message] = parts as unknown[];
  if (!isName(namespace) || !isName(topic) || !isName(from))
    throw new RejectedMessageError("malformed", "a name that is no string, or empty");
  return { namespace, topic, from, message };
}

function isName(value: unknown): value is string {
  return typeof value === "string" && value !== "";
}
