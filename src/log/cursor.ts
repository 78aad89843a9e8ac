import type { CoalescedEvents } from "./coalesced-events.js";
import { CacheEvent } from "../event/event.js";
import type { GapReason } from "../event/types.js";
import { typeBits } from "./event-mask.js";
import { Gaps, LostRanges } from "./gaps.js";
import type { LogReader } from "./log-position.js";
import type { CursorReader, Gate, Message, VisitResult, Visitor } from "./message.js";
import type { PartitionLog } from "./partition-log.js";
import { type CursorOptions, ReaderPosition } from "./reader-position.js";
import { type Segment, segmentSize } from "./segment.js";
import type { Snapshot } from "./snapshot.js";
import { DETACHED, NONE } from "./unacked.js";

/**
 * Reads one partition for a reader. A group's cursor outlives its readers: what one leaves
 * unacknowledged, the next one is given again.
 *
 * @internal
 */
export class Cursor extends ReaderPosition implements LogReader {
  readonly tracked: boolean;
  /** Whether it stays with its log when that is replaced: its reader ends with it. */
  keepsLog = false;
  /** Time spent in the handler, in milliseconds. */
  busy = 0;
  /** How many events were handled, and how many given up after their last attempt. */
  handled = 0;
  deadLetters = 0;

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    super(log, position, options);
    this.tracked = options.tracked;
  }

  /** Undefined: what its reader takes may be handled at once. */
  get gate(): Gate | undefined {
    return undefined;
  }

  /** The fence of the lease that it reads under; 0: none. */
  get fence(): number {
    return 0;
  }

  /** Gives it a new reader, which first receives what the last one left unacknowledged. */
  reattach(
    reader: CursorReader,
    options: { mask: number; gaps: boolean; skipOrigin: unknown; bound?: number },
  ): void {
    this.reader = reader;
    this.unacked.redeliver();
    this.wantsGaps = options.gaps;
    this.ignoresGaps = false;
    this.skipOrigin = options.skipOrigin;
    this.position = this.unreadFrom;
    this.log.reconfigure(this, options.mask, options.bound ?? Infinity);
    this.wakeIfBehind();
  }

  /** The reader ends; the position is kept. */
  detach(): void {
    this.reader = undefined;
  }

  /** Takes over the gaps that another cursor of the same reader can't give any more. */
  inheritGaps(from: Cursor): void {
    if (from.gaps === undefined) return;
    this.keepResumePoint(true);
    (this.gaps ??= new Gaps()).takeFrom(from.gaps);
    this.activate();
  }

  /** Continues another cursor of its group, one of the two coalescing and the other not. */
  continueFrom(other: Cursor): void {
    const from = other.handledUpTo;
    this.handled = other.handled;
    this.deadLetters = other.deadLetters;
    this.unacked.addUndelivered(other.unacked.all().filter((message) => !other.isOfLog(message)));
    this.unreportedFrom = other.resumePoint();
    this.snapshot = other.snapshot;
    this.gaps = other.gaps;
    this.gaps?.detachFromLog();
    this.position = Math.max(from, this.log.first);
    if (from < this.position) this.reportUnreadLost(from, this.position, "overrun");
  }

  /** Wakes the reader if there is anything to read. */
  wakeIfBehind(): void {
    if (this.lag > 0 || this.gaps?.any === true) this.activate();
  }

  /** Gives it a snapshot to read first. */
  startWith(snapshot: Snapshot): void {
    if (snapshot.size === 0) return;
    this.snapshot = snapshot;
    this.activate();
  }

  /**
   * The fast path: passes events straight from the log to the visitor as long as it has handled
   * each when it returns. It passes none while there are messages to be given before them.
   *
   * @param limit offsets to read, at the most
   * @returns the event that is pending, if there is one: it is unacknowledged, as after `next`
   */
  run(visitor: Visitor, limit: number): CacheEvent | undefined {
    const { log, unacked } = this;
    if (this.bound !== Infinity) this.enforceBound();
    if (unacked.held > 0 || this.hasEarlierInput) return undefined;
    if (this.resting) this.position = this.unreadFrom;
    const from = this.position;
    const end = Math.min(this.end, from + limit);
    let progress: VisitResult = "done";
    try {
      while (progress === "done" && this.#isAt(log, end)) {
        const segment = log.segmentOf(this.position);
        progress = this.#visitRows(visitor, log, segment, log.segmentStart(this.position), end);
      }
    } finally {
      if (this.log === log) log.moved(from, this.position);
    }
    return progress === "pending" ? (unacked.newest as CacheEvent) : undefined;
  }

  /**
   * Passes the events of one segment, up to `end`, to the visitor. A function of its own, small
   * enough for the engine to inline all that it calls for an event.
   *
   * @param start offset of the segment's first row
   */
  #visitRows(
    visitor: Visitor,
    log: PartitionLog,
    segment: Segment,
    start: number,
    end: number,
  ): VisitResult {
    const { unacked, mask, skipOrigin } = this;
    const segmentEnd = Math.min(end, start + segmentSize);
    let progress: VisitResult = "done";
    let event: CacheEvent | undefined;
    try {
      do {
        const offset = this.position++;
        const row = offset - start;
        if (!segment.matches(row, mask, skipOrigin)) continue;
        event = segment.event(row, log.source, offset, log.shared);
        // While it is being handled it counts as unacknowledged.
        unacked.inlineOffset = offset;
        progress = "pending";
        progress = visitor.visit(event);
        if (progress !== "pending") this.handled++;
      } while (progress === "done" && this.#isAt(log, segmentEnd));
    } finally {
      unacked.inlineOffset = NONE;
      // An event whose visit throws is kept, too, for the group's next reader.
      if (progress === "pending") unacked.deliver(event as CacheEvent);
    }
    return progress;
  }

  /** The next message for this reader, unacknowledged from now on; rests when there is none. */
  next(): Message | undefined {
    const again = this.unacked.next();
    if (again !== undefined) return again;
    if (this.resting) this.position = this.unreadFrom;
    if (this.bound !== Infinity) this.enforceBound();
    const message = this.#take();
    if (message !== undefined) this.unacked.deliver(message);
    else if (!this.resting) this.log.rest(this);
    return message;
  }

  /** A message has been handled. */
  done(message: Message): void {
    if (message.type !== "gap") this.handled++;
    this.unacked.acknowledge(message);
  }

  /** A message is given up, after its last attempt. */
  giveUp(message: Message, _error?: unknown, _attempts?: number): void {
    if (message.type !== "gap") this.deadLetters++;
    this.unacked.acknowledge(message);
  }

  /** Drops or coalesces the unread events that are beyond its own bound. */
  enforceBound(): void {
    // An event that is being handled is handled first.
    if (this.unacked.inlineOffset !== NONE) return;
    const oldest = this.log.next - this.bound;
    if (this.unreadFrom >= oldest) return;
    if (this.coalesces) this.coalesceUpTo(oldest);
    else this.dropUnread(Math.max(oldest, this.log.first));
  }

  /** Events before `base` leave the memory: what was not read of them is kept, merged by key. */
  coalesceUpTo(base: number): void {
    const merged = this.merged as CoalescedEvents;
    const from = this.unreadFrom;
    if (from >= base) {
      if (this.position < base) this.position = base;
      return;
    }
    if (merged.size === 0) this.mergedFrom = this.pointAt(from);
    for (let position = from; position < base; position++) merged.add(this.log.at(position));
    this.position = base;
    if (this.resting) this.log.activate(this);
    if (merged.size <= Math.min(this.bound, this.log.limits.capacity)) return;
    this.keepResumePoint();
    this.#reportMergedLost(merged, base, "overrun");
  }

  /**
   * Replaces the log by another; what was not read of the old one is lost. Without a reason
   * there was nothing in it.
   */
  replaceLog(log: PartitionLog, reason: GapReason | null): void {
    const old = this.log;
    const { unreadFrom } = this;
    this.keepResumePoint();
    this.snapshot = undefined;
    if (reason !== null && this.merged?.oldest === undefined)
      this.reportUnreadLost(unreadFrom, old.next, reason);
    else if (reason !== null)
      this.#reportMergedLost(this.merged as CoalescedEvents, old.next, reason);
    this.merged?.clear();
    if (this.unacked.inlineOffset !== NONE) this.unacked.inlineOffset = DETACHED;
    old.remove(this);
    this.log = log;
    this.position = 0;
    this.gaps?.detachFromLog();
    log.add(this);
    if (this.gaps?.any === true) this.activate();
  }

  get coalesced(): number {
    return this.merged?.coalesced ?? 0;
  }

  /** Whether it still reads that log, and has events to read before `end`. */
  #isAt(log: PartitionLog, end: number): boolean {
    const { position } = this;
    return this.reader !== undefined && this.log === log && position < end && position >= log.first;
  }

  #take(): Message | undefined {
    if (this.hasGap) return this.gaps?.shift();
    const entry = this.snapshot?.shift();
    if (entry !== undefined) return entry;
    this.snapshot = undefined;
    if (this.hasMerged) {
      const merged = this.#takeMerged(this.merged as CoalescedEvents);
      if (merged !== undefined) return merged;
    }
    const log = this.log;
    // A reader that coalesces has merged the events before `log.first`.
    if (this.merged === undefined && (this.position < log.first || this.isOverrun)) {
      const from = this.position;
      this.keepResumePoint();
      this.position = Math.max(from, log.first);
      this.reportUnreadLost(from, this.position, "overrun");
      if (this.hasGap) return this.gaps?.shift();
    }
    const before = this.position;
    const found = log.read(before, this.end, this.mask, this.skipOrigin);
    this.position = log.readTo;
    if (this.position !== before) log.moved(before, this.position);
    return found === undefined && this.hasGap ? this.gaps?.shift() : found;
  }

  #takeMerged(merged: CoalescedEvents): CacheEvent | undefined {
    for (let event = merged.shift(); event !== undefined; event = merged.shift())
      if (this.#isFor(event)) return event;
    return undefined;
  }

  #isFor(event: CacheEvent): boolean {
    if ((typeBits[event.type] & this.mask) === 0) return false;
    return this.skipOrigin === undefined || CacheEvent.originOf(event) !== this.skipOrigin;
  }

  /** Reports the merged events as lost, and those that are unread. */
  #reportMergedLost(merged: CoalescedEvents, end: number, reason: GapReason): void {
    const lost = new LostRanges();
    for (const event of merged.all()) {
      const sequence = CacheEvent.sequenceOf(event);
      lost.add(CacheEvent.homeOf(event), sequence, sequence);
    }
    const from = this.log.numbered ? this.unreadFrom : (merged.oldest as number);
    merged.clear();
    this.reportLost(this.log.lostBetween(from, end, lost), reason);
  }
}
