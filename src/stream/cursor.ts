import { CoalescedEvents } from "../event/coalesce.js";
import { CacheEvent } from "../event/event.js";
import type { GapEvent, GapReason } from "../event/types.js";
import { typeBits } from "./event-mask.js";
import type { CursorOptions } from "./cursor-options.js";
import { Hand } from "./hand.js";
import type { CursorReader, Message, Progress, Visitor } from "./message.js";
import type { PartitionLog } from "./partition-log.js";
import type { Snapshot } from "./snapshot.js";

/**
 * A reader's place in one partition: what it has taken in hand and not finished, and where it takes the next from. A group's cursor
 * outlives its readers, so that the next one is given again what the last one left unfinished.
 *
 * @internal
 */
export class Cursor {
  log: PartitionLog;
  /** Sequence of the next event to take from the log. */
  position: number;
  /** Whether it waits for the log to wake it. */
  resting = false;
  reader: CursorReader | undefined;
  mask: number;
  wantsGaps: boolean;
  skipOrigin: unknown;
  readonly group: string | null;
  readonly coalesces: boolean;
  readonly tracked: boolean;
  /** Time spent in the handler, in milliseconds. */
  busy = 0;
  /** How many events were handled, announced as lost (in how many gaps), and given up after their last attempt. */
  handled = 0;
  dropped = 0;
  gapCount = 0;
  deadLetters = 0;
  readonly #onGap: (gap: GapEvent, cursor: Cursor) => void;
  readonly hand = new Hand();
  #gaps: GapEvent[] | undefined;
  #snapshot: Snapshot | undefined;
  readonly #merged: CoalescedEvents | undefined;

