import { createHash, randomBytes } from "node:crypto";
import type {
  MsgHdrs,
  NatsConnection,
  NodeConnectionOptions,
  Status,
} from "@nats-io/transport-node";
import { loadPeer, RefusedError, toError } from "./broker-session.js";

export type { MsgHdrs, NatsConnection };

/**
 * Options of the connection: TLS, token, user and password or an authenticator, name and so on.
 * `servers` is an option of `natsPubSub`, which also reconnects itself.
 */
export type NatsOptions = Omit<NodeConnectionOptions, (typeof ownOptions)[number]>;

/** Options of nats.js that `natsPubSub` does not take. Not internal: the type above needs it. */
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

/** Makes empty headers. @internal */
export async function headersFactory(): Promise<() => MsgHdrs> {
  const { headers } = await loadNats();
  return () => headers();
}

/** A new subject for answers, with the prefix that the connection's options have. @internal */
export function newInbox(connection: NatsConnection): string {
  const options: unknown = Reflect.get(connection, "options");
  const { inboxPrefix } = (options ?? {}) as { inboxPrefix?: unknown };
  const prefix = typeof inboxPrefix === "string" ? inboxPrefix : "_INBOX";
  return `${prefix}.${randomBytes(12).toString("hex")}`;
}

/** The status events of a connection, until `stop`. @internal */
export interface Statuses extends AsyncIterable<Status> {
  stop(): void;
}

/** @internal */
export function statusesOf(connection: NatsConnection): Statuses {
  // The value is a queue, which can be stopped while its next element is awaited.
  return connection.status() as Statuses;
}

/** A missing permission to subscribe to a subject or publish on it. @internal */
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

/** An error as a {@link RefusedError} where the server would answer the same again. @internal */
export function asFailure(error: unknown): Error {
  const failure = toError(error);
  return refusals.has(failure.name) ? new RefusedError(failure) : failure;
}

const plain = /[\w/@-]/;
// The server accepts control lines of 4096 bytes, which may hold two subjects and a header.
const maxLength = 1024;
const keptOfLongOnes = 512;

/**
 * A channel's name as a subject. Colons separate the subject's tokens, so that permissions can be
 * given by `namespace.>`. Letters, digits and `_ - / @` stay, any other UTF-16 unit becomes
 * `=` and its four hex digits, and the end of a very long name becomes its hash.
 *
 * @internal
 */
export function subjectOf(channel: string): string {
  let subject = "";
  for (let index = 0; index < channel.length; index++) {
    const char = channel.charAt(index);
    // No token may be empty.
    const between = index > 0 && index < channel.length - 1 && channel.charAt(index - 1) !== ":";
    if (char === ":" && between) subject += ".";
    else subject += plain.test(char) ? char : escaped(char);
  }
  if (subject.length <= maxLength) return subject;
  const hash = createHash("sha256").update(subject).digest("hex");
  // No character is escaped as "=~".
  return `${subject.slice(0, keptOfLongOnes)}=~${hash}`;
}

/** A UTF-16 unit as `=` and its four hex digits. @internal */
export function escaped(char: string): string {
  return `=${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
