import type { NebulexError, StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import { channels, warnOfError } from "../telemetry/channels.js";
import type { StateMessage } from "./messages.js";
import type { Replica } from "./replica.js";
import { unsendable } from "./outbox.js";

/** The stream that is told of. */
interface ReportSubject {
  readonly cache: string;
  readonly name: string;
  /** This node. */
  readonly pubsub: string;
  readonly shape: StreamShape;
}

/** Tells whoever watches what becomes of a stream over its pubsub. @internal */
export class ClusterReports {
  readonly #subject: ReportSubject;

  constructor(subject: ReportSubject) {
    this.#subject = subject;
  }

  /** What becomes of another node. */
  node({ node, epoch }: Replica, status: string): void {
    const { cache, name, pubsub } = this.#subject;
    if (channels.node.hasSubscribers)
      channels.node.publish({ cache, name, pubsub, node, epoch, status });
  }

  /** A node that this one can't exchange events with. */
  clash({ node, shape: other }: StateMessage, error: NebulexError): void {
    const { cache, name, shape: own } = this.#subject;
    if (channels.shapeMismatch.hasSubscribers)
      channels.shapeMismatch.publish({ cache, name, node, own, other, error });
    else warnOfError(this.#where, error);
  }

  /** An event that can't be sent, ever. */
  unsendable(event: CacheEvent, failure: unknown): void {
    const { pubsub } = this.#subject;
    const reason = unsendable(pubsub, failure);
    if (!channels.broadcast.hasSubscribers) {
      warnOfError(this.#where, reason);
      return;
    }
    const { topic } = event.metadata;
    channels.broadcast.publish({ status: "error", reason, pubsub, topic, event });
  }

  /** The broker takes no event, though there is a connection: say, for want of a permission. */
  refusal(error: unknown): void {
    warnOfError(`${this.#where}: the broker refuses its events, which wait`, error);
  }

  get #where(): string {
    return `stream ${this.#subject.name} on node ${this.#subject.pubsub}`;
  }
}
