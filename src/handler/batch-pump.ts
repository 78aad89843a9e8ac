import type { TimerHandle } from "../clock.js";
import type { CacheEvent } from "../event/event.js";
import type { Message } from "../log/message.js";
import type { BatchTraits } from "./event-handler.js";
import { Pump, type PumpContext } from "./pump.js";
import { monotonicNow } from "../timers.js";

/** Events in batches. @internal */
export class BatchPump extends Pump {
  readonly #traits: BatchTraits;
  #events: CacheEvent[] = [];
  /** A gap behind the events; it is handled after their batch. */
  #gap: Message | undefined;
  #timer: TimerHandle | undefined;
  #due = false;

  constructor(context: PumpContext, traits: BatchTraits) {
    super(context);
    this.#traits = traits;
  }

  protected override turn(): void | Promise<void> {
    const { cursor, stream } = this.context;
    this.idle = false;
    this.#collect();
    const { began } = this;
    const after = (): void => {
      const now = monotonicNow();
      cursor.busy += now - began;
      stream.notifyProgress();
      this.goOn(now);
    };
    if (this.#events.length > 0 && this.#isDue()) {
      const events = this.#events;
      this.#events = [];
      this.#stopTimer();
      return this.#attemptBatch(events).then(after);
    }
    if (this.#events.length === 0 && this.#gap !== undefined) {
      const gap = this.#gap;
      this.#gap = undefined;
      const pending = this.attempt(gap);
      return pending === undefined ? after() : pending.then(after);
    }
    if (this.#events.length > 0) this.#startTimer();
    else this.idle = true;
    stream.notifyProgress();
  }

  override close(): void {
    super.close();
    this.#stopTimer();
  }

  async #attemptBatch(events: readonly CacheEvent[]): Promise<void> {
    const { delivery } = this.context;
    const span = this.startSpan();
    if (span === undefined) return delivery.attemptBatch(events);
    for (const event of events) span.given(event);
    await this.inSpan(span, () => delivery.attemptBatch(events, span));
  }

  #collect(): void {
    while (this.#events.length < this.#traits.maxSize && this.#gap === undefined) {
      const message = this.context.cursor.next();
      if (message === undefined) return;
      if (message.type === "gap") this.#gap = message;
      else this.#events.push(message as CacheEvent);
    }
  }

  #isDue(): boolean {
    const { maxSize, maxWait } = this.#traits;
    const full = this.#events.length === maxSize;
    return (
      full ||
      this.#due ||
      maxWait === 0 ||
      this.#gap !== undefined ||
      this.context.delivery.draining
    );
  }

  #startTimer(): void {
    this.#timer ??= this.context.stream.system.clock.setTimeout(() => {
      this.#due = true;
      this.wake();
    }, this.#traits.maxWait);
  }

  #stopTimer(): void {
    if (this.#timer !== undefined) this.context.stream.system.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#due = false;
  }
}
