import type { GapEvent } from "../event/types.js";
import type { GapReader } from "../log/reader-position.js";
import { channels, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { setImmediate } from "../timers.js";

interface UncoveredGap {
  readonly gap: GapEvent;
  readonly group: string | null;
}

/**
 * Reports the gaps of one stream: on their channel or, if that has no subscribers and no reader is
 * given what covers them, as a process warning. Gaps that concern all readers reach them in one
 * turn of the event loop, at whose end they are compared. An overrun concerns only the reader that
 * was too slow: it is warned of at once, before the events behind it are handled.
 *
 * @internal
 */
export class GapReports {
  readonly #stream: string;
  #delivered: GapEvent[] = [];
  #undelivered: UncoveredGap[] = [];
  #scheduled = false;

  constructor(stream: string) {
    this.#stream = stream;
  }

  add(gap: GapEvent, { group, receivesGaps }: GapReader, isLoss: boolean): void {
    if (report(channels.gap, () => ({ ...gap, group }))) return;
    if (!isLoss) return;
    if (gap.reason === "overrun") {
      if (!receivesGaps) this.#warnOf({ gap, group });
      return;
    }
    if (receivesGaps) this.#delivered.push(gap);
    else this.#undelivered.push({ gap, group });
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#compare);
  }

  readonly #compare = (): void => {
    const given = this.#delivered;
    const unheard = this.#undelivered;
    this.#delivered = [];
    this.#undelivered = [];
    this.#scheduled = false;
    for (const uncovered of unheard)
      if (!given.some((other) => covers(other, uncovered.gap))) this.#warnOf(uncovered);
  };

  #warnOf({ gap: { from, to, reason, node }, group }: UncoveredGap): void {
    const reader = group === null ? "a reader without a group" : `group ${group}`;
    const events = to < from ? `events from ${from} on` : `events ${from} to ${to}`;
    warnOfReported(
      `gap of ${reader} on stream ${this.#stream}, which no reader is given`,
      `${events} of node ${node} are lost to it (${reason})`,
    );
  }
}

function covers(other: GapEvent, gap: GapEvent): boolean {
  if (
    other.partition !== gap.partition ||
    other.node !== gap.node ||
    other.epoch !== gap.epoch ||
    other.from > gap.from
  )
    return false;
  // A gap without events has an open end.
  return other.to < other.from || (gap.to >= gap.from && other.to >= gap.to);
}
