import type { EventType, GapReason } from "../event/types.js";
import type { Milliseconds } from "../options.js";

// What an inspector sends to its page. All of it is JSON. Texts that come from an application (keys,
// names, errors) are bounded in length, and are text: a reader must never use them as markup.
//
// A row has no age and no rate, only the time that something began and counters that grow: a row
// changes when what it describes has changed. Times are wall-clock milliseconds since 1970, of the
// process that serves the page.

/** A row of a table; `id` is unique in its table, and the same as long as the row is there. */
export interface Row {
  readonly id: string;
}

/** An error as text. What is thrown need not be an Error. */
export interface ErrorText {
  /** At most 100 characters. */
  readonly name: string;
  /** At most 2000 characters. */
  readonly message: string;
  /** At most 4000 characters, the message's lines included; null: it has none. */
  readonly stack: string | null;
}

/** What is looked at, and what its page may do. */
export interface About {
  /** `process`: the process that serves the page. `cluster`: the nodes of a stream, from outside. */
  readonly kind: "process" | "cluster";
  /** Heading of the page: the name of the actor system, or the cache and the broker. */
  readonly title: string;
  /** Name and version of this package. */
  readonly software: string;
  /** Of the process that serves the page. */
  readonly pid: number;
  /** When that process began. */
  readonly startedAt: Milliseconds;
  /** Whether `POST /actions/*` is allowed. */
  readonly actions: boolean;
  /** Whether dead letters are shown with their values. */
  readonly values: boolean;
  /** Who the page's requests are made for; null: there is no login. */
  readonly viewer: string | null;
  /** Why what is shown is not up to date, such as a broker that does not answer; null: it is. */
  readonly trouble: string | null;
  /** Bytes: resident memory and used heap of the process, to a tenth of a mebibyte. */
  readonly memory: { readonly resident: number; readonly heap: number };
  /** Pages that look, this one included. */
  readonly viewers: number;
}

/** An actor in the supervision tree, or the system above it. */
export interface TreeRow extends Row {
  /** The row above; null for the system. */
  readonly parent: string | null;
  /** Order among the rows of one parent: ascending, with holes. */
  readonly place: number;
  /** Its id among its siblings. Not unique below a dynamic supervisor. */
  readonly name: string;
  /** The ids from the system down to it, separated by "/". */
  readonly path: string;
  /** `actor`: spawned by an actor, without a supervisor. */
  readonly kind: "system" | "supervisor" | "worker" | "actor";
  /**
   * `starting`: its `init` is under way; `stopping`: its end is; `restarting`: it is dead, and will
   * be started again; `stopped`: it is dead, and will not be by itself.
   */
  readonly state: "starting" | "running" | "stopping" | "restarting" | "stopped";
  /** How often it has been started in this row, from 1; 0: never. A restart changes it. */
  readonly incarnation: number;
  /** When the incarnation began; null: it is dead. */
  readonly startedAt: Milliseconds | null;
  /** Messages in its mailbox. Events of a stream are not among them. */
  readonly mailbox: number;
  /** When it is restarted; null for one without a supervisor. */
  readonly restart: "permanent" | "transient" | "temporary" | null;
  /** Milliseconds that it has for its end; null for one without a supervisor. */
  readonly shutdown: Milliseconds | "brutal_kill" | "infinity" | null;
  /** Only of a supervisor that is alive. */
  readonly supervisor: SupervisorState | null;
  /** How its last incarnation that ended by itself has ended; null: none has. */
  readonly lastExit: Exit | null;
  /** What it runs: rows of the other tables. */
  readonly runs: { readonly table: "streams" | "caches"; readonly id: string } | null;
}

/** What a supervisor is set to, and how near to its limit it is. */
export interface SupervisorState {
  /** `dynamic`: a dynamic supervisor, whose children are restarted one by one. */
  readonly strategy: "one_for_one" | "one_for_all" | "rest_for_one" | "dynamic";
  /** Restarts within `window` before the last one, that included; it ages only by a new restart. */
  readonly restarts: number;
  /** When the last of them was; null: there was none. Once `window` has passed, the limit is fresh. */
  readonly lastRestart: Milliseconds | null;
  /** One restart more within `window`, and it gives up; null: it never does. */
  readonly maxRestarts: number | null;
  /** Milliseconds. */
  readonly window: Milliseconds;
  /** Children that it has, alive or not. */
  readonly children: number;
}

