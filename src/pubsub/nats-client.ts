import type { NatsConnection, NodeConnectionOptions, Status } from "@nats-io/transport-node";
import { loadPeer, RefusedError, toError } from "./broker-session.js";

export type { NatsConnection };

/**
 * What the connection is made with: TLS, token, user and password or an authenticator, name and so
 * on. `servers` has an option of its own, and it is `natsPubSub` that connects again.
 */
export type NatsOptions = Omit<NodeConnectionOptions, (typeof ownOptions)[number]>;

/** Options of nats.js that `natsPubSub` does not take. @internal */
export const ownOptions = [
  "servers",
  "port",
  "reconnect",
  "waitOnFirstConnect",
  "maxReconnectAttempts",
  "reconnectDelayHandler",
  "reconnectJitter",
  "reconnectJitterTLS",
  "reconnectTimeWait",
  "ignoreAuthErrorAbort",
  "reconnectToServer",
] as const;

/** @throws (as a rejection) MissingPackageError @internal */
export function loadNats() {
  return loadPeer("@nats-io/transport-node", () => import("@nats-io/transport-node"));
}

/** Connects to one of the servers, once. @internal */
export async function newConnection(
  servers: readonly string[],
  options: NatsOptions,
): Promise<NatsConnection> {
  const { connect } = await loadNats();
  return connect({ ...options, servers: [...servers], reconnect: false });
}

/** What a connection tells about itself, until `stop`. @internal */
export interface Statuses extends AsyncIterable<Status> {
  stop(): void;
}

/** @internal */
export function statusesOf(connection: NatsConnection): Statuses {
  // A queue in truth, which can be stopped while somebody waits for the next.
  return connection.status() as Statuses;
}

/** A permission that is missing, for subscribing or publishing to a subject. @internal */
export interface Violation extends Error {
  readonly operation: "subscription" | "publish";
  readonly subject: string;
}

/** @internal */
export function isViolation(error: Error): error is Violation {
  return error.name === "PermissionViolationError";
}

const refusals: ReadonlySet<string> = new Set([
  "AuthorizationError",
  "UserAuthenticationExpiredError",
  "InvalidArgumentError",
  "InvalidSubjectError",
  "PermissionViolationError",
  "TypeError",
]);

/** As {@link RefusedError} what the server won't say otherwise next time. @internal */
export function asFailure(error: unknown): Error {
  const failure = toError(error);
  return refusals.has(failure.name) ? new RefusedError(failure) : failure;
}
