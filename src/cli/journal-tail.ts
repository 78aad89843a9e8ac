import { pause, systemClock } from "../clock.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import { withoutSecrets } from "../pubsub/broker-address.js";
import { reasonOf } from "../pubsub/broker-session.js";
import { wallClockNow } from "../timers.js";
import type { JournalPosition } from "./argument-values.js";
import type { TailOptions } from "./arguments.js";
import { checkPartition, journalStream, type JournalConnection } from "./journal.js";
import { JournalReader } from "./journal-reader.js";
import { Lines, type Output } from "./output.js";
import { encodedLine, eventLine, gapLine, jsonLine, printable } from "./show-event.js";
import { UsageError } from "./usage.js";

/** How often to look whether the journal has been lost. */
const checkInterval: Milliseconds = 1000;

/** @internal */
export interface JournalTailOptions extends TailOptions {
  readonly from: JournalPosition;
}

/**
 * Shows what a journal has, and what is written, until the output's signal is aborted.
 *
 * @throws (as a rejection) NotFound; UsageError
 * @internal
 */
export async function tailJournal(
  options: JournalTailOptions,
  connection: JournalConnection,
  output: Output,
): Promise<void> {
  const { partition: only, from } = options;
  const stream = await journalStream(connection.engine, options);
  checkPartition(stream, only);
  if (typeof from === "number" && only === null && stream.count > 1)
    throw new UsageError(
      `option --partition: expected a partition, as a position belongs to one of the ${stream.count}, got none`,
    );
  const view = new JournalView(options, output);
  const partitions = only === null ? Array.from({ length: stream.count }, (_, n) => n) : [only];
  const readers = partitions.map((index) => new JournalReader(stream, index, from, view));
  // What fails is tried again: the status shows why.
  const check = (): Promise<unknown> =>
    Promise.all(readers.map((reader) => reader.check().catch(() => {})));
  const unwatch = connection.onStatus((status) => {
    view.status(status, connection.trouble);
    if (status === "connected") void check();
  });
  try {
    await Promise.all(readers.map((reader) => reader.check()));
    while (!output.signal.aborted) {
      await pause(systemClock, checkInterval, output.signal);
      if (connection.status === "connected") await check();
    }
  } finally {
    unwatch();
    for (const reader of readers) reader.close();
    view.lines.flush();
  }
}

/** Shows a journal to the user. */
class JournalView {
  readonly lines: Lines;
  readonly #options: JournalTailOptions;
  readonly #output: Output;

  constructor(options: JournalTailOptions, output: Output) {
    this.lines = new Lines(output);
    this.#options = options;
    this.#output = output;
  }

  events(events: readonly CacheEvent[]): void | Promise<void> {
    const { events: types, json } = this.#options;
    for (const event of events)
      if (types.includes(event.type)) this.lines.add(json ? jsonLine(event) : eventLine(event));
    const { drained } = this.#output;
    if (drained === undefined) return;
    this.lines.flush();
    return drained();
  }

  gap(gap: GapEvent, position: number | null): void {
    const { json } = this.#options;
    this.lines.add(
      json ? encodedLine({ ...gap, position }) : gapLine(gap, wallClockNow(), position),
    );
  }

  rejected(partition: number, position: number, error: unknown): void {
    this.#say(
      `the entry at position ${position} of partition ${partition} can't be read: ${reasonOf(error)}`,
    );
  }

  status(status: "connected" | "reconnecting", trouble: unknown): void {
    const { broker } = this.#options;
    const { shown } = broker;
    const why = trouble === undefined ? "" : ` (${withoutSecrets(reasonOf(trouble), broker)})`;
    if (status === "connected") this.#say(`connected to ${shown}`);
    else this.#say(`no connection to ${shown}: trying again${why}`);
  }

  #say(text: string): void {
    // Earlier events are shown first.
    this.lines.flush();
    this.#output.say(printable(text));
  }
}
