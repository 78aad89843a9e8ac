import type { NebulexError, StreamShape } from "../../errors.js";
import type { CacheEvent } from "../../event/event.js";
import { channels, warnOfError } from "../../telemetry/channels.js";
import type { StateMessage } from "./messages.js";
import type { Origin } from "./origin.js";
import { unsendable } from "./outbox.js";

/** The stream that is told of. @internal */
export interface ReportSubject {
  readonly cache: string;
  readonly name: string;
  /** This node. */
  readonly pubsub: string;
}

/** What becomes of another node. @internal */
export function reportNode(subject: ReportSubject, { node, epoch }: Origin, status: string): void {
  if (channels.node.hasSubscribers) channels.node.publish({ ...subject, node, epoch, status });
}

/** A node that this one can't exchange events with. @internal */
export function reportClash(
  { cache, name, pubsub }: ReportSubject,
  own: StreamShape,
  { node, shape: other }: StateMessage,
  error: NebulexError,
): void {
  if (channels.shapeMismatch.hasSubscribers)
    channels.shapeMismatch.publish({ cache, name, node, own, other, error });
  else warnOfError(`stream ${name} on node ${pubsub}`, error);
}

/** An event that can't be sent, ever. @internal */
export function reportUnsendable(
  { name, pubsub }: ReportSubject,
  event: CacheEvent,
  failure: unknown,
): void {
  const reason = unsendable(pubsub, failure);
  if (!channels.broadcast.hasSubscribers) {
    warnOfError(`stream ${name}`, reason);
    return;
  }
  const { topic } = event.metadata;
  channels.broadcast.publish({ status: "error", reason, pubsub, topic, event });
}
