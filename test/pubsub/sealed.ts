import type { Codec } from "../../src/pubsub/encodable.js";
import { frame } from "../../src/pubsub/frame.js";

/** A message with a valid frame, whatever its content. */
export function sealed(id: number, content: Uint8Array): Uint8Array {
  const encode: Codec["encode"] = (_value, room = 0) => {
    const bytes = new Uint8Array(room + content.length);
    bytes.set(content, room);
    return bytes;
  };
  const codec: Codec = { id, name: "binary", encode, decode: () => undefined };
  return frame(codec, undefined);
}

/** A message of another version of the format. */
export function ofVersion(version: number): Uint8Array {
  const bytes = sealed(1, Uint8Array.of(0));
  bytes[0] = version;
  return bytes;
}