/** The end of an incarnation. */
export interface Exit {
  readonly time: Milliseconds;
  /** Whether it was an orderly one: `normal`, `shutdown`, `{ shutdown }`. */
  readonly clean: boolean;
  /** Such as `killed`; of an error its name and message. At most 300 characters. */
  readonly reason: string;
  /** Null: the reason is no error. */
  readonly error: ErrorText | null;
}

/** The stream of a cache instance. */
export interface StreamRow extends Row {
  /** Name of the cache. */
  readonly cache: string;
  /** Name of the instance. */
  readonly name: string;
  /** Null: it is not partitioned, and has one log, with the number 0 in the other tables. */
  readonly partitions: number | null;
  /** The life of its logs; null: seen from outside. */
  readonly epoch: string | null;
  /** Name of this node in its pubsub; null: it has none. */
  readonly pubsub: string | null;
  /** Name of this node in its journal; null: it has none. */
  readonly journal: string | null;
  /** Whether the cache's changes come in; null: seen from outside. */
  readonly registered: boolean | null;
  /** Events for which the hash said "none". */
  readonly discarded: number;
  /** Events that are in no partition, since the hash failed. */
  readonly unroutable: number;
}

/** One partition of a stream. */
export interface PartitionRow extends Row {
  /** Row in `streams`. */
  readonly stream: string;
  /** From 0. */
  readonly partition: number;
  /** Events that have come in since the process began, those of other nodes included: a counter. */
  readonly events: number;
  /** The same by type; null: seen from outside. */
  readonly types: Readonly<Record<EventType, number>> | null;
  /** Events that are kept: in memory, or in the journal, seen from outside. */
  readonly kept: number;
  /** How many may be, before the slowest reader is overtaken; null: not known from outside. */
  readonly capacity: number | null;
  /** Live readers, those of groups included; null: seen from outside. */
  readonly readers: number | null;
}

/** A group's place in one partition; or all readers of it that have no group. */
export interface GroupRow extends Row {
  /** Row in `streams`. */
  readonly stream: string;
  /** From 0. */
  readonly partition: number;
  /** Null: the readers without a group, of which the slowest counts. */
  readonly group: string | null;
  /** `cluster`: all nodes share the partitions, and the place is in the journal. */
  readonly scope: "node" | "cluster";
  /**
   * Who handles it: a node's name; null: nobody does now. In node scope that is this node, as long
   * as the group has a live reader.
   */
  readonly owner: string | null;
  /** Whether this process is the owner. */
  readonly here: boolean;
  /** Grows with every change of owner; 0 in node scope. */
  readonly fence: number;
  /** Whether nothing is handled until it is resumed; false in node scope. */
  readonly paused: boolean;
  /** The first event that is not handled: a sequence of this node, or a position in the journal. */
  readonly position: number;
  /** The last event that there is, counted alike; -1: none. */
  readonly last: number;
  /** Events that are not handled, of any type. */
  readonly lag: number;
  /** When the oldest of them was written; null: there is none, or it is not known. */
  readonly oldestAt: Milliseconds | null;
  /** Events handled in this process: a counter; null: seen from outside. */
  readonly handled: number | null;
  /** Milliseconds spent in the handler in this process: a counter; null: seen from outside. */
  readonly busy: Milliseconds | null;
  /**
   * Attempts that have failed at the event in hand, and so far at no other; 0: none has, or it is
   * not known.
   */
  readonly failures: number;
  /** In node scope: events given up, a counter. In cluster scope: those that rest in the journal. */
  readonly deadLetters: number;
  /** Gaps that were reported in this process, by reason: counters. */
  readonly gaps: Readonly<Partial<Record<GapReason, number>>>;
  /** Events that those gaps were about. */
  readonly dropped: number;
  /** Events merged into newer ones of their key. */
  readonly coalesced: number;
}

