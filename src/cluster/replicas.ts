import type { EventSource } from "../event/event.js";
import type { ReadBatch } from "./batch.js";
import { BoundedMap } from "./bounded-map.js";
import type { DataMessage, ReplicaId, StateMessage } from "./messages.js";
import { type Claim, Replica, type ReplicaProgress, RetiredReplicas } from "./replica.js";

/** Replicas that are kept at most, so that invented nodes do not use up the memory. */
const maxReplicas = 4096;
/** Heartbeats after which the differences seen between two clocks are old. */
const agesAfter = 20;
/** Heartbeats of silence after which a node counts as gone. */
const goneAfter = 100;

/** Claims about a partition that are timed at a time; of more, the latest count as one. */
const maxClaims = 4;

/** A partition that this node subscribes to. */
interface Wanted {
  /** When all nodes were asked about it. */
  readonly since: number;
  /** Whether the broker has the subscription. */
  readonly stands: boolean;
}

/** What happens to another node. */
export type NodeStatus = "up" | "silent" | "restarted" | "down";

/** Receives what other nodes send. @internal */
export interface ReplicaListener {
  /** The events of a batch from index `from` on are new. */
  events(partition: number, replica: Replica, batch: ReadBatch, from: number): void;
  /** Events `from`..`to` of a replica are missing; `to = from - 1`: there may be missing events. */
  gap(partition: number, replica: Replica, from: number, to: number): void;
  /**
   * A partition of a replica begins behind events that it had sent before it was first heard. One
   * that was lost since this node's subscription is not told from those before it.
   */
  found(partition: number): void;
  /** A replica is new, silent, heard again, the next of its node, or has ended. */
  node(replica: Replica, status: NodeStatus): void;
}

/** @internal */
export interface ReplicasOptions {
  /** Whether the transport keeps the order across channels (see `Transport`). */
  readonly ordered: boolean;
  /** Milliseconds after which a replica is silent. */
  readonly heartbeat: number;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  /** This node's time (`nodeTimeOf`), in milliseconds since 1970. */
  readonly nodeTime: () => number;
  /** What the sources of all events have in common. */
  readonly describe: (partition: number) => Omit<EventSource, "node" | "epoch" | "startedAt">;
  readonly listener: ReplicaListener;
}

/**
 * Tracks, by sequence, what has been received from the other nodes. A data message says which
 * sequence it follows, so that the next one shows a loss before it. A state message says which
 * sequence is the last one sent, so that it shows a loss after which nothing is sent.
 *
 * @internal
 */
