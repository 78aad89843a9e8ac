import type { Milliseconds } from "../options.js";
import type { Codec } from "../pubsub/encodable.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { JournalEngine } from "./engine.js";

/** The state of a journal's connection. `closed`: not started yet, or stopped. */
export type JournalStatus = "connected" | "reconnecting" | "closed";

/**
 * The durable, ordered, bounded record of streams in an engine, which all nodes share. Streams write
 * their events to it and read those of the other nodes from it (`streamServer({ journal })`), and
 * cluster groups keep their positions in it.
 */
export interface Journal {
  /** This node's name, the same as in the metadata of the events that it writes. */
  readonly nodeName: string;
  /** Whether it is connected to its engine. */
  readonly status: JournalStatus;
  /**
   * The child spec of the actor that holds the connection; its id is `journal:<nodeName>`. Place it
   * before the stream servers that use it.
   */
  childSpec(): ChildSpec;
  /** Calls `fn` at each change of `status`; returns a function that ends this. */
  onStatus(fn: (status: JournalStatus) => void): () => void;
}

/** The options of all journals. */
export interface JournalOptions {
  /** This node's name, without ":", unique in the namespace. Default: a random one. */
  nodeName?: string;
  /**
   * Separates applications on one engine: nodes of different namespaces share nothing. Default
   * `"nebulex"`.
   */
  namespace?: string;
  /** Events that each partition keeps, handled or not. Default 100,000, or `capacity` if less. */
  retain?: number;
  /**
   * Milliseconds after which an event that every cluster group has handled is dropped, however few
   * there are. Default: `retain` alone decides.
   */
  retainFor?: Milliseconds;
  /**
   * Events that each partition keeps at most for cluster groups that are behind; what is beyond is
   * reported to them as a gap. Default 1,000,000.
   */
  capacity?: number;
  /**
   * Milliseconds after which a node that says nothing counts as dead: its last writes may be
   * missing, and a gap reports that. Each node announces itself every third of it. Default 3000.
   */
  heartbeat?: Milliseconds;
  /**
   * How events are encoded: compactly, or readable for people. Each node decodes both. Default
   * `"binary"`.
   */
  codec?: "binary" | "json";
  /**
   * The size in bytes above which an entry is neither stored nor read, at least 1024. Default
   * 1,048,576; the engine's own limit applies if it is less.
   */
  maxMessageSize?: number;
}

/** What streams and cluster groups use of a journal. @internal */
export interface JournalPort {
  readonly nodeName: string;
  readonly namespace: string;
  readonly heartbeat: Milliseconds;
  readonly codec: Codec;
  readonly status: JournalStatus;
  /** Events in one entry, at most. */
  readonly maxEvents: number;
  /** In bytes: the option, or the engine's own limit if that is less. */
  readonly maxMessageSize: number;
  /** Shown to operators. */
  readonly kind: string;
  /** Why there is no connection, as far as is known. */
  readonly trouble: unknown;
  /**
   * The engine of the present connection.
   *
   * @throws JournalError when there is none
   */
  engine(): JournalEngine;
  onStatus(fn: (status: JournalStatus) => void): () => void;
}

/** The property of a journal that holds its port. @internal */
export const journalPort: unique symbol = Symbol("nebulex.journal");

/** A journal that streams can run over. @internal */
export interface JournalWithPort extends Journal {
  readonly [journalPort]: JournalPort;
}
