import { CacheEvent } from "../event/event.js";
import type { GapEvent, GapReason } from "../event/types.js";
import { CoalescedEvents } from "./coalesced-events.js";
import { Gaps, type LostRange, LostRanges } from "./gaps.js";
import { LogPosition } from "./log-position.js";
import type { Message } from "./message.js";
import type { PartitionLog } from "./partition-log.js";
import type { Snapshot } from "./snapshot.js";
import { NONE, Unacked } from "./unacked.js";

/** The reader that a gap concerns. @internal */
export interface GapReader {
  readonly group: string | null;
  /** Whether the reader is given the gap. */
  readonly receivesGaps: boolean;
}

/** Where a reader of one partition resumes. @internal */
export interface ResumePoint {
  readonly epoch: string;
  /** Offset of the next event in the log of that epoch. */
  readonly offset: number;
  /** Sequence of this node's next own event. */
  readonly sequence: number;
  /** Whether events before it were not given that are not in the log. */
  readonly incomplete: boolean;
}

/** What a cursor is made for. @internal */
export interface CursorOptions {
  mask: number;
  group: string | null;
  gaps: boolean;
  coalesces: boolean;
  /**
   * Events that it may be behind by, if that is less than the log's capacity. Default: no bound of
   * its own.
   */
  bound?: number;
  /** Whether `whenIdle` waits for it. */
  tracked: boolean;
  /** Events of this origin are not for this reader. */
  skipOrigin?: unknown;
  /** Called with each gap. */
  onGap: (gap: GapEvent, reader: GapReader, isLoss: boolean) => void;
}

/**
 * A reader's position, the events that it has taken and not handled, and the gaps that it has to be
 * given.
 *
 * @internal
 */
