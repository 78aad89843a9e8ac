import { createPubSub } from "./create-pubsub.js";
import { type Hub, LocalHub } from "./hub.js";
import { NodePubSub } from "./node-pubsub.js";
import { commonPubSubOptions, resolvePubSubOptions } from "./pubsub-options.js";
import type { PubSub, PubSubOptions } from "./types.js";

/** Options of {@link localPubSub}. */
export interface LocalPubSubOptions extends PubSubOptions {
  /** Connects the nodes that are given the same hub. Default: this node has no others. */
  hub?: Hub;
}

/**
 * A pubsub within the process. Two with one hub are two nodes, each in a system of its own or in
 * the same; without a hub it reaches no other node, and encodes nothing.
 *
 * @throws {@link OptionError}
 */
export function localPubSub(options: LocalPubSubOptions = {}): PubSub {
  const common = commonPubSubOptions("localPubSub", options, ["hub"]);
  if (options.hub === undefined) {
    const resolved = resolvePubSubOptions(common);
    return new NodePubSub(resolved, () => new LocalHub().transport(resolved.nodeName), true);
  }
  const hub = LocalHub.check(options.hub);
  return createPubSub(({ nodeName }) => hub.transport(nodeName), common);
}
