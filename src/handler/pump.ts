import type { Target } from "../actor/ref.js";
import { Task } from "../actor/mailbox.js";
import { messagesPerCheck, timeSlice } from "../clock.js";
import type { Cursor } from "../log/cursor.js";
import type { CursorReader, Message } from "../log/message.js";
import type { Stream } from "../stream/stream.js";
import { isRecording } from "../telemetry/open-telemetry.js";
import { BatchSpan } from "../telemetry/spans.js";
import type { Delivery } from "./delivery.js";
import { monotonicNow } from "../timers.js";

/** What a pump works on. @internal */
export interface PumpPlace {
  readonly stream: Stream;
  readonly cursor: Cursor;
  readonly delivery: Delivery;
  readonly target: Target;
}

/**
 * Takes a worker's events from its cursor to the handler, turn by turn, each between two messages
 * of the actor.
 *
 * @internal
 */
export abstract class Pump extends Task implements CursorReader {
  /** Whether there was nothing left to do at the end of the last turn. */
  idle = false;
  protected readonly place: PumpPlace;
  #posted = false;
  /** Of what is being handled; there are none unless somebody traces. */
  readonly #spans = new Set<BatchSpan>();

  constructor(place: PumpPlace) {
    super();
    this.place = place;
  }

  wake(): void {
    if (this.#posted || this.place.delivery.closed) return;
    this.#posted = true;
    this.place.target.post(this);
  }

  override run(): void | Promise<void> {
    this.#posted = false;
    return this.turn();
  }

  /** Handles some events; wakes itself if there are more. */
  abstract turn(): void | Promise<void>;

  /** The incarnation has ended. */
  close(): void {
    for (const span of this.#spans) span.cutOff();
  }

  /** A span of what is handled next, if somebody traces; it is to be given to `inSpan`. */
  protected startSpan(): BatchSpan | undefined {
    const span = BatchSpan.start(this.place.cursor);
    if (span !== undefined) this.#spans.add(span);
    return span;
  }

  /**
   * Calls `handle` in a span, which ends with it. What it throws, or rejects with, is passed on.
   */
  protected inSpan(span: BatchSpan, handle: () => void | Promise<void>): void | Promise<void> {
    const end = (): void => {
      this.#spans.delete(span);
      span.end();
    };
    const pending = span.run(handle);
    if (pending !== undefined) return pending.finally(end);
    end();
  }

  /** Has one message handled, in a span of its own if somebody traces. */
  protected attempt(message: Message): void | Promise<void> {
    const { delivery } = this.place;
    const span = this.startSpan();
    if (span === undefined) return delivery.attempt(message);
    span.given(message);
    return this.inSpan(span, () => delivery.attempt(message, span));
  }
}

/** One event after the other. @internal */
export class SerialPump extends Pump {
  override turn(): void | Promise<void> {
    const first = this.place.cursor.next();
    this.idle = first === undefined;
    if (first === undefined) {
      this.place.stream.notifyProgress();
      return;
    }
    const span = this.startSpan();
    return span === undefined ? this.#run(first) : this.inSpan(span, () => this.#run(first, span));
  }

  #run(first: Message, span?: BatchSpan): void | Promise<void> {
    const { stream, cursor, delivery, target } = this.place;
    const began = monotonicNow();
    for (let message: Message | undefined = first; message !== undefined; message = cursor.next()) {
      span?.given(message);
      const pending = delivery.attempt(message, span) ?? this.#handleMore(span);
      if (pending !== undefined) {
        // Who waits for what is handled already need not wait for this one.
        stream.notifyProgress();
        return this.#handledLate(pending, began);
      }
      if (delivery.closed || delivery.halted) return;
      if (monotonicNow() - began >= timeSlice) {
        target.yieldTurn();
        this.wake();
        break;
      }
    }
    this.idle = cursor.resting;
    cursor.busy += monotonicNow() - began;
    stream.notifyProgress();
  }

  /** What comes next straight from the log; what is traced takes the longer way. */
  #handleMore(span: BatchSpan | undefined): void | Promise<void> {
    const { stream, cursor, delivery } = this.place;
    if (span !== undefined || isRecording() || delivery.closed || delivery.halted) return;
    if (stream.system.probe !== undefined) return;
    const held = cursor.run(delivery, messagesPerCheck);
    if (held !== undefined) return delivery.proceed(held);
  }

  #handledLate(pending: Promise<void>, began: number): Promise<void> {
    const { stream, cursor } = this.place;
    return pending.then(
      () => {
        cursor.busy += monotonicNow() - began;
        stream.notifyProgress();
        this.wake();
      },
      (error: unknown) => {
        cursor.busy += monotonicNow() - began;
        throw error;
      },
    );
  }
}
