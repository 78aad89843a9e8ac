import type { EventSource } from "../event/event.js";
import type { Milliseconds } from "../options.js";
import { Causes } from "./batch.js";
import type { ReplicaId } from "./messages.js";

/** That a replica has sent all up to a sequence, and when that was heard here. */
export interface Claim {
  readonly to: number;
  readonly at: Milliseconds;
}

/** What has been heard from a replica about one partition. */
export interface ReplicaProgress {
  /**
   * All up to this sequence has come, was announced as lost, or is not owed. Undefined: nothing has
   * been heard yet.
   */
  received: number | undefined;
  /** Where to begin if nothing comes: what it had sent when it was first heard of. */
  base: number | undefined;
  /**
   * Where what it sends later may come earlier: what it says that it has sent, until that has had
   * its time to come.
   */
  readonly claims: Claim[];
}

/** One life of a stream on another node, as it is heard of here. @internal */
export class Replica {
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: number;
  /** When something came last, by this node's clock. */
  lastHeard: number;
  /** Nothing has come for longer than a heartbeat. */
  silent = false;
  /** It has said that it ends; what it sent last may still be on its way. */
  leaving = false;
  /** It is over without having said so: what it sent last is not known. */
  inDoubt = false;
  /** How many of its events wait to be sent, as it said last. */
  waiting = 0;
  readonly heard = new Map<number, ReplicaProgress>();
  /**
   * The least differences seen between the time of sending, there, and of arrival, here: of late,
   * and before that.
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
   * An upper bound of how far this node's time is ahead of the other's, in milliseconds: what takes
   * no time at all to come would show just that, and nothing comes faster.
   */
  get skew(): number {
    return Math.min(this.#delay, this.#delayBefore);
  }

  /** Something took that long to come, by the two nodes' clocks. */
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

  /** Forgets what was seen long ago, since clocks drift. */
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

  heardOf(partition: number): ReplicaProgress {
    let heard = this.heard.get(partition);
    if (heard === undefined)
      this.heard.set(partition, (heard = { received: undefined, base: undefined, claims: [] }));
    return heard;
  }
}
