import { type NebulexError, PubSubError, show, type StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import { channels, warnOfError, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import type { StateMessage } from "./messages.js";
import type { Replica } from "./replica.js";

/** Conflicts that are remembered at most. */
const maxConflicts = 256;

/** The stream that the reports are about. */
interface ReportSubject {
  readonly cache: string;
  readonly name: string;
  /** This node. */
  readonly pubsub: string;
  readonly shape: StreamShape;
}

/**
 * Reports what happens to a stream over its pubsub: on a channel if it is subscribed to, otherwise
 * as a warning.
 *
 * @internal
 */
export class ClusterReports {
  readonly #subject: ReportSubject;
  readonly #conflicts = new Set<string>();

  constructor(subject: ReportSubject) {
    this.#subject = subject;
  }

  /** The status of another node. */
  node({ node, epoch }: Pick<Replica, "node" | "epoch">, status: string): void {
    const { cache, name, pubsub } = this.#subject;
    report(channels.node, () => ({ cache, name, pubsub, node, epoch, status }));
  }

  /** A node that this one cannot exchange events with; reported once for each of its epochs. */
  conflict({ node, epoch, shape: other }: StateMessage, error: NebulexError): void {
    const id = `${node}:${epoch}`;
    // Invented nodes neither use up the memory nor flood the reports.
    if (this.#conflicts.has(id) || this.#conflicts.size >= maxConflicts) return;
    this.#conflicts.add(id);
    const { cache, name, shape: own } = this.#subject;
    if (!report(channels.shapeMismatch, () => ({ cache, name, node, own, other, error })))
      warnOfReported(this.#where, error);
  }

  /**
   * An event that can never be sent.
   *
   * @param failure a text: the event is too large; otherwise what its encoding threw
   */
  unsendable(event: CacheEvent, failure: unknown): void {
    const { pubsub } = this.#subject;
    const reason =
      typeof failure === "string"
        ? new PubSubError("too_large", pubsub, `an event can't be sent: ${failure}`)
        : new PubSubError("not_encodable", pubsub, `an event can't be sent: ${show(failure)}`, {
            cause: failure,
          });
    if (!channels.broadcast.hasSubscribers) {
      warnOfError(this.#where, reason);
      return;
    }
    const { topic } = event.metadata;
    channels.broadcast.publish({ status: "error", reason, pubsub, topic, event });
  }

  /** The broker accepts no event though there is a connection, e.g. for want of a permission. */
  refusal(error: unknown): void {
    warnOfError(`${this.#where}: the broker refuses its events, which wait`, error);
  }

  get #where(): string {
    return `stream ${this.#subject.name} on node ${this.#subject.pubsub}`;
  }
}
