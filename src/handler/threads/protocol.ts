import type { EventSource } from "../../event/event.js";
import type { GapEvent } from "../../event/types.js";
import type { Milliseconds } from "../../options.js";
import type { EncodedEvents, EncodedError } from "./codec.js";

/** One partition, as a thread sees it. @internal */
export interface ThreadPartition {
  readonly partition: number | null;
  readonly partitions: number | null;
}

/** What a thread is started with. @internal */
export interface ThreadData {
  /** URL of the handler's module. */
  readonly module: string;
  readonly partitions: readonly ThreadPartition[];
  /** Of its `Progress`. */
  readonly progress: SharedArrayBuffer;
}

/**
 * Work for one partition, which gets no more before it has answered.
 *
 * @internal
 */
export interface Work {
  readonly partition: number;
  /** Which attempt at its first event this is. */
  readonly attempt: number;
  readonly fence: number;
  readonly content:
    { readonly source: EventSource; readonly events: EncodedEvents } | { readonly gap: GapEvent };
}

/** @internal */
export type ToThread =
  { type: "work"; work: Work } | { type: "beat" } | { type: "stop"; reason: unknown };

/** The batches that the thread's handler takes. @internal */
export interface ThreadBatch {
  readonly maxSize: number;
  readonly maxWait: Milliseconds;
}

/** @internal */
export type FromThread =
  | { type: "ready"; batch: ThreadBatch | null; handlesGaps: boolean }
  | { type: "failed"; error: EncodedError }
  | { type: "done"; partition: number; error: EncodedError | null }
  | { type: "stopped"; error: EncodedError | null };

/** How a piece of work ended. @internal */
export interface Outcome {
  /** How many of its events have been handled. */
  readonly handled: number;
  /**
   * Why not all: the first of the others failed (`culprit`) or may have ended the thread
   * (`suspect`); one of them can't be cloned (`uncloneable`); or they are not the cause (`none`).
   */
  readonly blame: "none" | "culprit" | "suspect" | "uncloneable";
  readonly error: unknown;
}

/** Work that a partition is busy with. @internal */
export interface Run {
  /** What the partition had handled before. */
  readonly began: number;
  /** Whether this may have been what ended the thread before. */
  readonly isolated: boolean;
  readonly settle: (outcome: Outcome) => void;
}
