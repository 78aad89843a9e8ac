import type { EventSource } from "../../event/event.js";
import type { ReadBatch } from "./batch.js";
import type { DataMessage, OriginId, StateMessage } from "./messages.js";
import { type Claim, type Heard, Origin } from "./origin.js";
import { PastLives } from "./past-lives.js";

/** Origins that are kept at the most: who makes nodes up does not use up the memory. */
const maxOrigins = 4096;
/** Heartbeats after which what was seen of another node's clock is old. */
const agesAfter = 20;
/** Heartbeats of silence after which a node counts as gone. */
const goneAfter = 100;

/** Claims about a partition that are timed at once, of those that come within a heartbeat; of more, the latest count as one. */
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
export interface OriginListener {
  /** The events of a batch from its place `from` on are new. */
  events(partition: number, origin: Origin, batch: ReadBatch, from: number): void;
  /** Events `from`..`to` of an origin did not come; `to = from - 1`: none is known of, but there may be some. */
  gap(partition: number, origin: Origin, from: number, to: number): void;
  /** It has been heard of for the first time, is silent, is heard again, has begun anew, or has ended. */
  node(origin: Origin, status: NodeStatus): void;
}

/** @internal */
export interface OriginsOptions {
  /** See Transport. */
  readonly ordered: boolean;
  /** Milliseconds after which an origin is silent. */
  readonly heartbeat: number;
  /** Milliseconds, never going back. */
  readonly now: () => number;
  /** This node's time (`nodeTimeOf`), in milliseconds since 1970. */
  readonly nodeTime: () => number;
  /** What the sources of all events have in common. */
  readonly describe: (partition: number) => Omit<EventSource, "node" | "epoch" | "startedAt">;
  readonly listener: OriginListener;
}

/**
 * Keeps the books on what other nodes have sent: each message says behind which sequence its events come, so that a hole is noticed when
 * the next one comes, and each sign of life says up to which sequence there is anything, so that it is noticed when none does.
 *
 * @internal
 */
export class Origins {
  readonly #options: OriginsOptions;
  /** By node, the one heard last last; a node has one life at a time. */
  readonly #origins = new Map<string, Origin>();
  readonly #past = new PastLives(maxOrigins);
  /** Those that have said that they end, until what they sent last has had its time to come. */
  readonly #leaving = new Set<Origin>();
  /** The partitions that are listened to. */
  readonly #wanted = new Map<number, Wanted>();

  #agedAt: number;
  #tickedAt: number;
  #wasLate = false;

  constructor(options: OriginsOptions) {
    this.#options = options;
    this.#agedAt = this.#tickedAt = options.now();
  }

