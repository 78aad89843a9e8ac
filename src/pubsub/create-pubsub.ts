import { OptionError, PubSubError } from "../errors.js";
import { NodePubSub } from "./node-pubsub.js";
import { resolvePubSubOptions } from "./pubsub-options.js";
import type { Transport } from "./transport.js";
import type { PubSub, PubSubOptions } from "./types.js";

/** What a transport is made for. */
export interface TransportContext {
  /** This node's name. */
  readonly nodeName: string;
  /** The namespace of its channels. */
  readonly namespace: string;
  /** The random numbers of its system, from 0 to below 1: for the jitter of reconnections. */
  readonly random: () => number;
}

/** Makes a transport, which is not open yet. Called for each incarnation of the pubsub's actor. */
export type TransportFactory = (context: TransportContext) => Transport;

/**
 * Makes a {@link PubSub} over a transport, for an adapter to a broker.
 *
 * A transport is opened only once: if one is given rather than a function that makes one, the
 * pubsub's actor can be started only once.
 *
 * @throws {@link OptionError}
 */
export function createPubSub(
  transport: Transport | TransportFactory,
  options: PubSubOptions = {},
): PubSub {
  const resolved = resolvePubSubOptions(options);
  const { nodeName, namespace } = resolved;
  const make =
    typeof transport === "function"
      ? (random: () => number): Transport => transport({ nodeName, namespace, random })
      : onlyOnce(checkTransport(transport), nodeName);
  return new NodePubSub(resolved, make, false);
}

function onlyOnce(transport: Transport, nodeName: string): () => Transport {
  let used = false;
  return () => {
    if (used)
      throw new PubSubError(
        "connect_failed",
        nodeName,
        "a transport is opened once: give createPubSub a function that makes one for each start",
      );
    used = true;
    return transport;
  };
}

const methods = ["open", "subscribe", "unsubscribe", "publish", "close"] as const;

function checkTransport(transport: unknown): Transport {
  const isTransport =
    typeof transport === "object" &&
    transport !== null &&
    methods.every((name) => typeof Reflect.get(transport, name) === "function");
  if (!isTransport)
    throw OptionError.invalid("transport", "a transport, or a function that makes one", transport);
  return transport as Transport;
}