/** An instance of a cache. */
export interface CacheRow extends Row {
  /** Name of the cache. */
  readonly cache: string;
  /** Name of the instance. */
  readonly name: string;
  /** `remote`: its store is elsewhere, shared with other processes. */
  readonly store: "local" | "remote";
  /** Entries now; null: the store was not asked, or has not answered. */
  readonly entries: number | null;
  /** Why a remote store does not answer; null: it does, or has not been asked. */
  readonly unavailable: string | null;
  /** Counters since the instance began, counted here; null: the store was not asked. */
  readonly counts: CacheCounts | null;
  /** The local copies in front of a remote store; null: there are none. */
  readonly near: NearCounts | null;
}

/** What an instance has counted. */
export interface CacheCounts {
  readonly hits: number;
  readonly misses: number;
  readonly writes: number;
  readonly deletions: number;
  readonly evictions: number;
  readonly expirations: number;
}

/** Local copies of a remote store. */
export interface NearCounts {
  /** Copies now. */
  readonly entries: number;
  /** Reads that a copy has answered: a counter. */
  readonly hits: number;
  /** Reads that the store had to answer: a counter. */
  readonly misses: number;
}

/** A node with a stream of a cache instance, as it is known here. */
export interface NodeRow extends Row {
  /** Row in `streams`. */
  readonly stream: string;
  /** Its name. */
  readonly node: string;
  /** Whether it is this process. */
  readonly self: boolean;
  /** By what it is known. */
  readonly over: "pubsub" | "journal";
  /** `silent`: nothing has come from it for longer than a heartbeat. */
  readonly status: "up" | "silent";
  /** Of this process: how its connection is; null for other nodes. */
  readonly connection: "connected" | "reconnecting" | "closed" | null;
  /** The life of its stream. */
  readonly epoch: string;
  /** When that began, by the node's clock; null: not known. */
  readonly startedAt: Milliseconds | null;
  /** What all nodes must have in common: partitions (null: none) and the hash's name. */
  readonly shape: { readonly partitions: number | null; readonly hash: string } | null;
  /** When something came from it last, to a tenth of a second; null: it is this process. */
  readonly heardAt: Milliseconds | null;
  /** Events that it has not sent yet, by its last message; null: not known. */
  readonly outbox: number | null;
  /** Milliseconds that its clock is ahead of this one's or of the engine's; null: not known. */
  readonly ahead: Milliseconds | null;
}

/** The kinds of entries of a timeline. */
export const timelineKinds = [
  "exit",
  "restart",
  "gave_up",
  "handler_error",
  "dead_letter",
  "gap",
  "undelivered",
  "owner",
  "node",
  "stream",
  "action",
  "problem",
] as const;

/** One of {@link timelineKinds}. */
export type TimelineKind = (typeof timelineKinds)[number];

/** Something that has happened. */
export interface TimelineEntry {
  /** From 1, +1 each, as long as the inspector lives. */
  readonly id: number;
  readonly time: Milliseconds;
  readonly kind: TimelineKind;
  readonly level: "info" | "warn" | "error";
  /** One line, at most 300 characters. */
  readonly text: string;
  /** What it is about, to filter by: a path, `<instance>`, `<instance>/<partition>`, a node. */
  readonly subject: string;
  /** Names and values, in order. Each at most 500 characters. */
  readonly details: readonly (readonly [name: string, value: string])[];
  readonly error: ErrorText | null;
}

/** The tables, by name. Rows are in no order but that of `place` and of the names in them. */
export interface Tables {
  readonly tree: readonly TreeRow[];
  readonly streams: readonly StreamRow[];
  readonly partitions: readonly PartitionRow[];
  readonly groups: readonly GroupRow[];
  readonly caches: readonly CacheRow[];
  readonly nodes: readonly NodeRow[];
}

/** All that there is to see. */
export interface Snapshot extends Tables {
  /** When it was read. */
  readonly time: Milliseconds;
  readonly about: About;
  /** The newest entries, oldest first. */
  readonly timeline: readonly TimelineEntry[];
}

/** The most entries of a timeline that are kept. */
export const maxTimeline = 1000;
