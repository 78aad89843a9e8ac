import type { Milliseconds } from "../options.js";

/** A partition of a cluster group. */
export interface GroupState {
  /** Its index. */
  readonly partition: number;
  /** The member that holds the lease; null: none, or it has expired. */
  readonly owner: string | null;
  /** Milliseconds until the lease expires; 0: there is none. */
  readonly remaining: Milliseconds;
  /**
   * Grows with every change of owner, over generations too: it never is the same for two owners.
   */
  readonly fence: number;
  /** The first position that is not handled; of `generation`. */
  readonly position: number;
  /** The generation of the journal that `position` counts in. */
  readonly generation: string;
  /** Grows with every `seek`. */
  readonly seeks: number;
  /** Whether it is paused: its owner handles nothing. */
  readonly paused: boolean;
  /** How many dead letters there are, without those that wait for their retry. */
  readonly deadLetters: number;
  /** How many dead letters wait for their retry. */
  readonly retries: number;
}

/** A partition of a cluster group whose lease has just been taken. */
export interface AcquiredState extends GroupState {
  /**
   * The position of the oldest event that is kept, as in `bounds`, where the engine has it at hand:
   * it is asked for otherwise.
   */
  readonly first?: number | undefined;
}

/** A cluster group. */
export interface GroupView {
  /** The members whose time has not expired, sorted by name. */
  readonly members: readonly string[];
  /** One for each partition, in order; empty for a group that has not been created. */
  readonly partitions: readonly GroupState[];
}

/** An owner's right to a partition. */
export interface Lease {
  /** That of the owner's lease. */
  readonly fence: number;
  /** As the owner knows it. */
  readonly seeks: number;
  /** The one that the owner reads. */
  readonly generation: string;
}

/** What an owner has done. */
export interface GroupCommit extends Lease {
  /** The first position that is not handled. */
  readonly position: number;
  /** For how long the lease is renewed from now, in milliseconds; 0: it is given back. */
  readonly leaseTime: Milliseconds;
  /** Events given up: added to the dead letters, once, however often the commit is sent. */
  readonly dead: readonly NewDeadLetter[];
  /** Ids of dead letters whose retry has been handled: they are removed. */
  readonly retried: readonly string[];
}

/** A dead letter to be kept. */
export interface NewDeadLetter {
  /** Of its event. */
  readonly position: number;
  /** What is kept. */
  readonly record: Uint8Array;
  /**
   * Set: it was being retried; the record of that id is replaced, and rests again. Its event may be
   * of an earlier generation, in which the position was another event's.
   */
  readonly retryOf?: string | undefined;
}

/** A dead letter that is kept. */
export interface KeptDeadLetter {
  /** Unique in the group, and without spaces. */
  readonly id: string;
  /** The index of its partition. */
  readonly partition: number;
  /** Of its event, in the generation in which it was given up. */
  readonly position: number;
  /** As it was given. */
  readonly record: Uint8Array;
}

/** What a commit has done. */
export interface CommitResult {
  /**
   * `committed`: all of it. `fenced`: nothing, since the lease has expired or is another's, or the
   * group is not there. `moved`: the lease alone was renewed or given back; the position was sought,
   * or the journal has begun a new generation, so that the owner has to go on from `state.position`.
   */
  readonly status: "committed" | "fenced" | "moved";
  /** The state afterwards. */
  readonly state: GroupState;
}
