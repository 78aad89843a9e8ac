import type { ActorSystem } from "../actor/types.js";
import type { ActorRef } from "../actor/ref.js";
import { isThenable } from "../callbacks.js";
import { backoff, nodeTimeOf, sleep } from "../clock.js";
import { CacheEvent } from "../event/event.js";
import type { CacheEntryEvent, GapEvent } from "../event/types.js";
import type { Milliseconds } from "../options.js";
import type { Cursor } from "../log/cursor.js";
import { type Message, notBegun, type VisitResult } from "../log/message.js";
import { channels, reportCallbackError, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { isRecording, recordDelay, recordDuration } from "../telemetry/open-telemetry.js";
import { type BatchSpan, partitionAttributes } from "../telemetry/spans.js";
import { monotonicNow } from "../timers.js";
import {
  BatchFailure,
  type BatchTraits,
  batchTraitsOf,
  type EventHandler,
  type HandlerContext,
  type OnDeadLetter,
} from "./event-handler.js";

type HandledEvent = CacheEntryEvent<unknown, unknown, ActorRef>;

/** How a worker of a pool reads its partition, and handles what it reads. @internal */
export interface WorkerOptions {
  readonly group: string;
  readonly mask: number;
  /** Returns the handler of one incarnation. */
  readonly makeHandler: () => EventHandler;
  readonly onError: "restart" | "resume";
  readonly maxAttempts: number;
  readonly backoffInitial: Milliseconds;
  readonly backoffMax: Milliseconds;
  readonly onDeadLetter: OnDeadLetter | undefined;
  readonly coalesces: boolean;
  readonly concurrency: number;
  /** Receives messages that are sent to the worker's actor, which has no use for them. */
  readonly onMessage?: (message: unknown, partition: number | null) => void;
}

/** The incarnation of a worker that a delivery belongs to. @internal */
export interface Incarnation {
  readonly system: ActorSystem;
  readonly self: ActorRef;
  readonly signal: AbortSignal;
}

/**
 * Passes the messages of a cursor to the handler: attempts, failures, dead letters. Each
 * incarnation of a worker has one.
 *
 * @internal
 */
export class Delivery {
  /** The incarnation has ended: late results are ignored. */
  closed = false;
  /** The incarnation is about to end, and not in order: no further message is handled. */
  halted = false;
  /** The incarnation is stopping in order: a failure no longer ends it. */
  draining = false;
  state: unknown;
  #pending: PromiseLike<unknown> | undefined;
  readonly handler: EventHandler;
  /** Undefined: the handler does not take batches. */
  readonly batch: BatchTraits | undefined;
  readonly #cursor: Cursor;
  readonly #options: WorkerOptions;
  readonly #incarnation: Incarnation;
  /** Reused for each event; with concurrency, each event has its own. */
  readonly #context: WorkerContext;
  #batchInHand: readonly Message[] = [];

  constructor(cursor: Cursor, options: WorkerOptions, incarnation: Incarnation) {
    this.handler = options.makeHandler();
    const traits = batchTraitsOf(this.handler);
    const most = cursor.gate?.maxBatch ?? Infinity;
    this.batch =
      traits === undefined || traits.maxSize <= most ? traits : { ...traits, maxSize: most };
    this.#cursor = cursor;
    this.#options = options;
    this.#incarnation = incarnation;
    this.#context = new WorkerContext(cursor, incarnation);
  }

  get context(): HandlerContext {
    return this.#context;
  }

  /**
   * Called when the incarnation has ended. Events of the batch that it has handled are
   * acknowledged.
   */
  close(): void {
    this.closed = true;
    const handled = this.batch?.abandon?.() ?? 0;
    for (const message of this.#batchInHand.slice(0, handled)) this.#done(message);
  }

  /**
   * Has a message handled. Afterwards it is acknowledged, or given up. Throws, or rejects with, the
   * error that ends the incarnation.
   */
  attempt(message: Message, span?: BatchSpan): void | Promise<void> {
    if (this.#cursor.unacked.failuresOf(message) > 0)
      return this.#finish(
        [message],
        this.#later([message], () => this.#call(message)),
        span,
      );
    let result: unknown;
    try {
      result = this.#call(message);
    } catch (error) {
      return this.#finish([message], Promise.reject(error as Error), span);
    }
    if (isThenable(result)) return this.#finish([message], result, span);
    if (this.closed) return;
    if (result !== undefined) this.state = result;
    this.#done(message);
  }

  /**
   * First attempt at an event. If it is pending when this returns, `proceed` completes it.
   */
  visit(event: CacheEvent): VisitResult {
    const context = this.#context;
    context.attempt = 1;
    try {
      const result = this.handler.handle(event as HandledEvent, this.state, context);
      if (isThenable(result)) {
        this.#pending = result;
        return "pending";
      }
      // Killed by its own handler: the event does not count as handled.
      if (this.closed) return "pending";
      if (result !== undefined) this.state = result;
    } catch (error) {
      this.#pending = Promise.reject(error as Error);
      return "pending";
    }
    return this.halted ? "enough" : "done";
  }

  /** Completes an event that is pending after `visit`. */
  proceed(event: Message): void | Promise<void> {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending !== undefined) return this.#finish([event], pending, undefined);
    if (!this.closed) return this.attempt(event);
  }

  /** The same for a batch of events. */
  attemptBatch(events: readonly CacheEvent[], span?: BatchSpan): Promise<void> {
    return this.#finish(
      events,
      this.#later(events, () => this.#callBatch(events)),
      span,
    );
  }

  /**
   * Waits for a result and retries as often as the options say, until each message is acknowledged
   * or given up.
   */
  async #finish(
    messages: readonly Message[],
    pending: PromiseLike<unknown>,
    span: BatchSpan | undefined,
  ): Promise<void> {
    let left = messages;
    let result = pending;
    while (left.length > 0) {
      try {
        const state = await result;
        if (this.closed) return;
        if (state !== undefined) this.state = state;
        this.#batchInHand = [];
        for (const message of left) this.#done(message);
        return;
      } catch (thrown) {
        if (this.closed || thrown === notBegun) return;
        this.#batchInHand = [];
        const error = thrown instanceof BatchFailure ? thrown.cause : thrown;
        span?.failed(error);
        left =
          thrown instanceof BatchFailure
            ? await this.#failedInPart(left, thrown)
            : await this.#failed(left, error);
        if (this.closed) return;
        if (this.#options.onError === "restart" && !this.draining) throw error;
        if (left.length === 0) return;
      }
      const again = left;
      result = this.#later(again, () =>
        this.batch === undefined || again[0]?.type === "gap"
          ? this.#call(again[0] as Message)
          : this.#callBatch(again as CacheEvent[]),
      );
    }
  }

  async #failedInPart(messages: readonly Message[], failure: BatchFailure): Promise<Message[]> {
    const { handled, attempted, cause } = failure;
    const untried = handled + attempted;
    for (const message of messages.slice(0, handled)) this.#done(message);
    const failed = await this.#failed(messages.slice(handled, untried), cause);
    const rest = messages.slice(untried);
    this.#cursor.gate?.leave(rest);
    return [...failed, ...rest];
  }

  /** Counts a failed attempt. Messages without attempts left are given up. Returns the others. */
  async #failed(messages: readonly Message[], error: unknown): Promise<Message[]> {
    const left: Message[] = [];
    for (const message of messages) {
      const attempt = this.#cursor.unacked.countFailure(message);
      report(channels.handlerError, () => this.#describe(message, error, attempt));
      if (attempt < this.#options.maxAttempts) {
        left.push(message);
        continue;
      }
      await this.#giveUp(message, error, attempt);
      if (this.closed) return [];
      this.#cursor.giveUp(message, error, attempt);
    }
    this.#cursor.gate?.leave(left);
    return left;
  }

  async #giveUp(message: Message, error: unknown, attempt: number): Promise<void> {
    const { onDeadLetter } = this.#options;
    const isRead = report(channels.deadLetter, () => this.#describe(message, error, attempt));
    if (!isRead && onDeadLetter === undefined) {
      const { group, log } = this.#cursor;
      warnOfReported(`dead letter of group ${group} on stream ${log.source.name}`, error);
    }
    if (onDeadLetter === undefined || message.type === "gap") return;
    try {
      await onDeadLetter(message as HandledEvent, error, this.#contextOf(attempt - 1));
    } catch (failure) {
      reportCallbackError(channels.callbackError, "onDeadLetter", failure, {
        ref: this.#incarnation.self,
      });
    }
  }

  /** Calls `fn`, after the backoff if one of the messages has failed before. */
  async #later(messages: readonly Message[], fn: () => unknown): Promise<unknown> {
    const { backoffInitial, backoffMax } = this.#options;
    const failures = this.#failuresOf(messages);
    if (failures > 0 && backoffInitial > 0) {
      await sleep(
        this.#incarnation.system.clock,
        backoff(failures, backoffInitial, backoffMax, this.#incarnation.system.random()),
        this.#incarnation.signal,
      );
    }
    return await fn();
  }

  #call(message: Message): unknown {
    const entry = this.#cursor.gate?.enter([message]);
    return entry === undefined
      ? this.#callProbed(message)
      : entry.then(() => this.#callProbed(message));
  }

  #callProbed(message: Message): unknown {
    const gate = this.#incarnation.system.probe?.receiving?.(this.#incarnation.self, message);
    return isThenable(gate) ? gate.then(() => this.#callTimed(message)) : this.#callTimed(message);
  }

  #callTimed(message: Message): unknown {
    return isRecording() && message.type !== "gap"
      ? this.#timed(() => this.#callNow(message))
      : this.#callNow(message);
  }

  /** Calls the handler, and records how long that takes. */
  #timed(call: () => unknown): unknown {
    const began = monotonicNow();
    const record = (): void => {
      const { log, group } = this.#cursor;
      recordDuration((monotonicNow() - began) / 1000, partitionAttributes(log.source, group));
    };
    let result: unknown;
    try {
      result = call();
    } catch (error) {
      record();
      throw error;
    }
    // Some thenables do their work in `then`, so it is called only once.
    if (isThenable(result)) return Promise.resolve(result).finally(record);
    record();
    return result;
  }

  #done(message: Message): void {
    this.#cursor.done(message);
    if (!isRecording() || message.type === "gap") return;
    const { group, log } = this.#cursor;
    const { startedAt } = CacheEvent.homeOf(message as CacheEvent);
    const writtenAt = startedAt + CacheEvent.partsOf(message as CacheEvent).at;
    // An event of another node has that node's time, which may be ahead of this one's.
    const delay = Math.max(0, nodeTimeOf(this.#incarnation.system.clock)() - writtenAt);
    recordDelay(delay / 1000, partitionAttributes(log.source, group));
  }

  #callNow(message: Message): unknown {
    if (this.closed) return undefined;
    const { handler } = this;
    const context = this.#contextOf(this.#cursor.unacked.failuresOf(message));
    if (message.type === "gap") return handler.onGap?.(message as GapEvent, this.state, context);
    return handler.handle(message as HandledEvent, this.state, context);
  }

  async #callBatch(events: readonly CacheEvent[]): Promise<void> {
    const entry = this.#cursor.gate?.enter(events);
    if (entry !== undefined) await entry;
    const { system, self } = this.#incarnation;
    if (system.probe?.receiving !== undefined)
      for (const event of events) await system.probe.receiving(self, event);
    if (this.closed) return;
    this.#batchInHand = events;
    const call = (): unknown =>
      this.batch?.handle(
        events as readonly CacheEvent[] as readonly HandledEvent[],
        this.#contextOf(this.#failuresOf(events)),
      );
    await (isRecording() ? this.#timed(call) : call());
  }

  #contextOf(failures: number): HandlerContext {
    const context =
      this.#options.concurrency === 1
        ? this.#context
        : new WorkerContext(this.#cursor, this.#incarnation);
    context.attempt = failures + 1;
    return context;
  }

  #failuresOf(messages: readonly Message[]): number {
    return messages.reduce(
      (most, message) => Math.max(most, this.#cursor.unacked.failuresOf(message)),
      0,
    );
  }

  #describe(event: Message, error: unknown, attempt: number): object {
    const { cache, name, partition } = this.#cursor.log.source;
    return { cache, name, partition, group: this.#cursor.group, event, error, attempt };
  }
}

class WorkerContext implements HandlerContext {
  attempt = 1;
  readonly #cursor: Cursor;
  readonly #incarnation: Incarnation;

  constructor(cursor: Cursor, incarnation: Incarnation) {
    this.#cursor = cursor;
    this.#incarnation = incarnation;
  }

  get partition(): number | null {
    return this.#cursor.log.source.partition;
  }

  get partitions(): number | null {
    return this.#cursor.log.source.partitions;
  }

  get fence(): number {
    return this.#cursor.fence;
  }

  get self(): ActorRef {
    return this.#incarnation.self;
  }

  get signal(): AbortSignal {
    return this.#incarnation.signal;
  }
}
