import { allTypes } from "../log/event-mask.js";
import type { CursorReader } from "../log/message.js";
import type { PartitionLog } from "../log/partition-log.js";
import { LogPosition } from "../log/log-position.js";
import { queueMicrotask, setImmediate } from "../timers.js";
import { LogRows, type Rows } from "./batch.js";

/** What a message brings: the sequences above `after` up to `to`, and how many events. @internal */
export interface MessageSpan {
  readonly after: number;
  readonly to: number;
  /** 1 for a message that reports a loss. */
  readonly count: number;
}

/** Milliseconds after a message in which further events may gather for the next one. */
const gatheringTime = 4;

/** What outboxes send with. @internal */
export interface OutboxPort {
  /** Messages of one partition that may be in flight at a time. */
  maxInFlight(): number;
  /**
   * Events that are worth a message of their own. Fewer wait while a message is in flight, and, for
   * 4 ms behind one, while each turn of the event loop brings more.
   */
  enoughEvents(): number;
  /** In milliseconds; never goes back. */
  now(): number;
  /** Whether anything may be sent now. */
  isOpen(): boolean;
  /** Bytes of a message at most. */
  maxSize(): number;
  /** Events of a message at most. */
  maxEvents(): number;
  /** Makes a message. @throws for what cannot be encoded */
  encode(partition: number, rows: Rows, after: number, to: number): Uint8Array;
  /**
   * Makes a message that reports as lost what the other nodes would otherwise have to find out by
   * the sequences of later messages.
   */
  encodeLoss?(partition: number, from: number, to: number): Uint8Array;
  /**
   * Settles when the broker has it.
   *
   * @throws (as a rejection) ConflictError when it took none of it, since it has another last
   * sequence than `after`
   */
  publish(partition: number, payload: Uint8Array, span: MessageSpan): Promise<void>;
  /** The event at an offset can never be sent: the other nodes will miss it. */
  unsendable(partition: number, offset: number, failure: unknown): void;
  /** Some of what was sent has arrived. */
  settled(): void;
  /** Sending failed; `retry` has to be called later, unless the outbox's own is. */
  failed(retry: () => void, error: unknown): void;
}

/** The last sequence that has arrived is not the one that was sent before. @internal */
export class ConflictError extends Error {
  readonly last: number;

  /** @param last that sequence; -1: none */
  constructor(last: number) {
    super(`the last sequence there is ${last}`);
    this.last = last;
  }
}

/** A message that the broker has not confirmed yet, or one before it. */
interface InFlight {
  /** The offset after its events. */
  readonly end: number;
  /** The sequence up to which it goes. */
  readonly to: number;
  arrived: boolean;
}

/**
 * Sends what this node writes to one partition. What waits is held by the log itself: the outbox is
 * a position in it, which advances when the broker has confirmed the events before it. If the log
 * overwrites events before they are sent, in a long outage, the other nodes see by the sequences
 * that they miss them.
 *
 * @internal
 */
export class Outbox implements CursorReader {
  readonly #log: PartitionLog;
  readonly #partition: number;
  readonly #port: OutboxPort;
  readonly #position: LogPosition;
  /** The offset after what has been sent to the broker. */
  #next: number;
  /** The sequence of the last event that was sent, or does not have to be. */
  #sent = -1;
  /** The same of what the broker has confirmed. */
  #arrived = -1;
  readonly #inFlight: InFlight[] = [];
  #scheduled = false;
  /** When the last message was sent, and the offset at the end of the log in the last turn. */
  #sentAt = -Infinity;
  #seen = -1;
  #stopped = false;
  /** Counts the failures: after one, outcomes of what was sent before it no longer matter. */
  #attempt = 0;
  #waitsForRetry = false;
  /** The offset of the last event that was reported as unsendable. */
  #reportedTo = -1;

