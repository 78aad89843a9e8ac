import { CacheEvent, type EventSource } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { Attributes } from "./metrics.js";
import { type Activity, startActivity } from "./open-telemetry.js";

/** The reader that handles a batch. @internal */
export interface BatchReader {
  readonly log: { readonly source: EventSource };
  readonly group: string | null;
}

/** Attributes of what is about one partition; those that have no value are left out. @internal */
export function partitionAttributes(
  { cache, name, partition }: Pick<EventSource, "cache" | "name" | "partition">,
  group: string | null,
): Record<string, string | number> {
  return {
    cache,
    name,
    ...(partition === null ? undefined : { partition }),
    ...(group === null ? undefined : { group }),
  };
}

/**
 * The handling of some events of a partition in a row, as a span `nebulex.streams.handle`.
 *
 * @internal
 */
export class BatchSpan {
  readonly #activity: Activity;
  #events = 0;
  #last = 0;

  private constructor(activity: Activity) {
    this.#activity = activity;
  }

  /** Returns undefined if there is no tracer. */
  static start(reader: BatchReader): BatchSpan | undefined {
    const activity = startActivity("nebulex.streams.handle", "consumer", attributesOf, reader);
    return activity === undefined ? undefined : new BatchSpan(activity);
  }

  /** See {@link Activity.run}. */
  run<T>(fn: () => T): T {
    return this.#activity.run(fn);
  }

  /** To be called before the handler gets a message. */
  given(message: CacheEvent | GapEvent): void {
    if (message.type === "gap") return;
    this.#last = CacheEvent.sequenceOf(message as CacheEvent);
    if (this.#events++ === 0) this.#activity.set("first_sequence", this.#last);
  }

  /** To be called when the handler has failed. */
  failed(error: unknown): void {
    this.#activity.failed(error);
  }

  end(): void {
    this.#complete();
    this.#activity.end();
  }

  /** To be called when the worker has ended before the handler. */
  cutOff(): void {
    this.#complete();
    this.#activity.cutOff("the worker has ended");
  }

  #complete(): void {
    this.#activity.set("events", this.#events);
    if (this.#events > 0) this.#activity.set("last_sequence", this.#last);
  }
}

function attributesOf({ log, group }: BatchReader): Attributes {
  return partitionAttributes(log.source, group);
}

/**
 * A restart, as a span `nebulex.supervisor.restart`. It ends when all restarted children are up.
 *
 * @internal
 */
export function startRestartSpan(restart: RestartDetails): Activity | undefined {
  return startActivity("nebulex.supervisor.restart", "internal", restartAttributes, restart);
}

/** @internal */
export interface RestartDetails {
  /** The supervisor's path. */
  readonly supervisor: string;
  readonly childId: string;
  readonly attempt: number;
}

function restartAttributes({ supervisor, childId, attempt }: RestartDetails): Attributes {
  return { supervisor, child_id: childId, attempt };
}
