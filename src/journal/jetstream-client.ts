import { loadPeer } from "../pubsub/broker-session.js";

/** @throws (as a rejection) MissingPackageError @internal */
export function loadJetStream() {
  return loadPeer("@nats-io/jetstream", () => import("@nats-io/jetstream"));
}

/** @throws (as a rejection) MissingPackageError @internal */
export function loadKeyValue() {
  return loadPeer("@nats-io/kv", () => import("@nats-io/kv"));
}
