import type { EventSource } from "../event/event.js";
import type { ReadBatch } from "./batch.js";
import type { DataMessage, ReplicaId, StateMessage } from "./messages.js";
import { type Claim, type ReplicaProgress, Replica } from "./replica.js";
import { RetiredReplicas } from "./retired-replicas.js";

/** Replicas that are kept at the most: who makes nodes up does not use up the memory. */
const maxReplicas = 4096;
/** Heartbeats after which what was seen of another node's clock is old. */
const agesAfter = 20;
/** Heartbeats of silence after which a node counts as gone. */
const goneAfter = 100;

/**
 * Claims about a partition that are timed at once, of those that come within a heartbeat; of more,
 * the latest count as one.
 */
const maxClaims = 4;

/** A partition that is listened to. */
interface Wanted {
  /** Since when everybody has been asked about it. */
  readonly since: number;
  /** Whether the broker has the subscription. */
  readonly stands: boolean;
}

/** What becomes of another node. */
export type NodeStatus = "up" | "silent" | "restarted" | "down";

/** Who is told of what other nodes send. @internal */
export interface ReplicaListener {
  /** The events of a batch from its place `from` on are new. */
  events(partition: number, replica: Replica, batch: ReadBatch, from: number): void;
  /**
   * Events `from`..`to` of a replica did not come; `to = from - 1`: none is known of, but there may
   * be some.
   */
  gap(partition: number, replica: Replica, from: number, to: number): void;
  /**
   * It has been heard of for the first time, is silent, is heard again, has begun anew, or has
   * ended.
   */
  node(replica: Replica, status: NodeStatus): void;
}

/** @internal */
export interface ReplicasOptions {
  /** See Transport. */
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
 * Keeps the books on what other nodes have sent: each message says behind which sequence its events
 * come, so that a hole is noticed when the next one comes, and each sign of life says up to which
 * sequence there is anything, so that it is noticed when none does.
 *
 * @internal
 */
export class Replicas {
  readonly #options: ReplicasOptions;
  /** By node, the one heard last last; a node has one life at a time. */
  readonly #replicas = new Map<string, Replica>();
  readonly #past = new RetiredReplicas(maxReplicas);
  /** Those that have said that they end, until what they sent last has had its time to come. */
  readonly #leaving = new Set<Replica>();
  /** The partitions that are listened to. */
  readonly #wanted = new Map<number, Wanted>();

  #agedAt: number;
  #tickedAt: number;
  #wasLate = false;

  constructor(options: ReplicasOptions) {
    this.#options = options;
    this.#agedAt = this.#tickedAt = options.now();
  }

