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

/** What a pump works with. @internal */
export interface PumpContext {
  readonly stream: Stream;
  readonly cursor: Cursor;
  readonly delivery: Delivery;
  readonly target: Target;
}

/**
 * Passes a worker's events from its cursor to the handler, in turns, each between two messages of
 * the actor.
 *
 * @internal
 */
export abstract class Pump extends Task implements CursorReader {
  /** Whether there was nothing left to do at the end of the last turn. */
  idle = false;
  protected readonly context: PumpContext;
  #posted = false;
  /** Spans of messages that are being handled; empty without tracing. */
  readonly #spans = new Set<BatchSpan>();

  constructor(context: PumpContext) {
    super();
    this.context = context;
  }

  wake(): void {
    if (this.#posted || this.context.delivery.closed) return;
    this.#posted = true;
    this.context.target.post(this);
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

  /** Starts a span for the next messages, for `inSpan`; undefined without tracing. */
  protected startSpan(): BatchSpan | undefined {
    const span = BatchSpan.start(this.context.cursor);
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

  /** Has one message handled, in a span of its own if there is tracing. */
  protected attempt(message: Message): void | Promise<void> {
    const { delivery } = this.context;
    const span = this.startSpan();
    if (span === undefined) return delivery.attempt(message);
    span.given(message);
    return this.inSpan(span, () => delivery.attempt(message, span));
  }
}

/** One event after the other. @internal */
export class SerialPump extends Pump {
  override turn(): void | Promise<void> {
    const first = this.context.cursor.next();
    this.idle = first === undefined;
    if (first === undefined) {
      this.context.stream.notifyProgress();
      return;
    }
    const span = this.startSpan();
    return span === undefined ? this.#run(first) : this.inSpan(span, () => this.#run(first, span));
  }

  #run(first: Message, span?: BatchSpan): void | Promise<void> {
    const { stream, cursor, delivery, target } = this.context;
    const began = monotonicNow();
    for (let message: Message | undefined = first; message !== undefined; message = cursor.next()) {
      span?.given(message);
      const pending = delivery.attempt(message, span) ?? this.#handleMore(span);
      if (pending !== undefined) {
        // Waiters for the events handled so far do not wait for this one.
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

  /** Handles the next events directly from the log; not with tracing. */
  #handleMore(span: BatchSpan | undefined): void | Promise<void> {
    const { stream, cursor, delivery } = this.context;
    if (span !== undefined || isRecording() || delivery.closed || delivery.halted) return;
    if (stream.system.probe !== undefined) return;
    const held = cursor.run(delivery, messagesPerCheck);
    if (held !== undefined) return delivery.proceed(held);
  }

  #handledLate(pending: Promise<void>, began: number): Promise<void> {
    const { stream, cursor } = this.context;
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
