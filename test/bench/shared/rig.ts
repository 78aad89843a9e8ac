/** A cache in Redis, as one contestant uses it. */
export interface SharedRig {
  /** Stores so many entries, all of them under way at a time. */
  put(count: number): Promise<unknown>;
  /** Reads so many entries, all of them under way at a time. */
  get(count: number): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Entries that are stored and read over and over. */
export const entries = 10_000;
