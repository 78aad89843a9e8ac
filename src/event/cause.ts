import type { EventSource } from "./event.js";

/** What a change comes from; shared by all events of one command and origin. */
export interface Cause<Origin = unknown> {
  /** The command's name, or `"sweep"`. */
  readonly command: string;
  /** The actor on whose behalf the command was; null: none. */
  readonly origin: Origin | null;
  /** Whether what was stored is a copy of what is true elsewhere, not a change. */
  readonly fill: boolean;
  /** Whether it is a deletion by an invalidator. */
  readonly invalidation: boolean;
  /** Whether it is no change, but part of a snapshot. */
  readonly snapshot: boolean;
  /**
   * The sequence on another node that the change has its place in; null: it was made on this one.
   *
   * @internal
   */
  readonly source: EventSource | null;
}

/** @internal */
export function causeOf(command: string, origin: unknown = null, fill = false): Cause {
  return Object.freeze({
    command,
    origin,
    fill,
    invalidation: false,
    snapshot: false,
    source: null,
  });
}
