import { CoalescedEvents } from "./coalesced-events.js";
import { CacheEvent } from "../event/event.js";
import type { CursorOptions } from "./cursor-options.js";
import { Unacked, NONE } from "./unacked.js";
import { type LostRange, LostRanges } from "./lost-ranges.js";
import type { Message } from "./message.js";
import type { PartitionLog } from "./partition-log.js";
import { LogPosition } from "./log-position.js";
import type { Snapshot } from "./snapshot.js";
import type { ResumePoint } from "./resume-point.js";

/** A place with what is taken from the log and not handled, and the account of it. @internal */
export abstract class ReaderPosition extends LogPosition {
  skipOrigin: unknown;
  /** Events that it may be behind by; Infinity: it has no bound of its own. */
  bound: number;
  readonly unacked = new Unacked();
  protected snapshot: Snapshot | undefined;
  protected readonly merged: CoalescedEvents | undefined;
  /** Where the events that are merged began. */
  protected mergedFrom: ResumePoint | undefined;
  /**
   * Where a reader would have to resume, as long as this one has not been told what it lost from
   * there on.
   */
  protected unreportedFrom: ResumePoint | undefined;

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    super(log, position, options);
    this.skipOrigin = options.skipOrigin;
    this.bound = options.bound ?? Infinity;
    this.merged = options.coalesces ? new CoalescedEvents() : undefined;
  }

  /**
   * How many events there are from this reader's place to the end of the log, those in hand and
   * those of other types included.
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
   * How many events for this reader are not handled. Looks at each; `lag` does not, and counts
   * those of other types too.
   */
  countUnhandled(): number {
    const { log, mask, skipOrigin } = this;
    const waiting =
      this.unacked.all().filter(({ type }) => type !== "gap").length +
      (this.unacked.inlineOffset === NONE ? 0 : 1);
    const from = this.unreadFrom;
    // Of what it was overtaken by, nobody knows any more what it was.
    const overrun = this.merged === undefined ? Math.max(0, log.first - from) : 0;
    let count = waiting + (this.merged?.size ?? 0) + (this.snapshot?.size ?? 0) + overrun;
    for (const gone of this.gaps?.unreported?.all() ?? []) count += gone.count;
    for (let at = from + overrun; (at = log.find(at, mask, skipOrigin)) < log.next; at++) count++;
    return count;
  }

  /**
   * The events of other sources than the log's own among those that are not handled. Looks at each.
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
    // What is in hand need not be in order: of merged events the newest offset counts.
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
    for (const gone of this.gaps?.unreported?.all() ?? [])
      if (gone.source === log.source) first = Math.min(first, gone.first);
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
    const isOwed =
      this.isOverrun ||
      this.gaps?.hasImmediate === true ||
      held.some((it) => !this.isOfLogOrSnapshot(it));
    if (isOwed && this.unreportedFrom !== undefined) return this.unreportedFrom;
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

  /**
   * What is lost from a point on is about to be reported: until it has been, another reader
   * resumes there.
   */
  setResumePoint(point: ResumePoint): void {
    this.unreportedFrom = point;
  }

  /** It begins to read from an event of this node that may be gone already. */
  reportTrimmed(from: number): void {
    const { source } = this.log;
    const oldest = this.log.sequenceAt(this.position);
    if (from >= oldest) return;
    // An offset is never smaller than the sequence: the offset `from` is trimmed as well.
    this.setResumePoint({ epoch: source.epoch, offset: from, sequence: from, incomplete: false });
    this.reportLost([{ source, first: from, last: oldest - 1, count: oldest - from }], "overrun");
  }

  protected override keepResumePoint(incomplete = false): void {
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

  /** Whether a message in hand stands in the log, as no gap and no entry of a snapshot does. */
  protected isOfLog(message: Message): message is CacheEvent {
    return (
      message instanceof CacheEvent &&
      this.log.owns(message) &&
      message.metadata.snapshot === undefined
    );
  }

  /** Whether something is to be given before the events of the log. */
  protected get hasEarlierInput(): boolean {
    return this.hasGap || this.snapshot !== undefined || this.hasMerged || this.isOverrun;
  }

  protected get hasMerged(): boolean {
    return this.merged !== undefined && this.merged.size > 0;
  }
}
