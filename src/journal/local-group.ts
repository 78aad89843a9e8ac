import type { Milliseconds } from "../options.js";
import type {
  AcquiredState,
  CommitResult,
  GroupCommit,
  GroupState,
  GroupView,
  KeptDeadLetter,
  NewDeadLetter,
} from "./engine.js";
import type { LocalPartition } from "./local-partition.js";

interface Letter extends KeptDeadLetter {
  /** Whether it waits for its retry. */
  isRetrying: boolean;
}

/** One partition of a cluster group in memory. @internal */
export class LocalGroupPartition {
  readonly #index: number;
  readonly #journal: LocalPartition;
  #position: number;
  #generation: string;
  #owner: string | undefined;
  #expires: Milliseconds = 0;
  #leaseTime: Milliseconds = 0;
  #fence = 0;
  #seeks = 0;
  #paused = false;
  /** By id, the oldest first. */
  readonly #letters = new Map<string, Letter>();

  constructor(index: number, journal: LocalPartition, at: "earliest" | "latest") {
    this.#index = index;
    this.#journal = journal;
    this.#generation = journal.generation;
    this.#position = at === "earliest" ? journal.first : journal.next;
  }

  /** The first position that it needs. */
  get needed(): number {
    return this.#generation === this.#journal.generation ? this.#position : 0;
  }

  ownerAt(now: Milliseconds): string | undefined {
    return this.#expires > now ? this.#owner : undefined;
  }

  stateAt(now: Milliseconds): GroupState {
    const letters = [...this.#letters.values()];
    const retries = letters.filter(({ isRetrying }) => isRetrying).length;
    return {
      partition: this.#index,
      owner: this.ownerAt(now) ?? null,
      // A sum of fractions is rounded: the difference may be more than was added.
      remaining: Math.max(0, Math.min(this.#leaseTime, this.#expires - now)),
      fence: this.#fence,
      position: this.#position,
      generation: this.#generation,
      seeks: this.#seeks,
      paused: this.#paused,
      deadLetters: letters.length - retries,
      retries,
    };
  }

  acquire(
    owner: string,
    leaseTime: Milliseconds,
    now: Milliseconds,
    nextFence: () => number,
  ): AcquiredState | undefined {
    if (this.ownerAt(now) !== undefined) return undefined;
    this.#owner = owner;
    this.#lease(leaseTime, now);
    this.#fence = nextFence();
    this.#enterGeneration();
    return { ...this.stateAt(now), first: this.#journal.first };
  }

  commit(commit: GroupCommit, now: Milliseconds): CommitResult {
    if (this.ownerAt(now) === undefined || commit.fence !== this.#fence)
      return { status: "fenced", state: this.stateAt(now) };
    this.#lease(commit.leaseTime, now);
    const isMoved = this.#enterGeneration() || commit.generation !== this.#generation;
    if (isMoved || commit.seeks !== this.#seeks)
      return { status: "moved", state: this.stateAt(now) };
    this.#position = commit.position;
    for (const id of commit.retried) this.#letters.delete(id);
    for (const letter of commit.dead) this.#keep(letter);
    return { status: "committed", state: this.stateAt(now) };
  }

  setPaused(paused: boolean): void {
    this.#paused = paused;
  }

  seek(to: "earliest" | "latest" | number): number {
    this.#position = seekTarget(this.#journal, to);
    this.#generation = this.#journal.generation;
    this.#seeks++;
    return this.#position;
  }

  letters(of: "resting" | "retrying", limit: number): KeptDeadLetter[] {
    return [...this.#letters.values()]
      .filter(({ isRetrying }) => isRetrying === (of === "retrying"))
      .slice(0, limit)
      .map(({ id, partition, position, record }) => {
        return { id, partition, position, record: record.slice() };
      });
  }

  retry(ids: readonly string[] | "all"): number {
    const resting = this.#resting(ids);
    for (const letter of resting) letter.isRetrying = true;
    return resting.length;
  }

  drop(ids: readonly string[] | "all"): number {
    const resting = this.#resting(ids);
    for (const { id } of resting) this.#letters.delete(id);
    return resting.length;
  }

  #lease(leaseTime: Milliseconds, now: Milliseconds): void {
    this.#leaseTime = leaseTime;
    this.#expires = leaseTime > 0 ? now + leaseTime : 0;
  }

  /** Whether the journal has begun a new generation since the last call. */
  #enterGeneration(): boolean {
    const { generation } = this.#journal;
    if (this.#generation === generation) return false;
    this.#generation = generation;
    this.#position = 0;
    return true;
  }

  #keep({ position, record, retryOf }: NewDeadLetter): void {
    // Derived from the event, so that a commit that is repeated keeps its letters once.
    const id = retryOf ?? `${this.#index}-${position}-${this.#generation}`;
    const partition = this.#index;
    this.#letters.delete(id);
    const kept = { id, partition, position, record: new Uint8Array(record), isRetrying: false };
    this.#letters.set(id, kept);
  }

  #resting(ids: readonly string[] | "all"): Letter[] {
    const letters =
      ids === "all"
        ? [...this.#letters.values()]
        : [...new Set(ids)].flatMap((id) => this.#letters.get(id) ?? []);
    return letters.filter(({ isRetrying }) => !isRetrying);
  }
}

/** A position that is kept or comes next. @internal */
export function seekTarget(
  { first, next }: LocalPartition,
  to: "earliest" | "latest" | number,
): number {
  if (to === "earliest") return first;
  if (to === "latest") return next;
  return Math.min(Math.max(to, first), next);
}

/** A cluster group in memory. @internal */
export class LocalGroup {
  readonly partitions = new Map<number, LocalGroupPartition>();
  /** When each member's time is over. */
  readonly #members = new Map<string, Milliseconds>();

  /** Returns whether it is a new one. */
  join(member: string, ttl: Milliseconds, now: Milliseconds): boolean {
    const expires = this.#members.get(member);
    this.#members.set(member, now + ttl);
    return expires === undefined || expires <= now;
  }

  leave(member: string): boolean {
    return this.#members.delete(member);
  }

  viewAt(now: Milliseconds): GroupView {
    for (const [member, expires] of this.#members) if (expires <= now) this.#members.delete(member);
    return {
      members: [...this.#members.keys()].sort(),
      partitions: [...this.partitions]
        .sort(([a], [b]) => a - b)
        .map(([, partition]) => partition.stateAt(now)),
    };
  }
}
