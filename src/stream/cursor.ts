import { CoalescedEvents } from "../event/coalesce.js";
import { CacheEvent } from "../event/event.js";
import type { GapEvent, GapReason } from "../event/types.js";
import { typeBits } from "./event-mask.js";
import type { PartitionLog } from "./partition-log.js";
import type { Snapshot } from "./snapshot.js";

/** Who reads through a cursor. @internal */
export interface CursorReader {
  /** There is something to read. Must not throw, and not read within the call. */
  wake(): void;
}

/** What a cursor is made for. @internal */
export interface CursorOptions {
  mask: number;
  group: string | null;
  gaps: boolean;
  coalesces: boolean;
  /** Whether `whenIdle` waits for it. */
  tracked: boolean;
  /** Events of this origin are not for this reader. */
  skipOrigin?: unknown;
  /** Told of each gap. */
  onGap: (gap: GapEvent, cursor: Cursor) => void;
}

/** How far a handler is with an event when it returns: through; through, and to be given no more for now; or not yet. @internal */
export type Progress = "done" | "enough" | "pending";

/** What a cursor gives: an event, or a notice of events that it can't give. @internal */
export type Message = CacheEvent | GapEvent;

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
  readonly #inHand: Message[] = [];
  /** How many of those in hand this reader has been given. */
  #given = 0;
  #failures: Map<Message, number> | undefined;
  #gaps: GapEvent[] = [];
  #snapshot: Snapshot | undefined;
  /** What `run` is having handled. */
  #visited: CacheEvent | undefined;
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
    this.#given = 0;
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
    if (from.#gaps.length === 0) return;
    this.#gaps.push(...from.#gaps.splice(0));
    if (this.resting) this.log.activate(this);
  }

  /** Goes on where another cursor of its group is left that coalesces where this one does not, or the other way round. */
  succeed(other: Cursor): void {
    const place = other.handledUpTo;
    this.handled = other.handled;
    this.dropped = other.dropped;
    this.gapCount = other.gapCount;
    this.deadLetters = other.deadLetters;
    this.#inHand.push(...other.#inHand.filter((message) => !other.#isOfLog(message)));
    this.#snapshot = other.#snapshot;
    this.#gaps.push(...other.#gaps);
    this.position = Math.max(place, this.log.first);
    if (place < this.position) this.#lose(place, this.position - 1, "overrun");
  }

  /** Wakes the reader if there is something to read that is not in the log. */
  remind(): void {
    if (this.resting && this.lag + this.#gaps.length > 0) this.log.activate(this);
  }

  /** Gives it a snapshot to read first. */
  begin(snapshot: Snapshot): void {
    if (snapshot.size === 0) return;
    this.#snapshot = snapshot;
    if (this.resting) this.log.activate(this);
  }

  /**
   * Gives events straight from the log, one after the other, as long as the handler is through with each when it returns; the way of most
   * events, without the bookkeeping of those that take longer. Gives none while there is anything else to be given before them.
   *
   * @param limit how many at the most
   * @returns the event that is pending, if there is one: it is in hand, as if given by `next`
   */
  run(handle: (event: CacheEvent) => Progress, limit: number): CacheEvent | undefined {
    const { log } = this;
    if (this.#inHand.length > 0 || this.#isBehindOthers) return undefined;
    if (this.resting) this.position = this.unreadFrom;
    for (let count = 0; count < limit && this.reader !== undefined && this.log === log; count++) {
      const before = this.position;
      if (before < log.first || before >= log.next) return undefined;
      const event = log.read(before, this.mask, this.skipOrigin);
      this.position = log.readTo;
      if (event === undefined) return undefined;
      // While it is being handled it counts as unread, whatever is asked meanwhile.
      this.#visited = event;
      let progress: Progress = "pending";
      try {
        progress = handle(event);
      } finally {
        this.#visited = undefined;
        // What a throw breaks off stays in hand, too: for the group's next reader.
        if (progress === "pending") this.#given = this.#inHand.push(event);
      }
      if (progress === "pending") return event;
      this.handled++;
      if (this.log === log) log.moved(before, this.position);
      if (progress === "enough") return undefined;
    }
    return undefined;
  }

  /** Takes the next gap or event for this reader in hand; rests when there is none. */
  next(): Message | undefined {
    if (this.#given < this.#inHand.length) return this.#inHand[this.#given++];
    // While it rests its position stands still, and the log may have gone on without it.
    if (this.resting) this.position = this.unreadFrom;
    const message = this.#take();
    if (message === undefined) {
      if (!this.resting) this.log.rest(this);
      return undefined;
    }
    this.#given = this.#inHand.push(message);
    return message;
  }

  /** A message in hand has been handled. */
  done(message: Message): void {
    if (message.type !== "gap") this.handled++;
    this.#release(message);
  }

  /** A message in hand is given up. */
  giveUp(message: Message): void {
    if (message.type !== "gap") this.deadLetters++;
    this.#release(message);
  }

  /** A message in hand is to be given again. */
  giveAgain(): void {
    this.#given = 0;
  }

  /** How often handling a message in hand has failed. */
  failuresOf(message: Message): number {
    return this.#failures?.get(message) ?? 0;
  }

  failed(message: Message): number {
    this.#failures ??= new Map();
    const failures = this.failuresOf(message) + 1;
    this.#failures.set(message, failures);
    return failures;
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
    if (this.resting && this.#gaps.length > 0) log.activate(this);
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
      this.#inHand.length +
      (this.#visited === undefined ? 0 : 1) +
      (this.#merged?.size ?? 0) +
      (this.#snapshot?.size ?? 0) +
      this.log.next -
      this.unreadFrom
    );
  }

  /** How many events for this reader are not handled. Looks at each; `lag` does not, and counts those of other types too. */
  countUnhandled(): number {
    const { log, mask, skipOrigin } = this;
    const visited = this.#visited === undefined ? 0 : 1;
    const waiting = visited + this.#inHand.filter(({ type }) => type !== "gap").length;
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
    for (const message of this.#unfinished)
      if (this.#isOfLog(message)) first = Math.min(first, CacheEvent.sequenceOf(message));
    return first;
  }

  /** Whether all events before `sequence` of this log have been handled, and every gap. */
  hasHandled(sequence: number): boolean {
    if (this.#gaps.length > 0 || this.#hasMerged || this.#snapshot !== undefined) return false;
    if (this.unreadFrom < sequence) return false;
    return this.#unfinished.every(
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

  /** What a handler has been given, and is not through with. */
  get #unfinished(): readonly Message[] {
    return this.#visited === undefined ? this.#inHand : [...this.#inHand, this.#visited];
  }

  /** Whether something is to be given before the events of the log. */
  get #isBehindOthers(): boolean {
    return this.#gaps.length > 0 || this.#snapshot !== undefined || this.#hasMerged;
  }

  get #hasMerged(): boolean {
    return this.#merged !== undefined && this.#merged.size > 0;
  }

  #take(): Message | undefined {
    if (this.#gaps.length > 0) return this.#gaps.shift();
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
      if (this.#gaps.length > 0) return this.#gaps.shift();
    }
    const before = this.position;
    const found = log.read(before, this.mask, this.skipOrigin);
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

  #release(message: Message): void {
    if (this.#inHand.length === 1) this.#inHand.pop();
    else this.#inHand.splice(this.#inHand.indexOf(message), 1);
    this.#given--;
    this.#failures?.delete(message);
  }

  #lose(from: number, to: number, reason: GapReason): void {
    const { cache, name, partition, node, epoch } = this.log.source;
    const gap: GapEvent = { type: "gap", cache, name, partition, from, to, reason, node, epoch };
    this.dropped += to - from + 1;
    this.gapCount++;
    if (this.wantsGaps) this.#gaps.push(gap);
    this.#onGap(gap, this);
  }
}
