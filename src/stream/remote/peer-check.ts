import {
  type NebulexError,
  PubSubError,
  ShapeMismatchError,
  type StreamShape,
} from "../../errors.js";
import type { StateMessage } from "./messages.js";

/** Why a stream can't be one with another node's; undefined: it can. @internal */
export function clashWith(
  message: StateMessage,
  own: { readonly node: string; readonly name: string; readonly shape: StreamShape },
): NebulexError | undefined {
  if (message.node === own.node) {
    return new PubSubError(
      "node_name_taken",
      own.node,
      `the stream ${own.name} is running already on another node that is named ${own.node}: node names must differ`,
    );
  }
  const { partitions, hash, version } = message.shape;
  const { shape } = own;
  if (partitions === shape.partitions && hash === shape.hash && version === shape.version)
    return undefined;
  return new ShapeMismatchError(own.name, shape, message.node, message.shape);
}