  constructor(log: PartitionLog, port: OutboxPort) {
    this.#log = log;
    this.#partition = log.index;
    this.#port = port;
    this.#next = log.next;
    this.#position = new LogPosition(log, log.next, allTypes);
    this.#position.reader = this;
    log.attach(this.#position);
  }

  /** The sequence of the last event that the broker has confirmed; later ones may be in flight. */
  get arrived(): number {
    return this.#arrived;
  }

  /** The sequence of the last event that was sent to the broker. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * How many rows of the log cannot be sent to the broker now; what can be is sent in this turn.
   */
  get waiting(): number {
    const canSend = this.#port.isOpen() && !this.#waitsForRetry;
    if (canSend && this.#inFlight.length < this.#port.maxInFlight()) return 0;
    return this.#log.next - Math.max(this.#next, this.#position.unreadFrom);
  }

  /** How many rows of the log the broker has not confirmed, those that need not be sent included. */
  get unconfirmed(): number {
    return this.#log.next - this.#position.unreadFrom;
  }

  /** Whether the broker has everything that concerns other nodes. */
  get isDone(): boolean {
    return this.unconfirmed === 0;
  }

  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    this.#seen = -1;
    // The readers in this process are woken in this turn, and come first.
    if (this.#log.hasReaders) queueMicrotask(() => setImmediate(this.#takeTurn));
    else queueMicrotask(this.#takeTurn);
  }

  /** Sends what there is now, as far as the broker accepts it. */
  flush(): void {
    if (this.#stopped || this.#waitsForRetry || this.#position.resting || !this.#port.isOpen())
      return;
    this.#next = Math.max(this.#next, this.#position.position);
    do {
      while (this.#maySend()) this.#sendSome();
      this.#settle();
    } while (this.#maySend());
  }

  /** A message of few events waits for those before it: by then, it has more. */
  #maySend(): boolean {
    const left = this.#log.next - this.#next;
    const inFlight = this.#inFlight.length;
    if (left <= 0 || inFlight >= this.#port.maxInFlight()) return false;
    return inFlight === 0 || left >= this.#port.enoughEvents();
  }

  /** Tries again to send what could not be sent. */
  retry(): void {
    this.#waitsForRetry = false;
    this.flush();
  }

  /** The sequence of the last event that other nodes have, or have to know that they miss. */
  get last(): number {
    return this.#next < this.#log.next ? this.#log.nextSequence - 1 : this.#sent;
  }

  stop(): void {
    this.#stopped = true;
    this.#log.detach(this.#position);
  }

  readonly #takeTurn = (): void => {
    if (this.#gathers()) {
      this.#seen = this.#log.next;
      setImmediate(this.#takeTurn);
      return;
    }
    this.#scheduled = false;
    this.flush();
  };

  /** Whether more events will soon be there to send together: each message has its price. */
  #gathers(): boolean {
    const { next } = this.#log;
    const isEnough = next - this.#next >= this.#port.enoughEvents();
    return next > this.#seen && !isEnough && this.#port.now() - this.#sentAt < gatheringTime;
  }

  /** What has come while a message was in flight is sent. */
  #continue(): void {
    if (this.#next === this.#log.next || this.#scheduled) return;
    this.#scheduled = true;
    this.#seen = -1;
    this.#takeTurn();
  }

  #sendSome(): void {
    const log = this.#log;
    if (this.#next < log.first) {
      this.#next = log.first;
      this.#skipMissing();
    }
    const offsets: number[] = [];
    let offset = this.#next;
    let to = this.#sent;
    const maxEvents = this.#port.maxEvents();
    for (; offset < log.next && offsets.length < maxEvents; offset++) {
      const row = log.row(offset);
      if (row.cause.source !== null) continue;
      to = row.sequence;
      // What an invalidator has removed here concerns no other node.
      if (row.cause.invalidation) continue;
      offsets.push(offset);
    }
    this.#next = offset;
    this.#sendRows(offsets, to, offset);
  }

  /**
   * The log has dropped what was not sent: a message of its own reports that, or the next one shows
   * the other nodes a gap.
   */
  #skipMissing(): void {
    const next = this.#log.sequenceAt(this.#next);
    if (next > this.#sent + 1) this.#skipLost(next - 1, this.#next);
  }

  /** @param end the offset after the lost events */
  #skipLost(to: number, end: number): void {
    const payload = this.#port.encodeLoss?.(this.#partition, this.#sent + 1, to);
    if (payload !== undefined) {
      this.#publish(payload, to, end, 1);
      return;
    }
    this.#sent = to;
    this.#inFlight.push({ end, to, arrived: true });
  }

  /**
   * @param offsets of the rows
   * @param end the offset after them
   */
  #sendRows(offsets: readonly number[], to: number, end: number): void {
    if (offsets.length === 0) {
      // Where there is nothing to send, nothing is waited for.
      this.#inFlight.push({ end, to: this.#sent, arrived: true });
      return;
    }
    let payload: Uint8Array | undefined;
    let failure: unknown;
    try {
      const rows = new LogRows(this.#log, offsets);
      payload = this.#port.encode(this.#partition, rows, this.#sent, to);
      if (payload.length > this.#port.maxSize()) {
        failure = `${payload.length} bytes, more than ${this.#port.maxSize()}`;
        payload = undefined;
      }
    } catch (error) {
      failure = error;
    }
    if (payload !== undefined) {
      this.#publish(payload, to, end, offsets.length);
      return;
    }
    if (offsets.length === 1) {
      this.#skipLost(to, end);
      this.#reportUnsendable(offsets[0] as number, failure);
      return;
    }
    const half = offsets.length >>> 1;
    const middle = offsets[half] as number;
    this.#sendRows(offsets.slice(0, half), this.#log.row(middle).sequence - 1, middle);
    this.#sendRows(offsets.slice(half), to, end);
  }

  /** Reports an event once, however often the events around it are sent again. */
  #reportUnsendable(offset: number, failure: unknown): void {
    if (offset <= this.#reportedTo) return;
    this.#reportedTo = offset;
    this.#port.unsendable(this.#partition, offset, failure);
  }

  #publish(payload: Uint8Array, to: number, end: number, count: number): void {
    const message: InFlight = { end, to, arrived: false };
    this.#inFlight.push(message);
    const span = { after: this.#sent, to, count };
    this.#sent = to;
    this.#sentAt = this.#port.now();
    const attempt = this.#attempt;
    this.#port.publish(this.#partition, payload, span).then(
      () => {
        if (attempt !== this.#attempt || this.#stopped) return;
        message.arrived = true;
        this.#settle();
        this.#continue();
      },
      (error: unknown) => {
        if (attempt !== this.#attempt || this.#stopped) return;
        if (error instanceof ConflictError) this.#resumeAfter(error.last);
        else this.#fail(error);
      },
    );
  }

  /** What follows another sequence is sent again, as far as the log has it. */
  #resumeAfter(last: number): void {
    this.#attempt++;
    this.#inFlight.length = 0;
    this.#sent = this.#arrived = last;
    const log = this.#log;
    this.#next = Math.max(log.first, log.offsetOf(last + 1));
    if (this.#position.resting) log.activate(this.#position);
    this.#position.position = this.#next;
    this.#skipMissing();
    this.flush();
  }

  /** All that the broker has not confirmed is sent again. */
  #fail(error: unknown): void {
    this.#attempt++;
    this.#inFlight.length = 0;
    this.#next = this.#position.position;
    this.#sent = this.#arrived;
    this.#waitsForRetry = true;
    this.#port.failed(() => this.retry(), error);
  }

  #settle(): void {
    const position = this.#position;
    const before = position.position;
    while (this.#inFlight[0]?.arrived === true) {
      const { end, to } = this.#inFlight.shift() as InFlight;
      position.position = Math.max(position.position, end);
      this.#arrived = to;
    }
    if (position.position === this.#log.next && !position.resting) this.#log.rest(position);
    this.#log.moved(before, position.position);
    if (position.position !== before) this.#port.settled();
  }
}
