import { channel, type Channel } from "node:diagnostics_channel";
import { report } from "./reports.js";
import { warningChannel, warnOfError, warnOfReported } from "./warnings.js";

/**
 * The diagnostics channels. Publishers check `hasSubscribers` first, so that no message is made
 * without a subscriber.
 *
 * @internal
 */
export const channels = {
  listenerRegistered: channel("nebulex.streams.listener_registered"),
  listenerUnregistered: channel("nebulex.streams.listener_unregistered"),
  registrationRetry: channel("nebulex.streams.registration_retry"),
  broadcast: channel("nebulex.streams.broadcast"),
  gap: channel("nebulex.streams.gap"),
  handlerError: channel("nebulex.streams.handler_error"),
  deadLetter: channel("nebulex.streams.dead_letter"),
  undelivered: channel("nebulex.streams.undelivered"),
  node: channel("nebulex.streams.node"),
  shapeMismatch: channel("nebulex.streams.shape_mismatch"),
  ownerChange: channel("nebulex.journal.owner_change"),
  fencedCommit: channel("nebulex.journal.fenced_commit"),
  invalidatorStarted: channel("nebulex.streams.invalidator.started"),
  invalidatorStopped: channel("nebulex.streams.invalidator.stopped"),
  invalidate: channel("nebulex.streams.invalidator.invalidate"),
  unhandledEvent: channel("nebulex.streams.invalidator.unhandled_event"),
  childTerminated: channel("nebulex.supervisor.child_terminated"),
  restart: channel("nebulex.supervisor.restart"),
  gaveUp: channel("nebulex.supervisor.gave_up"),
  actorExit: channel("nebulex.actor.exit"),
  callbackError: channel("nebulex.actor.callback_error"),
  listenerError: channel("nebulex.cache.listener_error"),
  topicSubscriberError: channel("nebulex.pubsub.subscriber_error"),
  messageRejected: channel("nebulex.pubsub.message_rejected"),
  inspectorListening: channel("nebulex.inspector.listening"),
  inspectorAction: channel("nebulex.inspector.action"),
  warning: warningChannel,
} as const satisfies Record<string, Channel>;

/**
 * Reports an error of a user's callback that has no caller to throw to (a monitor, a listener, a
 * filter): on its channel or, if that has no subscriber, as a warning.
 *
 * @internal
 */
export function reportCallbackError(
  to: Channel,
  what: string,
  error: unknown,
  details: object = {},
): void {
  if (!report(to, () => ({ ...details, what, error }))) warnOfReported(what, error);
}

export { warnOfError, warnOfReported };
