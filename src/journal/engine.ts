import type { Clock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type {
  AcquiredState,
  CommitResult,
  GroupCommit,
  GroupView,
  KeptDeadLetter,
} from "./group-types.js";

export type {
  AcquiredState,
  CommitResult,
  GroupCommit,
  GroupState,
  GroupView,
  KeptDeadLetter,
  Lease,
  NewDeadLetter,
} from "./group-types.js";

/** A stream of one cache instance, in the namespace of the engine. */
export interface StreamName {
  /** The cache's name, without ":". */
  readonly cache: string;
  /** The instance's name, without ":". */
  readonly name: string;
}

/** A stream that is stored. */
export interface KeptStream extends StreamName {
  /** What its nodes must have in common, as the first one has stored it. */
  readonly shape: string;
}

/** One partition of a stream. */
export interface PartitionName extends StreamName {
  /** Its index, from 0; 0 for a stream without partitions. */
  readonly partition: number;
}

/** A cluster group of a stream. */
export interface GroupName extends StreamName {
  /** The group's name: any non-empty string. */
  readonly group: string;
}

/** One partition of a cluster group. */
export interface GroupPartition extends GroupName {
  /** Its index, from 0. */
  readonly partition: number;
}

/** What an engine is made for. */
export interface JournalContext {
  /** This node's name. */
  readonly nodeName: string;
  /** Separates applications on one engine. */
  readonly namespace: string;
  /** Events that a partition keeps, handled or not, unless they are older than `retainFor`. */
  readonly retain: number;
  /**
   * Milliseconds after which an event that all groups have handled is dropped, also within
   * `retain`; undefined: `retain` alone decides.
   */
  readonly retainFor: Milliseconds | undefined;
  /**
   * Events that a partition keeps at most, for groups that are behind. The entry that holds the
   * oldest of them stays as a whole.
   */
  readonly capacity: number;
  /** The system's clock. */
  readonly clock: Clock;
  /** From 0 to below 1: for the jitter of reconnections. */
  readonly random: () => number;
  /**
   * Set for an operator's tool: nothing that belongs to all streams is created in the engine, and
   * no setting is changed there.
   */
  readonly observes?: boolean | undefined;
}

/** Makes an engine, which is not open yet. Called for each incarnation of the journal's actor. */
export type JournalEngineFactory = (context: JournalContext) => JournalEngine;

/** What an engine reports. */
export interface JournalEngineEvents {
  /**
   * The connection is up, or is lost. While it is lost, every call rejects at once; nothing is
   * queued for the next connection.
   *
   * @param error why it is lost, if that is known
   */
  status(status: "connected" | "reconnecting", error?: unknown): void;
}

/** Some events of one node and epoch, in their order, to be stored as one; or a marker. */
export interface NewEntry {
  /** The node that writes it. */
  readonly node: string;
  /** The life of that node's stream. */
  readonly epoch: string;
  /** When that life began, by that node's clock, in milliseconds. */
  readonly startedAt: Milliseconds;
  /** The last sequence of this epoch that was stored before; -1: none. */
  readonly after: number;
  /** The last sequence of this entry. */
  readonly to: number;
  /** How many positions it takes: one for each event. A marker takes one, too. */
  readonly count: number;
  /** What is stored. */
  readonly payload: Uint8Array;
}

/** What an append has done. */
export type AppendResult =
  /** The entry is stored; `position` is that of its first event. */
  | { readonly status: "appended"; readonly position: number; readonly generation: string }
  /**
   * Nothing was stored: the last sequence of this epoch that is stored is `last` (-1: none), not
   * the entry's `after`.
   */
  | { readonly status: "conflict"; readonly last: number; readonly generation: string }
  /** Nothing was stored: a younger epoch of a node of this name has written, or one is known. */
  | { readonly status: "superseded" };

/** What a partition holds. */
export interface PartitionBounds {
  /** A random id of this life of the journal. */
  readonly generation: string;
  /** The position of the oldest event that is kept; `next` if there is none. */
  readonly first: number;
  /** The position that the next event gets. */
  readonly next: number;
  /**
   * `<node>:<epoch>:<to>` of the entry that holds the position `probe`; undefined: none was asked
   * for, or the entry is not kept.
   */
  readonly probed?: string | undefined;
}

/** An entry as it was stored. */
export interface StoredEntry {
  /** The position of its first event. */
  readonly position: number;
  /** How many positions it takes. */
  readonly count: number;
  /** When it was stored, by the engine's wall clock, in milliseconds. */
  readonly time: Milliseconds;
  /** As it was given. */
  readonly payload: Uint8Array;
  /** Who wrote it, of an entry that a shared store has made in the engine. @internal */
  readonly writer?: { readonly node: string; readonly id: string };
}

/** Receives the entries of a partition. */
export interface TailSink {
  /**
   * Entries in their order, none twice and none left out but what has been trimmed. The next ones
   * come when what it returns has settled. It never throws or rejects.
   */
  entries(entries: readonly StoredEntry[]): void | Promise<void>;
  /**
   * The engine has lost entries that the tail has read, and has or will have others in their place:
   * the tail brings nothing more. The reader finds a new generation, or begins one (`renew`). Called
   * once at most, by engines that can lose some entries and keep others. It never throws.
   */
  astray?(): void;
}

/** A reading of a partition that goes on, over losses of the connection, until it is closed. */
export interface Tail {
  /** Ends it; nothing is delivered any more. Idempotent. */
  close(): void;
}

/** A node of a stream, as it has announced itself. */
export interface StreamNode {
  /** Its name. */
  readonly node: string;
  /** The life of its stream. */
  readonly epoch: string;
  /** When that life began, by its clock, in milliseconds. */
  readonly startedAt: Milliseconds;
  /** Whatever the node has said of itself: a JSON text of at most 4096 characters. */
  readonly info: string;
}

/** A node of a stream, as another one sees it. */
export interface SeenNode extends StreamNode {
  /** Whether it has not announced itself within the time it gave. */
  readonly expired: boolean;
}

/** What in an engine's settings endangers a journal. */
export interface EngineProblem {
  /** A sentence for operators. */
  readonly problem: string;
}

/**
 * An engine that keeps journals: an adapter to Redis Streams, JetStream, memory or another. All
 * payloads are opaque to it. `journalConformance` of `nebulex-streams/testing` checks one.
 *
 * An engine is opened once and closed once. Every method rejects while there is no connection, and
 * when the outcome can't be known; a call that is repeated then has to be harmless. Names are any
 * non-empty strings: where the engine's are more restricted, the adapter encodes them. What each
 * method says it does is one atomic step in the engine, unless it says otherwise.
 *
 * Time of leases and of members is the engine's own, or is measured by each node with its own
 * monotonic clock; wall clocks of nodes are never compared.
 */
export interface JournalEngine {
  /** Shown to operators, e.g. `"redis"`. */
  readonly kind: string;
  /** Events in one entry, at most. Default 1024. */
  readonly maxEvents?: number | undefined;
  /** Bytes of a payload at most, if there is such a limit; read again after each `connected`. */
  readonly maxPayload?: number | undefined;
  /**
   * Loads what is needed to connect, such as an optional package, before `open`. Rejects where
   * another attempt would not help.
   */
  load?(): Promise<void>;
  /**
   * Connects, and from then on reconnects by itself after each loss, until `close`. Settles after
   * the first attempt: an engine that can't be reached is no error here, it is reported as
   * `reconnecting`. Rejects where another attempt would not help: a wrong option, a refused
   * password.
   */
  open(events: JournalEngineEvents): Promise<void>;
  /** Ends the connection and all tails. Idempotent; may be called before or during `open`. */
  close(): Promise<void>;
  /** What in the engine's settings endangers a journal, as far as that may be asked. */
  health?(): Promise<readonly EngineProblem[]>;

  /**
   * Stores the shape of a stream, unless one is stored.
   *
   * @returns the one that is stored now
   */
  shape(stream: StreamName, shape: string): Promise<string>;
  /** The streams that are stored, with their shapes. */
  streams(): Promise<readonly KeptStream[]>;

  /**
   * Stores an entry behind all others of the partition, if the last one of its node is of an older
   * epoch, or is of this epoch and ends with the sequence `after`; an epoch that the partition has
   * not seen begins with any `after`. Of two epochs of a node, the one with the later `startedAt`
   * is the younger one; if they are equal, the greater `epoch`. What is stored is trimmed: an entry
   * is dropped when every group has handled it and it is beyond `retain` or older than `retainFor`,
   * and in any case when it is beyond `capacity`; this may happen in steps, and later. Calls for
   * one partition are carried out in their order, and none after one that failed may be stored
   * unless that one is.
   */
  append(partition: PartitionName, entry: NewEntry): Promise<AppendResult>;
  /**
   * The last sequence of a node's epoch that the partition has taken; -1: none, or that epoch is not
   * known there.
   */
  lastSequence(partition: PartitionName, node: string, epoch: string): Promise<number>;
  /**
   * Stores the marker `payload` (one position), which reports that events of a node may be missing,
   * unless one has been stored since that epoch's last entry. For an epoch that a younger one of the
   * node has followed, none need be stored.
   *
   * @returns whether it was stored
   */
  markLost(partition: PartitionName, node: StreamNode, payload: Uint8Array): Promise<boolean>;
  /**
   * What the partition holds. A partition that nothing is known of begins a generation.
   *
   * @param probe a position whose entry is to be identified
   */
  bounds(partition: PartitionName, probe?: number): Promise<PartitionBounds>;
  /**
   * Begins a new generation if `generation` is still the present one. The entries stay, with their
   * positions.
   *
   * @returns the present generation
   */
  renew(partition: PartitionName, generation: string): Promise<string>;
  /** Drops what `append` would drop. Called now and then, so that time alone trims, too. */
  trim(partition: PartitionName): Promise<void>;
  /**
   * Reads the partition from a position on, as long as the tail is open; new entries come at once.
   * Where the entry that holds `from` begins before it, that whole entry comes first; where `from`
   * has been trimmed, what is kept comes first. Never throws.
   */
  tail(partition: PartitionName, from: number, sink: TailSink): Tail;
  /** The entry that holds a position; undefined: it is not kept, or not written yet. */
  entryAt(partition: PartitionName, position: number): Promise<StoredEntry | undefined>;

  /**
   * Announces this node for `ttl` milliseconds. Not one atomic step.
   *
   * @returns all nodes that have announced themselves and have not left, those that have expired
   *   included
   */
  beat(stream: StreamName, node: StreamNode, ttl: Milliseconds): Promise<readonly SeenNode[]>;
  /** The same without an announcement. */
  nodes(stream: StreamName): Promise<readonly SeenNode[]>;
  /** Forgets a node's announcement, if it is of that epoch. */
  leave(stream: StreamName, node: string, epoch: string): Promise<void>;

  /** The names of the groups of a stream, sorted. */
  groups(stream: StreamName): Promise<readonly string[]>;
  /**
   * Creates the group in each partition where it is not there: at the position of the oldest event
   * that is kept, or of the next one. Not one atomic step over partitions.
   */
  createGroup(group: GroupName, partitions: number, at: "earliest" | "latest"): Promise<void>;
  /** Announces a member for `ttl` milliseconds, and returns the group; members hear of a new one. */
  joinGroup(group: GroupName, member: string, ttl: Milliseconds): Promise<GroupView>;
  /** Forgets a member. Other members hear of it. */
  leaveGroup(group: GroupName, member: string): Promise<void>;
  /** The group as it is. */
  viewGroup(group: GroupName): Promise<GroupView>;
  /**
   * Takes the lease of a partition for `leaseTime` milliseconds, if it is free or has expired. The
   * fence grows, also where the last owner is the same. In a new generation the position becomes 0.
   *
   * @param at where the group begins if it is not there
   * @returns the state, with this owner; undefined: it has an owner
   */
  acquire(
    partition: GroupPartition,
    owner: string,
    leaseTime: Milliseconds,
    at: "earliest" | "latest",
  ): Promise<AcquiredState | undefined>;
  /**
   * Moves the position on, renews the lease or gives it back, and adds and removes dead letters, if
   * fence, generation and seeks are the present ones and the lease has not expired. When the lease
   * is given back, members hear of it.
   */
  commit(partition: GroupPartition, commit: GroupCommit): Promise<CommitResult>;
  /**
   * Calls `changed` soon after another member may want to know: best effort. Never throws. With the
   * group as it is now, where the engine knows it without a request and no older than any view that
   * it has returned before.
   */
  watchGroup(group: GroupName, changed: (view?: GroupView) => void): () => void;
  /** Pauses or resumes a partition; no effect where the group is not there. Members hear of it. */
  setPaused(partition: GroupPartition, paused: boolean): Promise<void>;
  /**
   * Moves the position, whoever has the lease, which stays: to the oldest event that is kept, to
   * the next one, or to a position, of which the nearest that is kept or comes next is taken.
   * Members hear of it. Where the group is not there, nothing is changed.
   *
   * @returns the new position
   */
  seek(partition: GroupPartition, to: "earliest" | "latest" | number): Promise<number>;
  /**
   * Dead letters of a partition, the oldest first.
   *
   * @param of those that rest, or those that wait for their retry
   */
  deadLetters(
    partition: GroupPartition,
    of: "resting" | "retrying",
    limit: number,
  ): Promise<readonly KeptDeadLetter[]>;
  /**
   * Lets dead letters wait for their retry. Members hear of it.
   *
   * @returns how many were resting and wait now
   */
  retry(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number>;
  /** Removes dead letters that rest. @returns how many */
  drop(partition: GroupPartition, ids: readonly string[] | "all"): Promise<number>;
  /**
   * Removes the group with its dead letters from a partition, unless the partition has an owner.
   *
   * @returns the owner, which keeps it; undefined: the group is gone there
   */
  deleteGroup(partition: GroupPartition): Promise<string | undefined>;
}
