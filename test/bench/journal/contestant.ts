/** Stores entries, and handles what that makes, each of them once. */
export interface Contestant {
  /**
   * Stores so many entries, within a turn of the event loop. What is returned settles when the
   * engine has them, where the contestant has to wait for that at some time.
   */
  burst(count: number): Promise<unknown> | undefined;
  close(): Promise<void>;
}

export interface Setup {
  readonly port: number;
  /** Called with each key. */
  readonly handle: (key: string) => void;
}

export type Open = (setup: Setup) => Promise<Contestant>;

/** Entries that are stored over and over. */
export const entries = 10_000;
