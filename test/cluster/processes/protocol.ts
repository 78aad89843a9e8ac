import type {
  CacheEntryEvent,
  EventType,
  GapReason,
  Include,
  PubSubStatus,
} from "../../../src/index.js";

/** The brokers that a cluster can run over. */
export const engineNames = ["redis", "nats"] as const;
export type EngineName = (typeof engineNames)[number];

/** What a process of a cluster is started with. */
export interface NodeConfig {
  readonly node: string;
  readonly engine: EngineName;
  readonly address: { readonly host: string; readonly port: number };
  readonly namespace?: string;
  readonly codec?: "binary" | "json";
  readonly heartbeat?: number;
  readonly partitions?: number;
  readonly capacity?: number;
  readonly include?: readonly Include[];
  readonly broadcastFun?: "broadcast" | "broadcast_from";
  /** What the handlers are given. Default: all types. */
  readonly events?: readonly EventType[];
  /** Whether the events themselves are kept, for `events()`. Default false. */
  readonly keepsEvents?: boolean;
  /** What writes on its own, until it is asked to stop. Default: nothing does. */
  readonly writer?: WriterConfig;
  /** A second cache, whose entries are copies of a source of truth. Default: there is none. */
  readonly near?: NearConfig;
}

export interface WriterConfig {
  readonly seed: number;
  /** Over how many keys it writes. */
  readonly keys: number;
  /**
   * Where it notes down, before anything of it can be sent, how much it has written: also for when
   * it is killed.
   */
  readonly notes: string;
}

export interface NearConfig {
  /** The file that holds the truth: a version for each key. */
  readonly truth: string;
  readonly keys: number;
  /** Events that a partition of its stream keeps. */
  readonly capacity?: number;
  /** Only this process changes the keys whose number has this remainder. */
  readonly share: number;
  readonly shares: number;
}

/** What a process has written. */
export interface WriterReport {
  readonly epoch: string;
  /** Events, by partition: the sequence of the last one, plus one. */
  readonly counts: readonly number[];
  readonly failures: readonly string[];
  /** Milliseconds. */
  readonly longestPut: number;
  /** The longest time that the event loop was blocked, in milliseconds. */
  readonly longestStall: number;
}

/** A gap of a reader; `to = from - 1`: without an end. */
export interface SeenGap {
  readonly from: number;
  readonly to: number;
  readonly reason: GapReason;
}

/** What a reader received from one epoch of one node in one partition. */
export interface SeenOrigin {
  readonly node: string;
  readonly epoch: string;
  readonly partition: number;
  /** Sequences in order of receipt: pairs of the first and the last of each unbroken run. */
  readonly runs: readonly number[];
  readonly gaps: readonly SeenGap[];
}

export interface NearReport {
  readonly held: number;
  /** Keys whose copy is wrong. */
  readonly stale: readonly string[];
}

export interface NodeStatus {
  readonly pubsub: PubSubStatus;
  /** The known nodes, without the silent ones. */
  readonly nodes: readonly string[];
  readonly written: number;
  /** Bytes. */
  readonly memory: number;
}

/** An event as it can be sent to another process. */
export type PlainEvent = Pick<
  CacheEntryEvent,
  "type" | "command" | "target" | "value" | "values"
> & {
  readonly node: string;
  readonly epoch: string;
  readonly partition: number | null;
  readonly sequence: number;
  readonly topic: string;
  readonly fill: boolean;
};

/** The commands of a process of a cluster. */
export interface NodeApi {
  status(): NodeStatus;
  /** Writes so many events a second, until `rest`. */
  write(rate: number): void;
  rest(): void;
  report(): WriterReport;
  /** What the handlers received. */
  seen(): SeenOrigin[];
  near(): NearReport;
  /** Does a command of the cache. */
  command(
    name: "put" | "putAll" | "delete" | "deleteAll" | "get" | "take",
    args: unknown[],
  ): unknown;
  /** The events that the handlers received, in order. */
  events(): PlainEvent[];
  /** Starts an actor that subscribes to all partitions. */
  startReader(): Promise<void>;
  /** Puts on behalf of that actor. */
  putFromReader(key: unknown, value: unknown): void;
  /** The keys of the events that it got. */
  readByReader(): unknown[];
  stop(): Promise<void>;
}