export class Replicas {
  readonly #options: ReplicasOptions;
  /** The current one of each node; the one heard last comes last. */
  readonly #replicas = new BoundedMap<string, Replica>(maxReplicas, (oldest) => {
    this.#mayMiss(oldest);
    this.#end(oldest);
  });
  readonly #retired = new RetiredReplicas(maxReplicas);
  /** Those that have said that they end, until their last messages have had time to arrive. */
  readonly #leaving = new Set<Replica>();
  readonly #wanted = new Map<number, Wanted>();
  #agedAt: number;
  #tickedAt: number;
  #wasLate = false;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#agedAt = this.#tickedAt = options.now();
  }

  /**
   * Continues another's account, for readers that were there all the time: they are owed everything
   * since then.
   */
  takeOver(other: Replicas, logs: Iterable<{ index: number; hasReaders: boolean }>): void {
    for (const replica of other.#replicas.values()) this.#replicas.set(replica.node, replica);
    for (const replica of other.#retired.all()) this.#retired.keep(replica);
    for (const replica of other.#leaving) this.#leaving.add(replica);
    for (const { index, hasReaders } of logs)
      if (hasReaders) this.#wanted.set(index, { since: -Infinity, stands: true });
    for (const { progress } of this.#known())
      for (const partition of progress.keys())
        if (!this.#wanted.has(partition)) progress.delete(partition);
  }

  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  /** The current replica of a node. */
  find(node: string): Replica | undefined {
    return this.#replicas.get(node);
  }

  /**
   * From now on, readers are owed the events of a partition.
   *
   * @param stands whether the broker has the subscription: what other nodes send before that is not
   *   received here, so what they claim before that is no base to begin at
   */
  want(partition: number, stands = true): void {
    if (this.#wanted.get(partition)?.since !== -Infinity)
      this.#wanted.set(partition, { since: this.#options.now(), stands });
  }

  /** The partition has no reader any more. */
  unwant(partition: number): void {
    this.#wanted.delete(partition);
    for (const { progress } of this.#known()) progress.delete(partition);
  }

  receive(message: DataMessage): void {
    const { partition, after, to, batch } = message;
    if (!this.#wanted.has(partition)) return;
    const isCurrent = this.#replicas.get(message.node)?.epoch === message.epoch;
    // A message that was under way when its replica ended does not revive it.
    const late = isCurrent ? undefined : this.#retired.find(message);
    const replica = late ?? this.#heardFrom(message);
    const progress = replica.progressOf(partition);
    if (progress.received === undefined) {
      progress.received = this.#baseOf(progress, after);
      if (progress.base === undefined) this.#found(partition, after);
    }
    if (after > progress.received) this.#lost(partition, replica, progress, after);
    const { received } = progress;
    const first = batch.numbers.findIndex((number) => number > received);
    progress.received = Math.max(received, to);
    if (first === -1) return;
    this.#options.listener.events(partition, replica, batch, first);
    // An open gap covers what follows it: after a late event, another one has to be opened.
    if (late?.inDoubt === true) this.#mayMissIn(partition, late);
  }

  state(message: StateMessage): void {
    const { kind, coverage, sent, waiting } = message;
    const known = this.#replicas.get(message.node)?.epoch === message.epoch;
    // What a replica said before it ended does not revive it.
    if (!known && (kind === "bye" || this.#isLeaving(message))) return;
    const replica = this.#heardFrom(message);
    replica.waiting = waiting;
    for (const [partition, { stands }] of this.#wanted) {
      const [claim, base] = [coverage[partition], sent[partition]];
      if (claim === undefined || base === undefined) continue;
      if (stands || replica.progress.get(partition)?.received !== undefined)
        this.#claims(partition, replica, claim, base);
    }
    if (kind !== "bye") return;
    replica.leaving = true;
    // Without an order across channels, its last events may arrive after this message.
    if (this.#options.ordered) this.#end(replica);
    else this.#leaving.add(replica);
  }

  /** To be called a few times a heartbeat. */
  tick(): void {
    const { now, heartbeat, listener } = this.#options;
    const time = now();
    const ages = time - this.#agedAt > agesAfter * heartbeat;
    if (ages) this.#agedAt = time;
    // If this process itself was held up, messages may wait to be read: they are read first.
    const isLate = !this.#wasLate && time - this.#tickedAt > (2 / 3) * heartbeat;
    this.#wasLate = isLate;
    this.#tickedAt = time;
    if (!isLate && !this.#options.ordered) this.#settle(time);
    for (const replica of this.#replicas.values()) {
      if (ages && !replica.silent) replica.age();
      if (replica.silent && time - replica.lastHeard > goneAfter * heartbeat) {
        // Copies that were refilled since it fell silent may be as stale as those from before.
        this.#mayMiss(replica);
        this.#end(replica);
      }
      if (isLate || replica.silent || time - replica.lastHeard <= heartbeat) continue;
      replica.silent = true;
      listener.node(replica, "silent");
      this.#mayMiss(replica);
    }
  }

  /** The replica that a message comes from; it becomes the current one of its node. */
  #heardFrom(id: ReplicaId): Replica {
    const { now, nodeTime, describe, listener } = this.#options;
    const before = this.#replicas.get(id.node);
    let replica = before;
    if (replica?.epoch !== id.epoch) {
      const retired = this.#retired.find(id);
      if (retired !== undefined) this.#retired.release(retired);
      replica = retired ?? new Replica(id, now(), describe);
      this.#replace(before, replica);
      if (retired === undefined) this.#oweAll(replica, before ?? this.#retired.last(id.node));
    }
    replica.lastHeard = now();
    if (replica.silent || replica !== before) replica.forgetDelays();
    replica.delayed(nodeTime() - id.sentAt);
    if (replica.silent) {
      replica.silent = false;
      listener.node(replica, "up");
    }
    this.#replicas.set(replica.node, replica);
    return replica;
  }

  #replace(before: Replica | undefined, replica: Replica): void {
    if (before !== undefined) {
      if (!before.leaving) this.#mayMiss(before);
      before.inDoubt = !before.leaving;
      this.#retired.keep(before);
    }
    replica.silent = replica.leaving = replica.inDoubt = false;
    this.#replicas.set(replica.node, replica);
    this.#options.listener.node(replica, before === undefined ? "up" : "restarted");
  }

  /** Where a new replica is known to have begun after this node's subscription, all is owed. */
  #oweAll(replica: Replica, before: Replica | undefined): void {
    const { now, heartbeat } = this.#options;
    // Its node has been heard before it began.
    for (const partition of before?.progress.keys() ?? [])
      replica.progressOf(partition).received = -1;
    for (const [partition, { since }] of this.#wanted) {
      // A replica that had begun before the question would have answered within a heartbeat.
      if (now() - since > heartbeat) replica.progressOf(partition).received = -1;
    }
  }

  #isLeaving(id: ReplicaId): boolean {
    const retired = this.#retired.find(id);
    return retired !== undefined && this.#leaving.has(retired);
  }

  #end(replica: Replica): void {
    replica.inDoubt = !replica.leaving;
    this.#replicas.delete(replica.node);
    this.#retired.keep(replica);
    this.#options.listener.node(replica, "down");
  }

  *#known(): Iterable<Replica> {
    yield* this.#replicas.values();
    yield* this.#retired.all();
    yield* this.#leaving;
  }

  /** Where a partition begins of which nothing has been received yet. */
  #baseOf({ base }: ReplicaProgress, after: number): number {
    if (base === undefined) return after;
    return this.#options.ordered ? base : Math.min(base, after);
  }

  #found(partition: number, base: number): void {
    if (base >= 0) this.#options.listener.found(partition);
  }

  /** @param base where the partition begins if nothing has been received yet */
  #claims(partition: number, replica: Replica, claim: number, base: number): void {
    const progress = replica.progressOf(partition);
    if (progress.base === undefined) {
      progress.base = base;
      if (progress.received === undefined) this.#found(partition, base);
    }
    if (this.#options.ordered) {
      // Everything that was sent before has arrived before.
      progress.received ??= progress.base;
      if (claim > progress.received) this.#lost(partition, replica, progress, claim);
      return;
    }
    const { claims, received = -Infinity } = progress;
    const latest = claims.at(-1);
    if (claim <= Math.max(received, latest?.to ?? received)) return;
    claims[Math.min(claims.length, maxClaims - 1)] = { to: claim, at: this.#options.now() };
  }

  /** What was claimed a heartbeat ago should have arrived by now. */
  #settle(time: number): void {
    const { heartbeat } = this.#options;
    for (const replica of this.#replicas.values()) this.#settleOne(replica, time - heartbeat);
    for (const replica of this.#leaving) {
      if (time - replica.lastHeard <= heartbeat) continue;
      this.#settleOne(replica, time);
      this.#leaving.delete(replica);
      if (this.#replicas.get(replica.node) === replica) this.#end(replica);
    }
  }

  #settleOne(replica: Replica, until: number): void {
    for (const [partition, progress] of replica.progress) {
      const { claims } = progress;
      while (claims[0] !== undefined && claims[0].at < until) {
        const { to } = claims.shift() as Claim;
        progress.received ??= progress.base ?? to;
        if (to > progress.received) this.#lost(partition, replica, progress, to);
      }
    }
  }

  #lost(partition: number, replica: Replica, progress: ReplicaProgress, to: number): void {
    const from = (progress.received as number) + 1;
    progress.received = to;
    this.#options.listener.gap(partition, replica, from, to);
  }

  /** It may have sent events that will never arrive. */
  #mayMiss(replica: Replica): void {
    for (const partition of replica.progress.keys()) this.#mayMissIn(partition, replica);
  }

  #mayMissIn(partition: number, replica: Replica): void {
    const received = replica.progress.get(partition)?.received;
    if (received !== undefined)
      this.#options.listener.gap(partition, replica, received + 1, received);
  }
}