  /** Goes on with what another has kept, for readers that have been there all the time: all since then is owed to them. */
  takeOver(other: Origins, logs: Iterable<{ index: number; wanted: boolean }>): void {
    for (const origin of other.#origins.values()) this.#origins.set(origin.node, origin);
    for (const origin of other.#past.all()) this.#past.keep(origin);
    for (const origin of other.#leaving) this.#leaving.add(origin);
    for (const { index, wanted } of logs)
      if (wanted) this.#wanted.set(index, { since: -Infinity, stands: true });
    for (const { heard } of this.#lives())
      for (const partition of heard.keys())
        if (!this.#wanted.has(partition)) heard.delete(partition);
  }

  all(): Iterable<Origin> {
    return this.#origins.values();
  }

  find(node: string): Origin | undefined {
    return this.#origins.get(node);
  }

  /**
   * What comes in a partition from now on is owed.
   *
   * @param stands whether the broker has the subscription: what other nodes send before that does not come here, and so what they
   *   say of themselves before that is no place to begin at
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

  data(message: DataMessage): void {
    const { partition, after, to, batch } = message;
    if (!this.#wanted.has(partition)) return;
    const isCurrent = this.#origins.get(message.node)?.epoch === message.epoch;
    // What was under way when a life ended doesn't begin it again.
    const late = isCurrent ? undefined : this.#past.find(message);
    const origin = late ?? this.#hear(message);
    const heard = origin.heardOf(partition);
    heard.covered ??= this.#baseOf(heard, after);
    if (after > heard.covered) this.#lost(partition, origin, heard, after);
    const { covered } = heard;
    const first = batch.numbers.findIndex((number) => number > covered);
    heard.covered = Math.max(covered, to);
    if (first === -1) return;
    this.#options.listener.events(partition, origin, batch, first);
    // The open gap counts from its place on: what follows a late event has to be in one, too.
    if (late?.inDoubt === true) this.#mayMissIn(partition, late);
  }

  state(message: StateMessage): void {
    const { kind, coverage, sent, waiting } = message;
    const known = this.#origins.get(message.node)?.epoch === message.epoch;
    // What a life said before it ended doesn't begin it again.
    if (!known && (kind === "bye" || this.#isLeaving(message))) return;
    const origin = this.#hear(message);
    origin.waiting = waiting;
    for (const [partition, { stands }] of this.#wanted) {
      const [claim, base] = [coverage[partition], sent[partition]];
      if (claim === undefined || base === undefined) continue;
      if (stands || origin.heard.get(partition)?.covered !== undefined)
        this.#claims(partition, origin, claim, base);
    }
    if (kind !== "bye") return;
    origin.leaving = true;
    // Where it may overtake what was sent before it, that is waited for.
    if (this.#options.ordered) this.#end(origin);
    else this.#leaving.add(origin);
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
    for (const origin of this.#origins.values()) {
      if (ages && !origin.silent) origin.age();
      if (origin.silent && time - origin.lastHeard > goneAfter * heartbeat) {
        // Copies that were refilled since it fell silent are as doubtful as those from before.
        this.#mayMiss(origin);
        this.#end(origin);
      }
      if (isLate || origin.silent || time - origin.lastHeard <= heartbeat) continue;
      origin.silent = true;
      listener.node(origin, "silent");
      this.#mayMiss(origin);
    }
  }

  #hear(id: OriginId): Origin {
    const { now, nodeTime, describe, listener } = this.#options;
    const before = this.#origins.get(id.node);
    let origin = before;
    if (origin?.epoch !== id.epoch) {
      const past = this.#past.find(id);
      if (past !== undefined) this.#past.release(past);
      origin = past ?? new Origin(id, now(), describe);
      this.#replace(before, origin);
      if (past === undefined) this.#owe(origin, before ?? this.#past.last(id.node));
    }
    origin.lastHeard = now();
    if (origin.silent || origin !== before) origin.forgetDelays();
    origin.delayed(nodeTime() - id.sentAt);
    if (origin.silent) {
      origin.silent = false;
      listener.node(origin, "up");
    }
    this.#origins.delete(origin.node);
    this.#origins.set(origin.node, origin);
    return origin;
  }

  #replace(before: Origin | undefined, origin: Origin): void {
    if (before !== undefined) {
      if (!before.leaving) this.#mayMiss(before);
      before.inDoubt = !before.leaving;
      this.#past.keep(before);
    } else if (this.#origins.size >= maxOrigins) this.#forgetOne();
    origin.silent = origin.leaving = origin.inDoubt = false;
    this.#origins.set(origin.node, origin);
    this.#options.listener.node(origin, before === undefined ? "up" : "restarted");
  }

  /** What of a life that is new here is owed from its beginning. */
  #owe(origin: Origin, before: Origin | undefined): void {
    const { now, heartbeat } = this.#options;
    // It began under our eyes.
    for (const partition of before?.heard.keys() ?? []) origin.heardOf(partition).covered = -1;
    for (const [partition, { since }] of this.#wanted) {
      // Who was there before has said so within a heartbeat; who has not began later.
      if (now() - since > heartbeat) origin.heardOf(partition).covered = -1;
    }
  }

  #isLeaving(id: OriginId): boolean {
    const past = this.#past.find(id);
    return past !== undefined && this.#leaving.has(past);
  }

  #end(origin: Origin): void {
    origin.inDoubt = !origin.leaving;
    this.#origins.delete(origin.node);
    this.#past.keep(origin);
    this.#options.listener.node(origin, "down");
  }

  /** Forgets the one that was heard longest ago. */
  #forgetOne(): void {
    for (const oldest of this.#origins.values()) {
      this.#mayMiss(oldest);
      this.#end(oldest);
      return;
    }
  }

  *#lives(): Iterable<Origin> {
    yield* this.#origins.values();
    yield* this.#past.all();
    yield* this.#leaving;
  }

  /** Where to begin with what is heard of for the first time. */
  #baseOf({ base }: Heard, after: number): number {
    if (base === undefined) return after;
    return this.#options.ordered ? base : Math.min(base, after);
  }

  /** @param base where to begin if nothing has come of this origin yet */
  #claims(partition: number, origin: Origin, claim: number, base: number): void {
    const heard = origin.heardOf(partition);
    heard.base ??= base;
    if (this.#options.ordered) {
      // All that was sent before has come before.
      heard.covered ??= heard.base;
      if (claim > heard.covered) this.#lost(partition, origin, heard, claim);
      return;
    }
    const { claims, covered = -Infinity } = heard;
    const latest = claims.at(-1);
    if (claim <= Math.max(covered, latest?.to ?? covered)) return;
    claims[Math.min(claims.length, maxClaims - 1)] = { to: claim, at: this.#options.now() };
  }

  /** What was claimed a heartbeat ago should have come by now. */
  #settle(time: number): void {
    const { heartbeat } = this.#options;
    for (const origin of this.#origins.values()) this.#settleOne(origin, time - heartbeat);
    for (const origin of this.#leaving) {
      if (time - origin.lastHeard <= heartbeat) continue;
      this.#settleOne(origin, time);
      this.#leaving.delete(origin);
      if (this.#origins.get(origin.node) === origin) this.#end(origin);
    }
  }

  #settleOne(origin: Origin, until: number): void {
    for (const [partition, heard] of origin.heard) {
      const { claims } = heard;
      while (claims[0] !== undefined && claims[0].at < until) {
        const { to } = claims.shift() as Claim;
        heard.covered ??= heard.base ?? to;
        if (to > heard.covered) this.#lost(partition, origin, heard, to);
      }
    }
  }

  #lost(partition: number, origin: Origin, heard: Heard, to: number): void {
    const from = (heard.covered as number) + 1;
    heard.covered = to;
    this.#options.listener.gap(partition, origin, from, to);
  }

  /** Something may have been sent that never comes. */
  #mayMiss(origin: Origin): void {
    for (const partition of origin.heard.keys()) this.#mayMissIn(partition, origin);
  }

  #mayMissIn(partition: number, origin: Origin): void {
    const covered = origin.heard.get(partition)?.covered;
    if (covered !== undefined) this.#options.listener.gap(partition, origin, covered + 1, covered);
  }
}