export abstract class ReaderPosition extends LogPosition<PartitionLog> {
  readonly group: string | null;
  readonly coalesces: boolean;
  wantsGaps: boolean;
  /** Whether its reader has no use for the gaps that it wants. */
  ignoresGaps = false;
  skipOrigin: unknown;
  /** Events that it may be behind by; Infinity: it has no bound of its own. */
  bound: number;
  readonly unacked = new Unacked();
  protected gaps: Gaps | undefined;
  protected snapshot: Snapshot | undefined;
  protected readonly merged: CoalescedEvents | undefined;
  /** Where the merged events began. */
  protected mergedFrom: ResumePoint | undefined;
  /** Where another reader resumes as long as this one has not been given all its gaps. */
  protected unreportedFrom: ResumePoint | undefined;
  readonly #onGap: CursorOptions["onGap"];

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    super(log, position, options.mask);
    this.group = options.group;
    this.coalesces = options.coalesces;
    this.wantsGaps = options.gaps;
    this.skipOrigin = options.skipOrigin;
    this.bound = options.bound ?? Infinity;
    this.merged = options.coalesces ? new CoalescedEvents() : undefined;
    this.#onGap = options.onGap;
  }

  /** Events before `base` leave the memory: what this reader has not read of them is noted. */
  dropUnread(base: number): void {
    const from = this.unreadFrom;
    if (this.coalesces || from >= base) return;
    this.keepResumePoint();
    const gaps = (this.gaps ??= new Gaps());
    gaps.unreported = this.log.addRanges(from, base, gaps.unreported ?? new LostRanges());
    this.position = base;
  }

  /** Before the next event there were others, in no log; their number is not known. */
  reportUnknownLoss(reason: GapReason): void {
    const { source, nextSequence } = this.log;
    this.keepResumePoint(true);
    this.reportLost([{ source, first: nextSequence, last: nextSequence - 1, count: 0 }], reason);
    this.activate();
  }

  /** Events of another node are missing. @param at the offset that they would have been before */
  reportGap(gap: GapEvent, at?: number): void {
    this.#addGap(gap, at);
    this.activate();
  }

  /** Whether its reader is given gaps, and has a use for them. */
  get receivesGaps(): boolean {
    return this.wantsGaps && !this.ignoresGaps;
  }

  /** How many events were reported as lost, and in how many gaps. */
  get dropped(): number {
    return this.gaps?.dropped ?? 0;
  }

  get gapCount(): number {
    return this.gaps?.count ?? 0;
  }

  /** The same by reason. */
  get gapReasons(): Readonly<Partial<Record<GapReason, number>>> {
    return this.gaps?.reasons ?? {};
  }

  /**
   * How many events there are from this position to the end of the log, those that are not
   * acknowledged and those of other types included.
   */
  get lag(): number {
    return (
      this.unacked.size +
      (this.merged?.size ?? 0) +
      (this.snapshot?.size ?? 0) +
      this.log.next -
      (this.coalesces ? this.unreadFrom : Math.max(this.unreadFrom, this.log.next - this.bound))
    );
  }

  /**
   * How many events for this reader are not handled. It visits each; `lag` does not, and counts
   * those of other types too.
   */
  countUnhandled(): number {
    const { log, mask, skipOrigin } = this;
    const waiting =
      this.unacked.all().filter(({ type }) => type !== "gap").length +
      (this.unacked.inlineOffset === NONE ? 0 : 1);
    const from = this.unreadFrom;
    // The types of dropped events are not known any more.
    const overrun = this.merged === undefined ? Math.max(0, log.first - from) : 0;
    let count = waiting + (this.merged?.size ?? 0) + (this.snapshot?.size ?? 0) + overrun;
    for (const range of this.gaps?.unreported?.all() ?? []) count += range.count;
    for (let at = from + overrun; (at = log.find(at, mask, skipOrigin)) < log.next; at++) count++;
    return count;
  }

  /**
   * The unhandled events of other sources than the log's own. It visits each.
   */
  unhandledOfOthers(): LostRange[] {
    const { log, mask, skipOrigin } = this;
    const found = new LostRanges();
    const add = (event: CacheEvent): void => {
      const sequence = CacheEvent.sequenceOf(event);
      found.add(CacheEvent.homeOf(event), sequence, sequence);
    };
    for (const message of this.unacked.all()) if (message instanceof CacheEvent) add(message);
    for (const event of this.merged?.unread() ?? []) add(event);
    if (log.numbered) {
      found.addAll(this.gaps?.unreported?.all() ?? []);
      const from = this.unreadFrom;
      const end = this.merged === undefined ? Math.max(from, log.first) : from;
      log.addRanges(from, end, found);
      for (let at = end; (at = log.find(at, mask, skipOrigin)) < log.next; at++) add(log.at(at));
    }
    return found.all().filter(({ source }) => source !== log.source);
  }

  /** Offset of the first event that is not known to be handled. */
  get handledUpTo(): number {
    let first = this.merged?.oldest ?? this.unreadFrom;
    // Unacknowledged messages need not be in order: a merged event has the newest offset.
    for (const message of this.unacked.all())
      if (this.isOfLog(message)) first = Math.min(first, CacheEvent.offsetOf(message));
    const { inlineOffset } = this.unacked;
    return inlineOffset < 0 ? first : Math.min(first, inlineOffset);
  }

  /**
   * Sequence of this node's first own event that is not known to be handled; `log.written` if there
   * is none.
   */
  get firstUnhandled(): number {
    const { log } = this;
    const { inlineOffset } = this.unacked;
    let first = log.numbered
      ? log.sequenceAt(inlineOffset < 0 ? this.unreadFrom : inlineOffset)
      : this.handledUpTo;
    const look = (event: CacheEvent): void => {
      if (CacheEvent.homeOf(event) === log.source)
        first = Math.min(first, CacheEvent.sequenceOf(event));
    };
    for (const event of this.merged?.all() ?? []) look(event);
    for (const message of this.unacked.all()) if (this.isOfLog(message)) look(message);
    for (const range of this.gaps?.unreported?.all() ?? [])
      if (range.source === log.source) first = Math.min(first, range.first);
    return first;
  }

  /** Whether all events before an offset in this log have been handled, and every gap. */
  hasHandled(offset: number): boolean {
    if (this.hasEarlierInput) return false;
    if (this.unreadFrom < offset || (this.gaps?.nextAt ?? Infinity) <= offset) return false;
    const { inlineOffset } = this.unacked;
    if (inlineOffset !== NONE && inlineOffset < offset) return false;
    return this.unacked
      .all()
      .every(
        (message) =>
          message instanceof CacheEvent &&
          this.log.owns(message) &&
          CacheEvent.offsetOf(message) >= offset,
      );
  }

  /**
   * From where another reader is given what this one has not handled; `given` counts as handled.
   */
  resumePoint(given?: Message): ResumePoint {
    const held = this.unacked.all().filter((message) => message !== given);
    const hasUnreported =
      this.isOverrun ||
      this.gaps?.hasImmediate === true ||
      held.some((it) => !this.isOfLogOrSnapshot(it));
    if (hasUnreported && this.unreportedFrom !== undefined) return this.unreportedFrom;
    this.unreportedFrom = undefined;
    let point = this.hasMerged ? (this.mergedFrom as ResumePoint) : this.pointAt(this.unreadFrom);
    const { inlineOffset } = this.unacked;
    if (inlineOffset >= 0 && inlineOffset < point.offset) point = this.pointAt(inlineOffset);
    for (const message of held)
      if (this.isOfLog(message) && CacheEvent.offsetOf(message) < point.offset)
        point = this.pointAt(CacheEvent.offsetOf(message));
    const ofSnapshot = this.snapshot !== undefined && this.snapshot.size > 0;
    const incomplete = ofSnapshot || held.some((it) => it.type !== "gap" && !this.isOfLog(it));
    return incomplete ? { ...point, incomplete } : point;
  }

  /** Events from a point on are about to be reported as lost: until then it is the resume point. */
  setResumePoint(point: ResumePoint): void {
    this.unreportedFrom = point;
  }

  /** Reports what is not kept of this node's events from a sequence on. */
  reportTrimmed(from: number): void {
    const { source } = this.log;
    const oldest = this.log.sequenceAt(this.position);
    if (from >= oldest) return;
    // An offset is never smaller than the sequence: the offset `from` is trimmed as well.
    this.setResumePoint({ epoch: source.epoch, offset: from, sequence: from, incomplete: false });
    this.reportLost([{ source, first: from, last: oldest - 1, count: oldest - from }], "overrun");
  }

  /**
   * To be called before events are lost: keeps where a reader would have to resume until the gap
   * has been given.
   *
   * @param incomplete whether the lost events are not in the log
   */
  protected keepResumePoint(incomplete = false): void {
    const point = this.resumePoint();
    this.unreportedFrom = incomplete ? { ...point, incomplete } : point;
  }

  protected pointAt(offset: number): ResumePoint {
    const { epoch } = this.log.source;
    return { epoch, offset, sequence: this.log.sequenceAt(offset), incomplete: false };
  }

  protected isOfLogOrSnapshot(message: Message): boolean {
    return message instanceof CacheEvent && this.log.owns(message);
  }

  /** Whether a message is in the log, as no gap and no entry of a snapshot is. */
  protected isOfLog(message: Message): message is CacheEvent {
    return (
      message instanceof CacheEvent &&
      this.log.owns(message) &&
      message.metadata.snapshot === undefined
    );
  }

  /** Whether there are messages to be given before the events of the log. */
  protected get hasEarlierInput(): boolean {
    return this.hasGap || this.snapshot !== undefined || this.hasMerged || this.isOverrun;
  }

  protected get hasMerged(): boolean {
    return this.merged !== undefined && this.merged.size > 0;
  }

  /** Whether a gap is to be given next. */
  protected get hasGap(): boolean {
    return this.gaps !== undefined && this.gaps.nextAt <= this.unreadFrom;
  }

  /** Offset up to which the log can be read: its end, or the next gap. */
  protected get end(): number {
    return this.gaps === undefined ? this.log.next : Math.min(this.log.next, this.gaps.nextAt);
  }

  /** Whether unread events were dropped that no gap reports yet. */
  protected get isOverrun(): boolean {
    return this.gaps?.unreported !== undefined;
  }

  /** Wakes its reader for what is not in the log. */
  protected activate(): void {
    if (!this.resting) return;
    this.position = this.unreadFrom;
    this.log.activate(this);
  }

  protected reportUnreadLost(from: number, end: number, reason: GapReason): void {
    const lost = this.log.lostBetween(from, end, this.gaps?.unreported);
    if (this.gaps !== undefined) this.gaps.unreported = undefined;
    const { source, nextSequence } = this.log;
    // The end of this node's sequence is reported even if none of its events are lost.
    const endsHere = reason !== "overrun" && !lost.some((range) => range.source === source);
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

  /** @param isLoss false: a sequence ends, and all of it was read */
  #addGap(gap: GapEvent, at?: number, isLoss = true): void {
    const gaps = (this.gaps ??= new Gaps());
    gaps.record(gap);
    if (this.wantsGaps) gaps.add(gap, at);
    this.#onGap(gap, this, isLoss);
  }
}
