import { CoalescedEvents } from "../event/coalesce.js";
import { CacheEvent } from "../event/event.js";
import type { GapReason } from "../event/types.js";
import { typeBits } from "./event-mask.js";
import type { CursorOptions } from "./cursor-options.js";
import { elsewhere, Hand, nowhere } from "./hand.js";
import type { CursorReader, Message, Progress, Visitor } from "./message.js";
import { type Loss, Losses } from "./losses.js";
import { Gaps } from "./gaps.js";
import { Place } from "./place.js";
import type { PartitionLog } from "./partition-log.js";
import type { Snapshot } from "./snapshot.js";

/**
 * A reader's place in one partition: what it has taken in hand and not finished, and where it takes the next from. A group's cursor
 * outlives its readers, so that the next one is given again what the last one left unfinished.
 *
 * @internal
 */
export class Cursor extends Place {
  skipOrigin: unknown;
  readonly tracked: boolean;
  /** Time spent in the handler, in milliseconds. */
  busy = 0;
  /** How many events were handled, and given up after their last attempt. */
  handled = 0;
  deadLetters = 0;
  readonly hand = new Hand();
  #snapshot: Snapshot | undefined;
  readonly #merged: CoalescedEvents | undefined;

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    super(log, position, options);
    this.tracked = options.tracked;
    this.skipOrigin = options.skipOrigin;
    this.#merged = options.coalesces ? new CoalescedEvents() : undefined;
  }

  /** A reader takes over: it is given first what the one before left in hand. */
  reattach(
    reader: CursorReader,
    options: { mask: number; gaps: boolean; skipOrigin: unknown },
  ): void {
    this.reader = reader;
    this.hand.giveAgain();
    this.wantsGaps = options.gaps;
    this.skipOrigin = options.skipOrigin;
    this.position = this.unreadFrom;
    this.log.refile(this, options.mask);
    this.remind();
  }

  /** The reader ends; the place stays. */
  detach(): void {
    this.reader = undefined;
  }

  /** Takes over what another cursor of the same reader has to tell, and can't any more. */
  inheritGaps(from: Cursor): void {
    if (from.gaps === undefined) return;
    (this.gaps ??= new Gaps()).takeFrom(from.gaps);
    this.rouse();
  }

  /** Goes on where another cursor of its group is left that coalesces where this one does not, or the other way round. */
  succeed(other: Cursor): void {
    const place = other.handledUpTo;
    this.handled = other.handled;
    this.deadLetters = other.deadLetters;
    this.hand.add(other.hand.all().filter((message) => !other.#isOfLog(message)));
    this.#snapshot = other.#snapshot;
    this.gaps = other.gaps;
    this.gaps?.displace();
    this.position = Math.max(place, this.log.first);
    if (place < this.position) this.loseUnread(place, this.position, "overrun");
  }

  /** Wakes the reader if there is something to read that is not in the log. */
  remind(): void {
    if (this.lag > 0 || this.gaps?.any === true) this.rouse();
  }

  /** Gives it a snapshot to read first. */
  begin(snapshot: Snapshot): void {
    if (snapshot.size === 0) return;
    this.#snapshot = snapshot;
    this.rouse();
  }

  /**
   * Gives events straight from the log, one after the other, as long as the visitor is through with each when it returns: the way of
   * most events, without the bookkeeping of those that take longer. Gives none while there is anything else to be given before them.
   *
   * @param limit how many at the most
   * @returns the event that is pending, if there is one: it is in hand, as if given by `next`
   */
  run(visitor: Visitor, limit: number): CacheEvent | undefined {
    const { log, hand } = this;
    if (hand.held > 0 || this.#isBehindOthers) return undefined;
    if (this.resting) this.position = this.unreadFrom;
    const from = this.position;
    const end = Math.min(this.end, from + limit);
    let progress: Progress = "done";
    let event: CacheEvent | undefined;
    try {
      while (progress === "done" && this.#isAt(log, end)) {
        event = log.read(this.position, end, this.mask, this.skipOrigin);
        this.position = log.readTo;
        if (event === undefined) break;
        // While it is being handled it counts as unread, whatever is asked meanwhile.
        hand.visitedAt = log.readTo - 1;
        progress = "pending";
        progress = visitor.visit(event);
        if (progress !== "pending") this.handled++;
      }
    } finally {
      hand.visitedAt = nowhere;
      // What a throw breaks off stays in hand, too: for the group's next reader.
      if (progress === "pending") hand.give(event as CacheEvent);
      if (this.log === log) log.moved(from, this.position);
    }
    return progress === "pending" ? (hand.newest as CacheEvent) : undefined;
  }

  /** Takes the next gap or event for this reader in hand; rests when there is none. */
  next(): Message | undefined {
    const again = this.hand.next();
    if (again !== undefined) return again;
    // While it rests its position stands still, and the log may have gone on without it.
    if (this.resting) this.position = this.unreadFrom;
    const message = this.#take();
    if (message !== undefined) this.hand.give(message);
    else if (!this.resting) this.log.rest(this);
    return message;
  }

  /** A message in hand has been handled. */
  done(message: Message): void {
    if (message.type !== "gap") this.handled++;
    this.hand.release(message);
  }

  /** A message in hand is given up. */
  giveUp(message: Message): void {
    if (message.type !== "gap") this.deadLetters++;
    this.hand.release(message);
  }

  /** Events up to `base` are about to go: what this reader has not taken of them is kept, merged by key. */
  absorb(base: number): void {
    const merged = this.#merged as CoalescedEvents;
    const from = this.unreadFrom;
    if (from >= base) {
      if (this.position < base) this.position = base;
      return;
    }
    for (let position = from; position < base; position++) merged.add(this.log.at(position));
    this.position = base;
    if (this.resting) this.log.activate(this);
    if (merged.size <= this.log.limits.capacity) return;
    this.#loseMerged(merged, base, "overrun");
  }

  /** The log ends, with all that has not been taken from it; `log` takes its place. Without a reason there was nothing in it. */
  replaceLog(log: PartitionLog, reason: GapReason | null): void {
    const old = this.log;
    const { unreadFrom } = this;
    this.#snapshot = undefined;
    if (reason !== null && this.#merged?.oldest === undefined)
      this.loseUnread(unreadFrom, old.next, reason);
    else if (reason !== null) this.#loseMerged(this.#merged as CoalescedEvents, old.next, reason);
    this.#merged?.clear();
    if (this.hand.visitedAt !== nowhere) this.hand.visitedAt = elsewhere;
    old.remove(this);
    this.log = log;
    this.position = 0;
    this.gaps?.displace();
    log.add(this);
    if (this.gaps?.any === true) this.rouse();
  }

  /** How many events there are from this reader's place to the end of the log, those in hand and those of other types included. */
  get lag(): number {
    return (
      this.hand.size +
      (this.#merged?.size ?? 0) +
      (this.#snapshot?.size ?? 0) +
      this.log.next -
      this.unreadFrom
    );
  }

  /** How many events for this reader are not handled. Looks at each; `lag` does not, and counts those of other types too. */
  countUnhandled(): number {
    const { log, mask, skipOrigin } = this;
    const waiting =
      this.hand.all().filter(({ type }) => type !== "gap").length +
      (this.hand.visitedAt === nowhere ? 0 : 1);
    const from = this.unreadFrom;
    // Of what it was overtaken by, nobody knows any more what it was.
    const overrun = this.#merged === undefined ? Math.max(0, log.first - from) : 0;
    let count = waiting + (this.#merged?.size ?? 0) + (this.#snapshot?.size ?? 0) + overrun;
    for (const gone of this.gaps?.gone?.all() ?? []) count += gone.count;
    for (let at = from + overrun; (at = log.find(at, mask, skipOrigin)) < log.next; at++) count++;
    return count;
  }

  /** The events of other sources than the log's own among those that are not handled. Looks at each. */
  unhandledOfOthers(): Loss[] {
    const { log, mask, skipOrigin } = this;
    const found = new Losses();
    const add = (event: CacheEvent): void => {
      const sequence = CacheEvent.sequenceOf(event);
      found.add(CacheEvent.homeOf(event), sequence, sequence);
    };
    for (const message of this.hand.all()) if (message instanceof CacheEvent) add(message);
    for (const event of this.#merged?.unread() ?? []) add(event);
    if (log.numbered) {
      found.addAll(this.gaps?.gone?.all() ?? []);
      const from = this.unreadFrom;
      const end = this.#merged === undefined ? Math.max(from, log.first) : from;
      log.collect(from, end, found);
      for (let at = end; (at = log.find(at, mask, skipOrigin)) < log.next; at++) add(log.at(at));
    }
    return found.all().filter(({ source }) => source !== log.source);
  }

  /** Offset of the first event that is not known to be handled. */
  get handledUpTo(): number {
    let first = this.#merged?.oldest ?? this.unreadFrom;
    // What is in hand need not be in order: of merged events the newest offset counts.
    for (const message of this.hand.all())
      if (this.#isOfLog(message)) first = Math.min(first, CacheEvent.offsetOf(message));
    const { visitedAt } = this.hand;
    return visitedAt < 0 ? first : Math.min(first, visitedAt);
  }

  /** Sequence of this node's first own event that is not known to be handled; `log.written` if there is none. */
  get firstUnhandled(): number {
    const { log } = this;
    if (!log.numbered) return this.handledUpTo;
    const { visitedAt } = this.hand;
    let first = log.sequenceAt(visitedAt < 0 ? this.unreadFrom : visitedAt);
    const look = (event: CacheEvent): void => {
      if (CacheEvent.homeOf(event) === log.source)
        first = Math.min(first, CacheEvent.sequenceOf(event));
    };
    for (const event of this.#merged?.all() ?? []) look(event);
    for (const message of this.hand.all()) if (this.#isOfLog(message)) look(message);
    for (const gone of this.gaps?.gone?.all() ?? [])
      if (gone.source === log.source) first = Math.min(first, gone.first);
    return first;
  }

  /** Whether all events before an offset in this log have been handled, and every gap. */
  hasHandled(offset: number): boolean {
    if (this.#isBehindOthers) return false;
    if (this.unreadFrom < offset || (this.gaps?.nextAt ?? Infinity) <= offset) return false;
    const { visitedAt } = this.hand;
    if (visitedAt !== nowhere && visitedAt < offset) return false;
    return this.hand
      .all()
      .every(
        (message) =>
          message instanceof CacheEvent &&
          this.log.owns(message) &&
          CacheEvent.offsetOf(message) >= offset,
      );
  }

  get coalesced(): number {
    return this.#merged?.coalesced ?? 0;
  }

  /** Whether a message in hand stands in the log, as no gap and no entry of a snapshot does. */
  #isOfLog(message: Message): message is CacheEvent {
    return (
      message instanceof CacheEvent &&
      this.log.owns(message) &&
      message.metadata.snapshot === undefined
    );
  }

  /** Whether something is to be given before the events of the log. */
  get #isBehindOthers(): boolean {
    return this.hasGap || this.#snapshot !== undefined || this.#hasMerged || this.isOvertaken;
  }

  /** Whether it reads that log still, and there is something to read before `end`. */
  #isAt(log: PartitionLog, end: number): boolean {
    const { position } = this;
    return this.reader !== undefined && this.log === log && position < end && position >= log.first;
  }

  get #hasMerged(): boolean {
    return this.#merged !== undefined && this.#merged.size > 0;
  }

  #take(): Message | undefined {
    if (this.hasGap) return this.gaps?.shift();
    const entry = this.#snapshot?.shift();
    if (entry !== undefined) return entry;
    this.#snapshot = undefined;
    if (this.#hasMerged) {
      const merged = this.#takeMerged(this.#merged as CoalescedEvents);
      if (merged !== undefined) return merged;
    }
    const log = this.log;
    // What coalesces reads on to the end of memory, where it was told of all that went.
    if (this.#merged === undefined && (this.position < log.first || this.isOvertaken)) {
      const from = this.position;
      this.position = log.first;
      this.loseUnread(from, log.first, "overrun");
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

  /** What is merged is lost, and what was read to be merged with it. */
  #loseMerged(merged: CoalescedEvents, end: number, reason: GapReason): void {
    const lost = new Losses();
    for (const event of merged.all()) {
      const sequence = CacheEvent.sequenceOf(event);
      lost.add(CacheEvent.homeOf(event), sequence, sequence);
    }
    const from = this.log.numbered ? this.unreadFrom : (merged.oldest as number);
    merged.clear();
    this.lose(this.log.losses(from, end, lost), reason);
  }
}
