import type { Target } from "../actor/ref.js";
import { Task } from "../actor/mailbox.js";
import { messagesPerCheck, timeSlice } from "../clock.js";
import type { Cursor } from "../log/cursor.js";
import type { CursorReader, Message } from "../log/message.js";
import type { Milliseconds } from "../options.js";
import { LoopShare } from "../stream/loop-share.js";
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
  /** When the turn began, and how long it may take. */
  protected began: Milliseconds = 0;
  protected slice: Milliseconds = timeSlice;
  readonly #share = new LoopShare();
  #posted = false;
  /** Spans of messages that are being handled; empty without tracing. */
  readonly #spans = new Set<BatchSpan>();

  constructor(context: PumpContext) {
    super();
    this.context = context;
  }

  wake(): void {
    this.#post();
  }

  override run(): void | Promise<void> {
    this.#posted = false;
    this.began = monotonicNow();
    this.slice = this.#share.begin(this.began);
    if (this.slice > timeSlice) this.context.target.extendTurn(this.began + this.slice);
    try {
      return this.turn();
    } finally {
      this.#share.end(monotonicNow());
    }
  }

  /** Handles some events; wakes itself, with `goOn`, if there are more. */
  protected abstract turn(): void | Promise<void>;

  /** Wakes itself in its turn, or when what that was pending for is over. */
  protected goOn(now: Milliseconds): void {
    this.#post(now);
  }

  /** The incarnation has ended. */
  close(): void {
    this.#share.close();
    for (const span of this.#spans) span.cutOff();
  }

  /** @param now given: the actor is about to be free, if it is not already */
  #post(now?: Milliseconds): void {
    const { delivery, target } = this.context;
    if (this.#posted || delivery.closed) return;
    this.#posted = true;
    const freeSince = now ?? (target.idle ? monotonicNow() : undefined);
    if (freeSince !== undefined) this.#share.wait(freeSince);
    target.post(this);
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
  protected override turn(): void | Promise<void> {
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
    const { began, slice } = this;
    for (let message: Message | undefined = first; message !== undefined; message = cursor.next()) {
      span?.given(message);
      const pending = delivery.attempt(message, span) ?? this.#handleMore(span);
      if (pending !== undefined) {
        // Waiters for the events handled so far do not wait for this one.
        stream.notifyProgress();
        return this.#handledLate(pending, began);
      }
      if (delivery.closed || delivery.halted) return;
      const now = monotonicNow();
      if (now - began >= slice) {
        target.yieldTurn();
        this.goOn(now);
        break;
      }
    }
    this.idle = cursor.resting;
    cursor.busy += monotonicNow() - began;
    stream.notifyProgress();
  }

  /**
   * Handles the next events directly from the log, until the turn is over or another kind of message
   * is next; not with tracing.
   */
  #handleMore(span: BatchSpan | undefined): void | Promise<void> {
    const { stream, cursor, delivery } = this.context;
    if (span !== undefined || isRecording() || stream.system.probe !== undefined) return;
    while (!delivery.closed && !delivery.halted) {
      const { position } = cursor;
      const held = cursor.run(delivery, messagesPerCheck);
      if (held !== undefined) return delivery.proceed(held);
      if (cursor.position === position || monotonicNow() - this.began >= this.slice) return;
    }
  }

  #handledLate(pending: Promise<void>, began: number): Promise<void> {
    const { stream, cursor } = this.context;
    return pending.then(
      () => {
        const now = monotonicNow();
        cursor.busy += now - began;
        stream.notifyProgress();
        this.goOn(now);
      },
      (error: unknown) => {
        cursor.busy += monotonicNow() - began;
        throw error;
      },
    );
  }
}
