import type { CacheInfo, JournalStatus } from "../../../src/index.js";
import type { RedisAdapterOptions } from "../../../src/redis.js";
import type { ReadCounts } from "./read-check.js";

/** What the processes store: see `text` in commands.ts; or, under the keys of counters, a number. */
export type Value = string | number;

/** What a process is started with. */
export interface StoreNodeConfig {
  readonly node: string;
  readonly address: { readonly host: string; readonly port: number };
  /** Milliseconds. */
  readonly heartbeat: number;
  readonly adapter: Omit<RedisAdapterOptions, "journal">;
  readonly writer: StoreWriterConfig;
}

export interface StoreWriterConfig {
  readonly seed: number;
  /** A number that no other process of the run has. */
  readonly life: number;
  /** Over how many keys it writes. */
  readonly keys: number;
  /** Where it notes down what it does, also for when it is killed. */
  readonly notes: string;
}

export interface StoreNodeStatus {
  readonly journal: JournalStatus;
  /** Commands that have been done or have failed. */
  readonly settled: number;
}

/** The commands of a process. */
export interface StoreNodeApi {
  status(): StoreNodeStatus;
  /** Issues so many commands a second, and as many reads, until `rest`. */
  write(rate: number): void;
  /** Settles when all commands have. */
  rest(): Promise<void>;
  reads(): ReadCounts;
  info(): Promise<CacheInfo>;
  /** What `get` gives for each key that has a value. */
  contents(): Promise<Map<string, Value>>;
}
