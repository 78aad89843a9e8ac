import type { Clock } from "../clock.js";
import type { JournalPort } from "../journal/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import { warnOfError } from "../telemetry/channels.js";
import type { ClusterReports } from "./cluster-reports.js";
import { encodeEvents, encodeLoss, type EntryHead } from "./entry.js";
import type { StreamAddress } from "./messages.js";
import type { MessageSpan } from "./outbox.js";
import { Outboxes, type OutboxesOptions } from "./outboxes.js";

/** Epochs besides the present one whose events may wait to be stored. */
const maxEnded = 4;
/** Entries of one event each may be in flight in greater number than those of many. */
const manyInFlight = 256;
const fewInFlight = 16;
const fewEvents = 16;
/** Where entries have many events, as many as fit are worth one, and no more than these. */
const wholeEntry = 1024;

/** One epoch of this node's stream. @internal */
export type EpochHead = Omit<EntryHead, "partition">;

/** What stores the events. @internal */
export interface EpochOwner {
  readonly port: JournalPort;
  readonly address: StreamAddress;
  readonly clock: Clock;
  readonly reports: ClusterReports;
  /** Whether events may be stored now. */
  readonly isReleased: boolean;
  /** @throws (as a rejection) ConflictError */
  append(own: EpochHead, partition: number, payload: Uint8Array, span: MessageSpan): Promise<void>;
}

interface OwnEpoch extends EpochHead {
  readonly logs: readonly PartitionLog[];
  outboxes: Outboxes;
  /** Stores them now. */
  owner: EpochOwner;
}

/** What a stream that has ended could not store, by stream: its next life stores it. */
const leftovers = new WeakMap<JournalPort, Map<string, OwnEpoch[]>>();

/**
 * The epochs of this node's stream whose events are not all in the journal. They are stored one
 * epoch after the other.
 *
 * @internal
 */
export class OwnEpochs {
  readonly #owner: EpochOwner;
  readonly #id: string;
  /** The oldest first; the last one is the present one. */
  #epochs: OwnEpoch[] = [];
  /** Epochs of which not all could be stored: the journal does not say so yet. */
  readonly abandoned: EpochHead[] = [];

  constructor(owner: EpochOwner) {
    this.#owner = owner;
    this.#id = JSON.stringify([owner.address.cache, owner.address.name]);
  }

  /** The one whose events are stored now; undefined before the first has begun. */
  get first(): EpochHead | undefined {
    return this.#epochs[0];
  }

  /** Events that wait to be stored. */
  get waiting(): number {
    return this.#epochs.reduce((sum, { outboxes }) => sum + outboxes.unconfirmed, 0);
  }

  /** Whether the journal has, or is known to lack, all that was written. */
  get isDone(): boolean {
    return this.abandoned.length === 0 && this.#epochs.every(({ outboxes }) => outboxes.isDone);
  }

  begin(logs: readonly PartitionLog[]): void {
    const left = leftovers.get(this.#owner.port);
    for (const own of left?.get(this.#id) ?? []) {
      own.owner = this.#owner;
      this.#epochs.push(own);
    }
    left?.delete(this.#id);
    const { node, epoch, startedAt } = (logs[0] as PartitionLog).source;
    const own = { node, epoch, startedAt, logs, owner: this.#owner } as OwnEpoch;
    own.outboxes = new Outboxes(sending(own), true);
    own.outboxes.begin(logs);
    this.#epochs.push(own);
    if (this.#epochs.length - 1 > maxEnded) this.#abandon(this.#epochs.shift() as OwnEpoch);
  }

  /** The present one has ended. */
  flush(): void {
    this.#epochs.at(-1)?.outboxes.flush();
  }

  hold(): void {
    for (const { outboxes } of this.#epochs) outboxes.hold();
  }

  /** Stores what waits, as long as the owner may. `next` is called when another epoch is. */
  async store(next: () => void): Promise<void> {
    while (this.#owner.isReleased) {
      const [oldest] = this.#epochs as [OwnEpoch];
      oldest.outboxes.release();
      if (this.#epochs.length === 1) return;
      await oldest.outboxes.drain();
      if (!oldest.outboxes.isDone || this.#epochs[0] !== oldest) return;
      oldest.outboxes.stop();
      this.#epochs.shift();
      next();
    }
  }

  /** Settles when all is stored, or can't be for now. */
  async drain(): Promise<void> {
    for (const { outboxes } of this.#epochs.slice())
      if (this.#owner.isReleased) await outboxes.drain();
  }

  /** Leaves what is not stored to the next life of the stream in this process. */
  leave(): void {
    const left = this.#epochs.filter(({ outboxes }) => !outboxes.isDone);
    for (const { outboxes } of this.#epochs)
      if (outboxes.isDone) outboxes.stop();
      else outboxes.hold();
    this.#epochs = [];
    if (left.length === 0) return;
    const count = left.reduce((sum, { outboxes }) => sum + outboxes.unconfirmed, 0);
    const { port, address } = this.#owner;
    warnOfError(
      `stream ${address.name} on node ${port.nodeName}`,
      `it has ended while ${count} events were not stored in its journal: they will be if it begins again in this process`,
    );
    const streams = leftovers.get(port) ?? new Map<string, OwnEpoch[]>();
    leftovers.set(port, streams.set(this.#id, left));
  }

  #abandon({ node, epoch, startedAt, outboxes }: OwnEpoch): void {
    outboxes.stop();
    this.abandoned.push({ node, epoch, startedAt });
  }
}

/** How an epoch's events are stored, by whichever owner it has then. */
function sending(own: OwnEpoch): OutboxesOptions {
  const { node, epoch, startedAt } = own;
  const { port, address, clock } = own.owner;
  const head = { node, epoch, startedAt };
  return {
    clock,
    maxInFlight: () => (port.maxEvents < fewEvents ? manyInFlight : fewInFlight),
    enoughEvents: () => (port.maxEvents < fewEvents ? 1 : Math.min(port.maxEvents, wholeEntry)),
    isConnected: () => port.status === "connected" && own.owner.isReleased,
    maxSize: () => port.maxMessageSize,
    maxEvents: () => port.maxEvents,
    encode: (partition, rows, _after, to) =>
      encodeEvents(port.codec, address, { ...head, partition }, rows, to),
    encodeLoss: (partition, from, to) =>
      encodeLoss(port.codec, address, { ...head, partition }, from, to, "overrun"),
    publish: (partition, payload, span) => own.owner.append(head, partition, payload, span),
    unsendable: (partition, offset, failure) =>
      own.owner.reports.unsendable((own.logs[partition] as PartitionLog).at(offset), failure),
    isRefusal: () => own.owner.isReleased && port.status === "connected",
    refused: (error) => own.owner.reports.refusal(error),
  };
}
