import type { GapEvent, GapReason } from "../event/types.js";
import type { CursorOptions } from "./cursor-options.js";
import { Gaps } from "./gaps.js";
import { type LostRange, LostRanges } from "./lost-ranges.js";
import type { CursorReader } from "./message.js";
import type { PartitionLog } from "./partition-log.js";

/**
 * A place in one partition's log, up to which its owner is through, and what it is to be told of
 * what it misses. The log keeps what is behind the place, and wakes the owner when something comes.
 *
 * @internal
 */
export class LogPosition {
  log: PartitionLog;
  /** Where the next event is to be taken from the log. */
  position: number;
  /** Whether it waits for the log to wake it. */
  resting = false;
  reader: CursorReader | undefined;
  mask: number;
  wantsGaps: boolean;
  readonly group: string | null;
  readonly coalesces: boolean;
  protected gaps: Gaps | undefined;
  /** Whether its reader does nothing with the gaps that it wants. */
  ignoresGaps = false;
  readonly #onGap: CursorOptions["onGap"];

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    this.log = log;
    this.position = position;
    this.mask = options.mask;
    this.group = options.group;
    this.wantsGaps = options.gaps;
    this.coalesces = options.coalesces;
    this.#onGap = options.onGap;
  }

  /**
   * Events up to `base` are about to go for this reader: what it has not taken of them is noted.
   */
  dropUnread(base: number): void {
    const from = this.unreadFrom;
    if (this.coalesces || from >= base) return;
    this.keepResumePoint();
    const gaps = (this.gaps ??= new Gaps());
    gaps.unreported = this.log.addRanges(from, base, gaps.unreported ?? new LostRanges());
    this.position = base;
  }

  /** There were events that are in no log, before the next one. */
  reportUnknownLoss(reason: GapReason): void {
    const { source, nextSequence } = this.log;
    this.keepResumePoint(true);
    this.reportLost([{ source, first: nextSequence, last: nextSequence - 1, count: 0 }], reason);
    this.activate();
  }

  /**
   * There were events on another node that did not come; they would have had a place in the log.
   */
  reportGap(gap: GapEvent, at?: number): void {
    this.#addGap(gap, at);
    this.activate();
  }

  /** Whether its reader is given gaps, and does something with them. */
  get receivesGaps(): boolean {
    return this.wantsGaps && !this.ignoresGaps;
  }

  /** How many events were announced as lost, and in how many gaps. */
  get dropped(): number {
    return this.gaps?.dropped ?? 0;
  }

  get gapCount(): number {
    return this.gaps?.count ?? 0;
  }

  /** Offset of the next event in the log that may concern this reader. */
  get unreadFrom(): number {
    const { log, position } = this;
    if (!this.resting) return position;
    if (!log.dirty || (this.mask & log.batchTypes) === 0) return log.next;
    return Math.max(position, log.batchStart);
  }

  /** Whether a gap is to be told next. */
  protected get hasGap(): boolean {
    return this.gaps !== undefined && this.gaps.nextAt <= this.unreadFrom;
  }

  /** Where the log ends for now: at its end, or at a gap. */
  protected get end(): number {
    return this.gaps === undefined ? this.log.next : Math.min(this.log.next, this.gaps.nextAt);
  }

  /**
   * To be called before something is lost: keeps where a reader would have to resume until it has
   * been told.
   *
   * @param incomplete whether the log can't tell what is lost
   */
  protected keepResumePoint(incomplete = false): void {
    void incomplete;
  }

  /** Makes it read what is not in the log. */
  protected activate(): void {
    if (!this.resting) return;
    // While it rests its position stands still, and the log may have gone on without it.
    this.position = this.unreadFrom;
    this.log.activate(this);
  }

  /** Whether events went unread that are noted and not told. */
  protected get isOverrun(): boolean {
    return this.gaps?.unreported !== undefined;
  }

  protected reportUnreadLost(from: number, end: number, reason: GapReason): void {
    const lost = this.log.lostBetween(from, end, this.gaps?.unreported);
    if (this.gaps !== undefined) this.gaps.unreported = undefined;
    const { source, nextSequence } = this.log;
    // Of this node's own events none may be lost; that their sequence ends is to be told all the
    // same.
    const endsHere = reason !== "overrun" && !lost.some((loss) => loss.source === source);
    this.reportLost(lost, reason);
    if (endsHere)
      this.#addGap(this.#gapOf(source, nextSequence, nextSequence - 1, reason), undefined, false);
  }

  protected reportLost(lost: readonly LostRange[], reason: GapReason): void {
    for (const { source, first, last } of lost)
      this.#addGap(this.#gapOf(source, first, last, reason));
  }

  #gapOf(
    { node, epoch }: LostRange["source"],
    from: number,
    to: number,
    reason: GapReason,
  ): GapEvent {
    const { cache, name, partition } = this.log.source;
    return { type: "gap", cache, name, partition, from, to, reason, node, epoch };
  }

  /** @param isLoss whether events may be lost: a sequence can end with none unread */
  #addGap(gap: GapEvent, at?: number, isLoss = true): void {
    const gaps = (this.gaps ??= new Gaps());
    gaps.record(gap);
    if (this.wantsGaps) gaps.add(gap, at);
    this.#onGap(gap, this, isLoss);
  }
}
