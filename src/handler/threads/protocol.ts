import type { EventSource } from "../../event/event.js";
import type { GapEvent } from "../../event/types.js";
import type { Milliseconds } from "../../options.js";
import type { EncodedEvent } from "./codec.js";

/** One partition, as a thread sees it. @internal */
export interface Lane {
  readonly partition: number | null;
  readonly partitions: number | null;
}

/** What a thread is started with. @internal */
export interface ThreadData {
  /** URL of the handler's module. */
  readonly module: string;
  readonly lanes: readonly Lane[];
  /** Two 32-bit integers a lane: how much it has handled since the thread began, and whether it has something in hand. */
  readonly progress: SharedArrayBuffer;
}

/** Something for one lane to handle; it is given nothing else until it has answered. @internal */
export interface Work {
  readonly lane: number;
  /** Which attempt at its first event this is. */
  readonly attempt: number;
  readonly content:
    | { readonly source: EventSource; readonly events: readonly EncodedEvent[] }
    | { readonly gap: GapEvent };
}

/** @internal */
export type ToThread = { type: "work"; work: Work } | { type: "stop"; reason: unknown };

/** @internal */
export type FromThread =
  | { type: "ready"; batch: { maxSize: number; maxWait: Milliseconds } | null }
  | { type: "failed"; error: unknown }
  | { type: "done"; lane: number; failure: { error: unknown } | null }
  | { type: "stopped" };
