import { channel, type Channel } from "node:diagnostics_channel";
import { warningChannel, warnOfError } from "./warnings.js";

/**
 * The diagnostics channels. Whoever has something to tell looks at `hasSubscribers` first, so that
 * nothing is made for nobody.
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
  warning: warningChannel,
} as const satisfies Record<string, Channel>;

/**
 * Tells of an error in a user's callback that has nobody above it to throw to (a monitor, a
 * listener, a filter): on its channel or, if nobody listens there, as a process warning, so that it
 * is never silent.
 *
 * @internal
 */
export function reportCallbackError(
  to: Channel,
  what: string,
  error: unknown,
  details: object = {},
): void {
  if (to.hasSubscribers) to.publish({ ...details, what, error });
  else warnOfError(what, error);
}

export { warnOfError };
