import type { EventSource } from "../event/event.js";
import type { GapEvent, GapReason } from "../event/types.js";

/**
 * Events of one source that a reader is not given: sequences `first` to `last`, inclusive;
 * `last = first - 1` if no end is known.
 *
 * @internal
 */
export interface LostRange {
  readonly source: EventSource;
  readonly first: number;
  readonly last: number;
  /** Number of events, as far as they were counted. */
  readonly count: number;
}

/** Events that a reader is not given, one range for each source. @internal */
export class LostRanges {
  readonly #bounds = new Map<EventSource, { first: number; last: number; count: number }>();

  add(source: EventSource, first: number, last: number, count = last - first + 1): void {
    const bounds = this.#bounds.get(source);
    if (bounds === undefined) {
      this.#bounds.set(source, { first, last, count });
      return;
    }
    bounds.count += count;
    bounds.first = Math.min(bounds.first, first);
    bounds.last = Math.max(bounds.last, last);
  }

  addAll(ranges: readonly LostRange[]): void {
    for (const { source, first, last, count } of ranges) this.add(source, first, last, count);
  }

  all(): LostRange[] {
    return [...this.#bounds].map(([source, bounds]) => ({ source, ...bounds }));
  }
}

/** A gap, and the offset of the event before which it is given. @internal */
export interface PlacedGap {
  readonly at: number;
  readonly gap: GapEvent;
}

/** Gaps in a list beyond which those of one sequence are merged. */
const maxGaps = 1024;

/** Whether it has no known end: events may be missing from `from` on. */
function isOpen({ from, to }: GapEvent): boolean {
  return to < from;
}

/** Whether two gaps report the same. */
function isSameGap(gap: GapEvent, other: GapEvent | undefined): boolean {
  return (
    other !== undefined &&
    other.from === gap.from &&
    other.to === gap.to &&
    other.node === gap.node &&
    other.epoch === gap.epoch &&
    other.reason === gap.reason
  );
}

/**
 * Gaps in the order of their offsets. Their number is bounded even if no reader takes them: beyond
 * {@link maxGaps} those of one sequence are merged. A merged gap may cover more than was lost, but
 * never less.
 *
 * @internal
 */
export class PlacedGaps {
  #gaps: PlacedGap[] = [];
  #limit = maxGaps;

  get all(): readonly PlacedGap[] {
    return this.#gaps;
  }

  /** Adds a gap behind the others of its offset, unless the one before it is the same. */
  add(placed: PlacedGap): void {
    const gaps = this.#gaps;
    let index = gaps.length;
    while (index > 0 && (gaps[index - 1] as PlacedGap).at > placed.at) index--;
    const before = gaps[index - 1];
    if (before?.at === placed.at && isSameGap(placed.gap, before.gap)) return;
    if (index === gaps.length) gaps.push(placed);
    else gaps.splice(index, 0, placed);
    if (gaps.length > this.#limit) this.#merge();
  }

  replaceLast(placed: PlacedGap): void {
    this.#gaps[this.#gaps.length - 1] = placed;
  }

  shift(): PlacedGap | undefined {
    return this.#gaps.shift();
  }

  replaceAll(gaps: PlacedGap[]): void {
    this.#gaps = gaps;
  }

  #merge(): void {
    const merged = new Map<string, PlacedGap>();
    for (const { at, gap } of this.#gaps) {
      const id = JSON.stringify([gap.node, gap.epoch, gap.reason, isOpen(gap)]);
      const same = merged.get(id);
      if (same === undefined) merged.set(id, { at, gap });
      else if (isOpen(gap)) merged.set(id, { at: same.at, gap });
      else {
        const from = Math.min(same.gap.from, gap.from);
        const to = Math.max(same.gap.to, gap.to);
        merged.set(id, { at: same.at, gap: { ...gap, from, to } });
      }
    }
    this.#gaps = [...merged.values()];
    this.#limit = Math.max(maxGaps, 2 * this.#gaps.length);
  }
}

/** The offset of a gap that has none in the log, and is given before anything else. */
const IMMEDIATE = -1;

/** The gaps of one reader: those that it was given, and those to be given. @internal */
export class Gaps {
  /** How many events were reported as lost, and in how many gaps. */
  dropped = 0;
  count = 0;
  /** How many gaps, by reason. */
  readonly reasons: Partial<Record<GapReason, number>> = {};
  /** Unread events that the log does not keep any more, and that no gap reports yet. */
  unreported: LostRanges | undefined;
  readonly #waiting = new PlacedGaps();

  /** Whether there is one to give, at whatever offset. */
  get any(): boolean {
    return this.#waiting.all.length > 0;
  }

  /** The offset before which the next one is given. */
  get nextAt(): number {
    return this.#waiting.all[0]?.at ?? Infinity;
  }

  /** Whether the next one has no offset in the log. */
  get hasImmediate(): boolean {
    return this.nextAt === IMMEDIATE;
  }

  /** Counts a gap. */
  record(gap: GapEvent): void {
    this.dropped += gap.to - gap.from + 1;
    this.count++;
    this.reasons[gap.reason] = (this.reasons[gap.reason] ?? 0) + 1;
  }

  /** @param at default: given next, behind others without an offset */
  add(gap: GapEvent, at: number = IMMEDIATE): void {
    const last = this.#waiting.all.at(-1);
    if (last?.at === at && continues(last.gap, gap))
      this.#waiting.replaceLast({ at, gap: { ...last.gap, to: gap.to } });
    else this.#waiting.add({ at, gap });
  }

  shift(): GapEvent | undefined {
    return this.#waiting.shift()?.gap;
  }

  /** Takes over the gaps that another reader has to be given; they are given next. */
  takeFrom(other: Gaps): void {
    for (const { gap } of other.#waiting.all) this.add(gap);
    other.#waiting.replaceAll([]);
  }

  /** The log has been replaced: all are given next. */
  detachFromLog(): void {
    this.#waiting.replaceAll(this.#waiting.all.map(({ gap }) => ({ at: IMMEDIATE, gap })));
  }
}

/**
 * Whether a gap begins where another ends, so that one can report both. An open one stays alone.
 */
function continues(before: GapEvent, gap: GapEvent): boolean {
  return (
    before.reason === gap.reason &&
    before.node === gap.node &&
    before.epoch === gap.epoch &&
    before.to + 1 === gap.from &&
    gap.to >= gap.from
  );
}