  /**
   * Goes on with what another has kept, for readers that have been there all the time: all since
   * then is owed to them.
   */
  takeOver(other: Replicas, logs: Iterable<{ index: number; hasReaders: boolean }>): void {
    for (const replica of other.#replicas.values()) this.#replicas.set(replica.node, replica);
    for (const replica of other.#past.all()) this.#past.keep(replica);
    for (const replica of other.#leaving) this.#leaving.add(replica);
    for (const { index, hasReaders } of logs)
      if (hasReaders) this.#wanted.set(index, { since: -Infinity, stands: true });
    for (const { heard } of this.#lives())
      for (const partition of heard.keys())
        if (!this.#wanted.has(partition)) heard.delete(partition);
  }

  all(): Iterable<Replica> {
    return this.#replicas.values();
  }

  find(node: string): Replica | undefined {
    return this.#replicas.get(node);
  }

  /**
   * What comes in a partition from now on is owed.
   *
   * @param stands whether the broker has the subscription: what other nodes send before that does
   * not come here, and so what they say of themselves before that is no place to begin at
   */
  want(partition: number, stands = true): void {
    if (this.#wanted.get(partition)?.since !== -Infinity)
      this.#wanted.set(partition, { since: this.#options.now(), stands });
  }

  /** Nobody reads it any more. */
  unwant(partition: number): void {
    this.#wanted.delete(partition);
    for (const { heard } of this.#lives()) heard.delete(partition);
  }

  receive(message: DataMessage): void {
    const { partition, after, to, batch } = message;
    if (!this.#wanted.has(partition)) return;
    const isCurrent = this.#replicas.get(message.node)?.epoch === message.epoch;
    // What was under way when a life ended doesn't begin it again.
    const late = isCurrent ? undefined : this.#past.find(message);
    const replica = late ?? this.#hear(message);
    const heard = replica.heardOf(partition);
    heard.received ??= this.#baseOf(heard, after);
    if (after > heard.received) this.#lost(partition, replica, heard, after);
    const { received } = heard;
    const first = batch.numbers.findIndex((number) => number > received);
    heard.received = Math.max(received, to);
    if (first === -1) return;
    this.#options.listener.events(partition, replica, batch, first);
    // The open gap counts from its place on: what follows a late event has to be in one, too.
    if (late?.inDoubt === true) this.#mayMissIn(partition, late);
  }

  state(message: StateMessage): void {
    const { kind, coverage, sent, waiting } = message;
    const known = this.#replicas.get(message.node)?.epoch === message.epoch;
    // What a life said before it ended doesn't begin it again.
    if (!known && (kind === "bye" || this.#isLeaving(message))) return;
    const replica = this.#hear(message);
    replica.waiting = waiting;
    for (const [partition, { stands }] of this.#wanted) {
      const [claim, base] = [coverage[partition], sent[partition]];
      if (claim === undefined || base === undefined) continue;
      if (stands || replica.heard.get(partition)?.received !== undefined)
        this.#claims(partition, replica, claim, base);
    }
    if (kind !== "bye") return;
    replica.leaving = true;
    // Where it may overtake what was sent before it, that is waited for.
    if (this.#options.ordered) this.#end(replica);
    else this.#leaving.add(replica);
  }

  /** To be called a few times a heartbeat. */
  tick(): void {
    const { now, heartbeat, listener } = this.#options;
    const time = now();
    const ages = time - this.#agedAt > agesAfter * heartbeat;
    if (ages) this.#agedAt = time;
    // When this process itself was held up, what has come meanwhile is looked at first.
    const isLate = !this.#wasLate && time - this.#tickedAt > (2 / 3) * heartbeat;
    this.#wasLate = isLate;
    this.#tickedAt = time;
    if (!isLate && !this.#options.ordered) this.#settle(time);
    for (const replica of this.#replicas.values()) {
      if (ages && !replica.silent) replica.age();
      if (replica.silent && time - replica.lastHeard > goneAfter * heartbeat) {
        // Copies that were refilled since it fell silent are as doubtful as those from before.
        this.#mayMiss(replica);
        this.#end(replica);
      }
      if (isLate || replica.silent || time - replica.lastHeard <= heartbeat) continue;
      replica.silent = true;
      listener.node(replica, "silent");
      this.#mayMiss(replica);
    }
  }

  #hear(id: ReplicaId): Replica {
    const { now, nodeTime, describe, listener } = this.#options;
    const before = this.#replicas.get(id.node);
    let replica = before;
    if (replica?.epoch !== id.epoch) {
      const past = this.#past.find(id);
      if (past !== undefined) this.#past.release(past);
      replica = past ?? new Replica(id, now(), describe);
      this.#replace(before, replica);
      if (past === undefined) this.#owe(replica, before ?? this.#past.last(id.node));
    }
    replica.lastHeard = now();
    if (replica.silent || replica !== before) replica.forgetDelays();
    replica.delayed(nodeTime() - id.sentAt);
    if (replica.silent) {
      replica.silent = false;
      listener.node(replica, "up");
    }
    this.#replicas.delete(replica.node);
    this.#replicas.set(replica.node, replica);
    return replica;
  }

  #replace(before: Replica | undefined, replica: Replica): void {
    if (before !== undefined) {
      if (!before.leaving) this.#mayMiss(before);
      before.inDoubt = !before.leaving;
      this.#past.keep(before);
    } else if (this.#replicas.size >= maxReplicas) this.#forgetOne();
    replica.silent = replica.leaving = replica.inDoubt = false;
    this.#replicas.set(replica.node, replica);
    this.#options.listener.node(replica, before === undefined ? "up" : "restarted");
  }

  /** What of a life that is new here is owed from its beginning. */
  #owe(replica: Replica, before: Replica | undefined): void {
    const { now, heartbeat } = this.#options;
    // It began under our eyes.
    for (const partition of before?.heard.keys() ?? []) replica.heardOf(partition).received = -1;
    for (const [partition, { since }] of this.#wanted) {
      // Who was there before has said so within a heartbeat; who has not began later.
      if (now() - since > heartbeat) replica.heardOf(partition).received = -1;
    }
  }

  #isLeaving(id: ReplicaId): boolean {
    const past = this.#past.find(id);
    return past !== undefined && this.#leaving.has(past);
  }

  #end(replica: Replica): void {
    replica.inDoubt = !replica.leaving;
    this.#replicas.delete(replica.node);
    this.#past.keep(replica);
    this.#options.listener.node(replica, "down");
  }

  /** Forgets the one that was heard longest ago. */
  #forgetOne(): void {
    for (const oldest of this.#replicas.values()) {
      this.#mayMiss(oldest);
      this.#end(oldest);
      return;
    }
  }

  *#lives(): Iterable<Replica> {
    yield* this.#replicas.values();
    yield* this.#past.all();
    yield* this.#leaving;
  }

  /** Where to begin with what is heard of for the first time. */
  #baseOf({ base }: ReplicaProgress, after: number): number {
    if (base === undefined) return after;
    return this.#options.ordered ? base : Math.min(base, after);
  }

  /** @param base where to begin if nothing has come of this replica yet */
  #claims(partition: number, replica: Replica, claim: number, base: number): void {
    const heard = replica.heardOf(partition);
    heard.base ??= base;
    if (this.#options.ordered) {
      // All that was sent before has come before.
      heard.received ??= heard.base;
      if (claim > heard.received) this.#lost(partition, replica, heard, claim);
      return;
    }
    const { claims, received = -Infinity } = heard;
    const latest = claims.at(-1);
    if (claim <= Math.max(received, latest?.to ?? received)) return;
    claims[Math.min(claims.length, maxClaims - 1)] = { to: claim, at: this.#options.now() };
  }

  /** What was claimed a heartbeat ago should have come by now. */
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
    for (const [partition, heard] of replica.heard) {
      const { claims } = heard;
      while (claims[0] !== undefined && claims[0].at < until) {
        const { to } = claims.shift() as Claim;
        heard.received ??= heard.base ?? to;
        if (to > heard.received) this.#lost(partition, replica, heard, to);
      }
    }
  }

  #lost(partition: number, replica: Replica, heard: ReplicaProgress, to: number): void {
    const from = (heard.received as number) + 1;
    heard.received = to;
    this.#options.listener.gap(partition, replica, from, to);
  }

  /** Something may have been sent that never comes. */
  #mayMiss(replica: Replica): void {
    for (const partition of replica.heard.keys()) this.#mayMissIn(partition, replica);
  }

  #mayMissIn(partition: number, replica: Replica): void {
    const covered = replica.heard.get(partition)?.received;
    if (covered !== undefined) this.#options.listener.gap(partition, replica, covered + 1, covered);
  }
}
