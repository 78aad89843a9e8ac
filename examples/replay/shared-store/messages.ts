import type { EventType, GapEvent } from "nebulex-streams";
import type { Key, Request } from "../request.js";

/**
 * What the replay stores in a shared store: a number that no other write of the run has, so that
 * each event says which write it followed.
 */
export type WriteNumber = number;

/** What a handler saw of an event, as it is sent to the main process. */
export interface SeenEvent {
  readonly partition: number;
  readonly position: number;
  readonly type: EventType;
  readonly key: Key;
  /** Absent when the entry is gone. */
  readonly value?: WriteNumber;
  /** Absent when the entry was new. */
  readonly previous?: WriteNumber;
}

/** What requests came to. */
export interface Played {
  readonly hits: number;
  readonly misses: number;
  /** How many events they made. */
  readonly changes: number;
}

/** What the main process asks of a worker process. */
export interface NodeCalls {
  play(requests: readonly Request[]): Promise<Played>;
  /** Has a handler of this process fail at the next event. */
  crash(): void;
  /** Crashes that have had no event to happen at, and restarts of children. */
  faults(): { readonly crashesLeft: number; readonly restarts: number };
  /** Ends in order. */
  stop(): Promise<void>;
}

/** What a worker process tells the main one. */
export interface MainCalls {
  ready(): void;
  /** In the order in which its handlers were given them. */
  handled(events: readonly SeenEvent[]): void;
  gap(gap: Pick<GapEvent, "partition" | "from" | "to" | "reason">): void;
}

/** Where the processes meet. */
export interface Place {
  readonly url: string;
  /** Keeps other programs on that server apart. */
  readonly namespace: string;
  readonly partitions: number;
}

/** The group of the handlers: one of all processes handles an event. */
export const group = "replay";
