import { randomBytes } from "node:crypto";
import {
  integer,
  knownOptions,
  type Milliseconds,
  nonEmptyString,
  oneOf,
  plainName,
  positiveMilliseconds,
} from "../options.js";
import { refuseOption, shownKind } from "./broker-address.js";
import type { PubSubOptions } from "./types.js";

/** The options with their defaults. @internal */
export type ResolvedPubSubOptions = Readonly<Required<PubSubOptions>>;

const defaults = {
  namespace: "nebulex",
  codec: "binary",
  maxMessageSize: 1_048_576,
  heartbeat: 3000 as Milliseconds,
} as const;

/** The names of the options that all pubsubs have. @internal */
export const pubSubOptionNames: readonly (keyof PubSubOptions)[] = [
  "nodeName",
  "namespace",
  "codec",
  "maxMessageSize",
  "heartbeat",
];

/** @throws OptionError @internal */
export function resolvePubSubOptions(options: PubSubOptions): ResolvedPubSubOptions {
  knownOptions("createPubSub", options, pubSubOptionNames);
  return Object.freeze({
    nodeName:
      options.nodeName === undefined
        ? `node-${randomBytes(6).toString("hex")}`
        : plainName("nodeName", options.nodeName),
    namespace: plainName("namespace", options.namespace ?? defaults.namespace),
    codec: oneOf("codec", options.codec ?? defaults.codec, ["binary", "json"]),
    maxMessageSize: integer(
      "maxMessageSize",
      options.maxMessageSize ?? defaults.maxMessageSize,
      minMessageSize,
    ),
    heartbeat: positiveMilliseconds("heartbeat", options.heartbeat ?? defaults.heartbeat),
  });
}

/** In bytes: the nodes' state messages have to fit. */
const minMessageSize = 1024;

/**
 * Fails for options that are neither an engine's own (`own`) nor common to all pubsubs, and returns
 * the common ones for `createPubSub`.
 *
 * @internal
 */
export function commonPubSubOptions(
  what: string,
  options: object,
  own: readonly string[],
): PubSubOptions {
  // The value may be a URL with a password, which must not be shown.
  if (typeof options !== "object" || options === null || Array.isArray(options))
    throw refuseOption("options")(`an object (the options of ${what})`, shownKind(options));
  knownOptions(what, options, [...own, ...pubSubOptionNames]);
  const given = Object.entries(options).filter(([key]) =>
    (pubSubOptionNames as readonly string[]).includes(key),
  );
  return Object.fromEntries(given) as PubSubOptions;
}

/** @internal */
export function checkTopic(topic: unknown): string {
  return nonEmptyString("topic", topic);
}
