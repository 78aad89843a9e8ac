import { type NebulexError, PubSubError, ShapeMismatchError, type StreamShape } from "../errors.js";
import type { Bus } from "../pubsub/types.js";
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

/** Clashes that are remembered at the most. */
const maxTold = 256;

/** Remembers which nodes' clashes have been told of, so that each is told once. @internal */
export class ToldClashes {
  readonly #told = new Set<string>();

  /** Whether it is the first time. */
  add({ node, epoch }: StateMessage): boolean {
    const id = `${node}:${epoch}`;
    if (this.#told.has(id)) return false;
    // Who makes nodes up neither uses up the memory, nor has each told of.
    if (this.#told.size >= maxTold) return false;
    this.#told.add(id);
    return true;
  }
}

const ownEpochs = new WeakMap<Bus, Set<string>>();

/**
 * The epochs of this process's own streams over a bus, those that have ended included: what a
 * broker brings back late of a stream that was restarted is not another node's of this name.
 *
 * @internal
 */
export function epochsOf(bus: Bus): Set<string> {
  let epochs = ownEpochs.get(bus);
  if (epochs === undefined) ownEpochs.set(bus, (epochs = new Set()));
  return epochs;
}
