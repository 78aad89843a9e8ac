import type { EventSource } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import { Causes } from "./batch.js";
import { BoundedMap } from "./bounded-map.js";
import type { ReplicaId } from "./messages.js";

/** That a replica has sent everything up to a sequence, and when this was received. */
export interface Claim {
  readonly to: number;
  readonly at: Milliseconds;
}

/** What has been received from a replica about one partition. */
export interface ReplicaProgress {
  /**
   * Every event up to this sequence was received, was reported as lost, or precedes this node's
   * subscription. Undefined: nothing has been received yet.
   */
  received: number | undefined;
  /** Where to begin if no event is received: what the replica had sent at its first message. */
  base: number | undefined;
  /**
   * Over a transport that does not keep the order across channels: what the replica says that it
   * has sent, until the events have had their time to arrive.
   */
  readonly claims: Claim[];
}

/** Events of a replica did not arrive, or may not have. @internal */
export function transportGap(
  { cache, name, partition }: Pick<EventSource, "cache" | "name" | "partition">,
  { node, epoch }: Pick<Replica, "node" | "epoch">,
  from: number,
  to: number,
): GapEvent {
  return { type: "gap", cache, name, partition, from, to, reason: "transport", node, epoch };
}

/** What this node knows of one epoch of the stream on another node. @internal */
export class Replica {
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: number;
  /** When the last message was received, by this node's clock. */
  lastHeard: number;
  /** Nothing has been received for longer than a heartbeat. */
  silent = false;
  /** It has said that it ends; its last messages may still be on their way. */
  leaving = false;
  /** It has ended without saying so: what it sent last is not known. */
  inDoubt = false;
  /** How many of its events wait to be sent, by its last message. */
  waiting = 0;
  /** By partition. */
  readonly progress = new Map<number, ReplicaProgress>();
  /**
   * The least differences between the time of sending, by its clock, and of receipt, by this
   * node's: recently, and before that.
   */
  #delay = Infinity;
  #delayBefore = Infinity;
  readonly #causes = new Map<number, Causes>();
  readonly #describe: (partition: number) => Omit<EventSource, "node" | "epoch" | "startedAt">;

  constructor(
    { node, epoch, startedAt }: ReplicaId,
    now: number,
    describe: (partition: number) => Omit<EventSource, "node" | "epoch" | "startedAt">,
  ) {
    this.node = node;
    this.epoch = epoch;
    this.startedAt = startedAt;
    this.lastHeard = now;
    this.#describe = describe;
  }

  /**
   * An upper bound of how far this node's clock is ahead of the replica's, in milliseconds: a
   * message that took no time at all would show exactly that.
   */
  get skew(): number {
    return Math.min(this.#delay, this.#delayBefore);
  }

  /** A message took that long, by the two nodes' clocks. */
  delayed(milliseconds: number): void {
    if (milliseconds < this.#delay) this.#delay = milliseconds;
  }

  /**
   * Forgets the differences seen: the other node's clock may have stood still, as on a machine that
   * was suspended.
   */
  forgetDelays(): void {
    this.#delay = this.#delayBefore = Infinity;
  }

  /** Forgets the differences seen long ago, since clocks drift. */
  age(): void {
    this.#delayBefore = this.#delay;
    this.#delay = Infinity;
  }

  /** The causes of its events in a partition. */
  causesOf(partition: number): Causes {
    let causes = this.#causes.get(partition);
    if (causes === undefined) {
      const { node, epoch, startedAt } = this;
      const source = Object.freeze({ ...this.#describe(partition), node, epoch, startedAt });
      this.#causes.set(partition, (causes = new Causes(source)));
    }
    return causes;
  }

  progressOf(partition: number): ReplicaProgress {
    let progress = this.progress.get(partition);
    if (progress === undefined)
      this.progress.set(
        partition,
        (progress = { received: undefined, base: undefined, claims: [] }),
      );
    return progress;
  }
}

/** Replicas that are kept of a node at most. */
const maxOfNode = 2;

/**
 * Replicas that have ended, or seem to have. A message that arrives late, or because its replica
 * has not ended after all, is counted by the same account: its events are neither taken for new
 * ones nor delivered twice.
 *
 * @internal
 */
export class RetiredReplicas {
  /** By node, the latest last. */
  readonly #replicas: BoundedMap<string, readonly Replica[]>;

  constructor(maxNodes: number) {
    this.#replicas = new BoundedMap(maxNodes);
  }

  keep(replica: Replica): void {
    const others = this.#replicas.get(replica.node) ?? [];
    this.#replicas.set(replica.node, [...others, replica].slice(-maxOfNode));
  }

  find({ node, epoch }: Pick<ReplicaId, "node" | "epoch">): Replica | undefined {
    return this.#replicas.get(node)?.find((replica) => replica.epoch === epoch);
  }

  /** The latest of a node. */
  last(node: string): Replica | undefined {
    return this.#replicas.get(node)?.at(-1);
  }

  /** One of them continues. */
  release(replica: Replica): void {
    const rest = this.#replicas.get(replica.node)?.filter((it) => it !== replica) ?? [];
    if (rest.length > 0) this.#replicas.set(replica.node, rest);
    else this.#replicas.delete(replica.node);
  }

  *all(): Iterable<Replica> {
    for (const replicas of this.#replicas.values()) yield* replicas;
  }
}
