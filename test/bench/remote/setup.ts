import type { User } from "../load.js";
import type { Engine } from "./broker.js";

/** Entries that are stored over and over. */
export const entries = 10_000;

/** What is to be set up on either side. */
export interface Setup {
  readonly engine: Engine;
  readonly port: number;
  /** Keeps the contestants apart. */
  readonly channel: string;
  /** Whether the values are sent, too. */
  readonly withValue: boolean;
}

/** Stores entries, and sends what that does. */
export interface Sender {
  /** Stores so many entries, within a turn of the event loop. Who has to wait for the broker at some time says for what. */
  burst(count: number): Promise<unknown> | undefined;
  close(): Promise<void>;
}

export interface Receiver {
  close(): Promise<void>;
}

/** Is called with every key that comes. */
export type Handle = (key: string, value: User | undefined) => void;

export interface Contestant {
  send(setup: Setup): Promise<Sender>;
  receive(setup: Setup, handle: Handle): Promise<Receiver>;
}
