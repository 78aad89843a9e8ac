import type { Codec } from "./codec.js";
import { frame, RejectedMessageError, unframe } from "./frame.js";

/** What goes over the wire for one broadcast. @internal */
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