  constructor(log: PartitionLog, position: number, options: CursorOptions) {
    this.log = log;
    this.position = position;
    this.mask = options.mask;
    this.group = options.group;
    this.wantsGaps = options.gaps;
    this.coalesces = options.coalesces;
    this.tracked = options.tracked;
    this.skipOrigin = options.skipOrigin;
    this.#onGap = options.onGap;
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
    if (!from.#hasGaps) return;
    this.#addGaps(from.#gaps ?? []);
    from.#gaps = undefined;
    if (this.resting) this.log.activate(this);
  }

  /** Goes on where another cursor of its group is left that coalesces where this one does not, or the other way round. */
  succeed(other: Cursor): void {
    const place = other.handledUpTo;
    this.handled = other.handled;
    this.dropped = other.dropped;
    this.gapCount = other.gapCount;
    this.deadLetters = other.deadLetters;
    this.hand.add(other.hand.all().filter((message) => !other.#isOfLog(message)));
    this.#snapshot = other.#snapshot;
    this.#addGaps(other.#gaps ?? []);
    this.position = Math.max(place, this.log.first);
    if (place < this.position) this.#lose(place, this.position - 1, "overrun");
  }

  /** Wakes the reader if there is something to read that is not in the log. */
  remind(): void {
    if (this.resting && (this.lag > 0 || this.#hasGaps)) this.log.activate(this);
  }

  /** Gives it a snapshot to read first. */
  begin(snapshot: Snapshot): void {
    if (snapshot.size === 0) return;
    this.#snapshot = snapshot;
    if (this.resting) this.log.activate(this);
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
    const end = Math.min(log.next, from + limit);
    let progress: Progress = "done";
    try {
      while (progress === "done" && this.#isAt(log, end)) {
        const event = log.read(this.position, end, this.mask, this.skipOrigin);
        this.position = log.readTo;
        if (event === undefined) break;
        // While it is being handled it counts as unread, whatever is asked meanwhile.
        hand.visited = event;
        progress = "pending";
        progress = visitor.visit(event);
        if (progress !== "pending") this.handled++;
      }
    } finally {
      const { visited } = hand;
      hand.visited = undefined;
      // What a throw breaks off stays in hand, too: for the group's next reader.
      if (progress === "pending") hand.give(visited as CacheEvent);
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
    const oldest = merged.oldest as number;
    merged.clear();
    this.#lose(oldest, base - 1, "overrun");
  }

  /** The log ends, with all that has not been taken from it; `log` takes its place. Without a reason there was nothing in it. */
  replaceLog(log: PartitionLog, reason: GapReason | null): void {
    const old = this.log;
    const from = this.#merged?.oldest ?? this.unreadFrom;
    this.#merged?.clear();
    this.#snapshot = undefined;
    if (reason !== null) this.#lose(from, old.next - 1, reason);
    old.remove(this);
    this.log = log;
    this.position = 0;
    log.add(this);
    if (this.resting && this.#hasGaps) log.activate(this);
  }

  /** There were events that are in no log, before the next one. */
  missed(reason: GapReason): void {
    this.#lose(this.log.next, this.log.next - 1, reason);
    if (this.resting && this.#hasGaps) this.log.activate(this);
  }

  /** Sequence of the next event in the log that may concern this reader. */
  get unreadFrom(): number {
    const { log, position } = this;
    if (!this.resting) return position;
    if (!log.dirty || (this.mask & log.batchTypes) === 0) return log.next;
    return Math.max(position, log.batchStart);
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
    const waiting = this.hand.all().filter(({ type }) => type !== "gap").length;
    const from = this.unreadFrom;
    // Of what it was overtaken by, nobody knows any more what it was.
    const overrun = this.#merged === undefined ? Math.max(0, log.first - from) : 0;
    let count = waiting + (this.#merged?.size ?? 0) + (this.#snapshot?.size ?? 0) + overrun;
    for (let at = from + overrun; (at = log.find(at, mask, skipOrigin)) < log.next; at++) count++;
    return count;
  }

  /** Sequence of the first event that is not known to be handled. */
  get handledUpTo(): number {
    let first = this.#merged?.oldest ?? this.unreadFrom;
    // What is in hand need not be in order: of merged events the newest sequence counts.
    for (const message of this.hand.all())
      if (this.#isOfLog(message)) first = Math.min(first, CacheEvent.sequenceOf(message));
    return first;
  }

  /** Whether all events before `sequence` of this log have been handled, and every gap. */
  hasHandled(sequence: number): boolean {
    if (this.#isBehindOthers) return false;
    if (this.unreadFrom < sequence) return false;
    return this.hand
      .all()
      .every(
        (message) =>
          message instanceof CacheEvent &&
          this.log.owns(message) &&
          CacheEvent.sequenceOf(message) >= sequence,
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
    return this.#gaps !== undefined || this.#snapshot !== undefined || this.#hasMerged;
  }

  get #hasGaps(): boolean {
    return this.#gaps !== undefined;
  }

  #addGaps(gaps: readonly GapEvent[]): void {
    if (gaps.length > 0) this.#gaps = [...(this.#gaps ?? []), ...gaps];
  }

  #takeGap(): GapEvent | undefined {
    const gap = this.#gaps?.shift();
    if (this.#gaps?.length === 0) this.#gaps = undefined;
    return gap;
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
    if (this.#hasGaps) return this.#takeGap();
    const entry = this.#snapshot?.shift();
    if (entry !== undefined) return entry;
    this.#snapshot = undefined;
    if (this.#hasMerged) {
      const merged = this.#takeMerged(this.#merged as CoalescedEvents);
      if (merged !== undefined) return merged;
    }
    const log = this.log;
    // What coalesces reads on to the end of memory, where it was told of all that went.
    if (this.#merged === undefined && this.position < log.first) {
      const from = this.position;
      this.position = log.first;
      this.#lose(from, log.first - 1, "overrun");
      if (this.#hasGaps) return this.#takeGap();
    }
    const before = this.position;
    const found = log.read(before, log.next, this.mask, this.skipOrigin);
    this.position = log.readTo;
    if (this.position !== before) log.moved(before, this.position);
    return found;
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

  #lose(from: number, to: number, reason: GapReason): void {
    const { cache, name, partition, node, epoch } = this.log.source;
    const gap: GapEvent = { type: "gap", cache, name, partition, from, to, reason, node, epoch };
    this.dropped += to - from + 1;
    this.gapCount++;
    if (this.wantsGaps) this.#addGaps([gap]);
    this.#onGap(gap, this);
  }
}
