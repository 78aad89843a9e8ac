import { PubSubError, show } from "../errors.js";
import { allTypes } from "../log/event-mask.js";
import type { CursorReader } from "../log/message.js";
import type { PartitionLog } from "../log/partition-log.js";
import { LogPosition } from "../log/log-position.js";
import type { Row } from "../log/segment.js";
import { maxBatch } from "./batch.js";
import { queueMicrotask, setImmediate } from "../timers.js";

/** Messages of one partition that may be under way at a time. */
const maxUnderWay = 16;

/** How an outbox sends. @internal */
export interface OutboxPost {
  /** Whether anything may be sent now. */
  isOpen(): boolean;
  /** Bytes of a message at the most. */
  maxSize(): number;
  /** Makes a message of some events. @throws for what can't be encoded */
  encode(partition: number, rows: readonly Row[], after: number, to: number): Uint8Array;
  /** Settles when the broker has it. */
  publish(partition: number, payload: Uint8Array): Promise<void>;
  /** An event can't be sent, ever: the others will find it missing. */
  refused(partition: number, place: number, error: unknown): void;
  /** Some of it has arrived. */
  settled(): void;
  /**
   * Sending failed: `retry` is to be called when it makes sense to try again, unless the outbox's
   * own is.
   */
  failed(retry: () => void, error: unknown): void;
}

/** A message under way: what has been sent when it has arrived. */
interface UnderWay {
  /** Place in the log, and sequence, up to which it goes. */
  readonly place: number;
  readonly to: number;
  arrived: boolean;
}

/**
 * Sends what this node writes to one partition. The log itself is what holds what waits: the outbox
 * is a place in it that moves on when the broker has what was before it. What is overtaken there,
 * in an outage that is longer than the log, the others notice by the sequences.
 *
 * @internal
 */
export class Outbox implements CursorReader {
  readonly #log: PartitionLog;
  readonly #partition: number;
  readonly #post: OutboxPost;
  readonly #place: LogPosition;
  /** Place behind what has been given to the broker. */
  #next: number;
  /** Sequence of the last event that was sent, or is no more to be sent. */
  #sent = -1;
  /** The same, of what has arrived. */
  #arrived = -1;
  readonly #underWay: UnderWay[] = [];
  #scheduled = false;
  #stopped = false;
  /** Counts the failures: what was sent before one is sent again, and its fate does not matter. */
  #attempt = 0;
  #waitsForRetry = false;
  /** Place of the last event that was told of as one that can't be sent. */
  #toldOf = -1;

