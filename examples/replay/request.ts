/** A key of a trace: numbers where the trace has numbers. */
export type Key = string | number;

/** One request to the cache. */
export interface Request {
  readonly op: "read" | "write" | "delete";
  readonly key: Key;
  /** Time to live of the entry that a write makes, in milliseconds; absent: none. */
  readonly ttl?: number;
}

/** Requests that follow one another, read or generated together. */
export interface Batch {
  readonly requests: readonly Request[];
  /** How much of the workload lies behind the end of this batch, from 0 to 1. */
  readonly progress: number;
}

/** Requests in a batch: enough to make the turn of the event loop between two of them cheap. */
export const BATCH_SIZE = 1_024;