  constructor(log: PartitionLog, post: OutboxPost) {
    this.#log = log;
    this.#partition = log.index;
    this.#post = post;
    this.#next = log.next;
    this.#place = new LogPosition(log, log.next, {
      mask: allTypes,
      group: null,
      gaps: false,
      coalesces: false,
      tracked: false,
      onGap: () => {},
    });
    this.#place.reader = this;
    log.attach(this.#place);
  }

  /** Sequence of the last event that the broker has; those after it may be under way. */
  get arrived(): number {
    return this.#arrived;
  }

  /** Sequence of the last event that was given to the broker. */
  get sent(): number {
    return this.#sent;
  }

  /**
   * How many rows of the log can't be given to the broker now. What can is, in this turn of the
   * event loop.
   */
  get waiting(): number {
    const canSend = this.#post.isOpen() && !this.#waitsForRetry;
    if (canSend && this.#underWay.length < maxUnderWay) return 0;
    return this.#log.next - Math.max(this.#next, this.#place.unreadFrom);
  }

  /** Whether the broker has all that concerns others. */
  get isDone(): boolean {
    return this.#log.next === this.#place.unreadFrom;
  }

  wake(): void {
    if (this.#scheduled || this.#stopped) return;
    this.#scheduled = true;
    // The readers in this process, if there are any, are woken in this turn, and come first.
    if (this.#log.hasReaders) queueMicrotask(() => setImmediate(this.#takeTurn));
    else queueMicrotask(this.#takeTurn);
  }

  /** Sends what there is, now, as far as the broker takes it. */
  flush(): void {
    if (this.#stopped || this.#waitsForRetry || this.#place.resting || !this.#post.isOpen()) return;
    this.#next = Math.max(this.#next, this.#place.position);
    while (this.#underWay.length < maxUnderWay && this.#next < this.#log.next) this.#sendSome();
    this.#settle();
  }

  /** There is hope again for what could not be sent. */
  retry(): void {
    this.#waitsForRetry = false;
    this.flush();
  }

  /** Sequence of the last event that others have, or have to know that they miss. */
  get last(): number {
    return this.#next < this.#log.next ? this.#log.nextSequence - 1 : this.#sent;
  }

  stop(): void {
    this.#stopped = true;
    this.#log.detach(this.#place);
  }

  readonly #takeTurn = (): void => {
    this.#scheduled = false;
    this.flush();
  };

  #sendSome(): void {
    const log = this.#log;
    if (this.#next < log.first) {
      this.#next = log.first;
      this.#skipOvertaken();
    }
    const rows: Row[] = [];
    const places: number[] = [];
    let place = this.#next;
    let to = this.#sent;
    for (; place < log.next && rows.length < maxBatch; place++) {
      const row = log.row(place);
      if (row.cause.source !== null) continue;
      to = row.sequence;
      // What an invalidator removed here concerns nobody else.
      if (row.cause.invalidation) continue;
      rows.push(row);
      places.push(place);
    }
    this.#next = place;
    this.#sendRows(rows, places, to, place);
  }

  /**
   * The log has dropped what was not sent: whoever gets the next message learns from it that
   * something is missing.
   */
  #skipOvertaken(): void {
    const log = this.#log;
    let lost = log.nextSequence - 1;
    for (let place = log.first; place < log.next; place++) {
      const { cause, sequence } = log.row(place);
      if (cause.source !== null) continue;
      lost = sequence - 1;
      break;
    }
    if (lost > this.#sent) this.#sent = lost;
  }

  /** @param end place in the log behind the rows */
  #sendRows(rows: readonly Row[], places: readonly number[], to: number, end: number): void {
    if (rows.length === 0) {
      // Nothing to send is sent at once.
      this.#underWay.push({ place: end, to: this.#sent, arrived: true });
      return;
    }
    let payload: Uint8Array | undefined;
    let failure: unknown;
    try {
      payload = this.#post.encode(this.#partition, rows, this.#sent, to);
      if (payload.length > this.#post.maxSize()) {
        failure = `${payload.length} bytes, more than ${this.#post.maxSize()}`;
        payload = undefined;
      }
    } catch (error) {
      failure = error;
    }
    if (payload !== undefined) {
      this.#publish(payload, to, end);
      return;
    }
    if (rows.length === 1) {
      this.#sent = to;
      this.#underWay.push({ place: end, to, arrived: true });
      this.#tellRefused(places[0] as number, failure);
      return;
    }
    const half = rows.length >>> 1;
    const middle = rows[half] as Row;
    this.#sendRows(
      rows.slice(0, half),
      places.slice(0, half),
      middle.sequence - 1,
      places[half] as number,
    );
    this.#sendRows(rows.slice(half), places.slice(half), to, end);
  }

  /** Once, however often what is around it is sent again. */
  #tellRefused(place: number, failure: unknown): void {
    if (place <= this.#toldOf) return;
    this.#toldOf = place;
    this.#post.refused(this.#partition, place, failure);
  }

  #publish(payload: Uint8Array, to: number, place: number): void {
    const message: UnderWay = { place, to, arrived: false };
    this.#underWay.push(message);
    this.#sent = to;
    const attempt = this.#attempt;
    this.#post.publish(this.#partition, payload).then(
      () => {
        if (attempt !== this.#attempt || this.#stopped) return;
        message.arrived = true;
        this.#settle();
        if (this.#next < this.#log.next) this.flush();
      },
      (error: unknown) => {
        if (attempt === this.#attempt && !this.#stopped) this.#fail(error);
      },
    );
  }

  /** All that is not known to have arrived is sent again. */
  #fail(error: unknown): void {
    this.#attempt++;
    this.#underWay.length = 0;
    this.#next = this.#place.position;
    this.#sent = this.#arrived;
    this.#waitsForRetry = true;
    this.#post.failed(() => this.retry(), error);
  }

  #settle(): void {
    const place = this.#place;
    const before = place.position;
    while (this.#underWay[0]?.arrived === true) {
      const { place: end, to } = this.#underWay.shift() as UnderWay;
      place.position = Math.max(place.position, end);
      this.#arrived = to;
    }
    if (place.position === this.#log.next && !place.resting) this.#log.rest(place);
    this.#log.moved(before, place.position);
    if (place.position !== before) this.#post.settled();
  }
}

/** @internal */
export function unsendable(node: string, failure: unknown): PubSubError {
  return typeof failure === "string"
    ? new PubSubError("too_large", node, `an event can't be sent: ${failure}`)
    : new PubSubError("not_encodable", node, `an event can't be sent: ${show(failure)}`, {
        cause: failure,
      });
}
