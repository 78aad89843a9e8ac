import { CacheEvent } from "../../event/event.js";
import type { CacheEntryEvent, GapEvent } from "../../event/types.js";
import { batch, BatchFailure, type BatchTraits } from "../batch-handler.js";
import type { EventHandler, HandlerContext } from "../event-handler.js";
import { encodeEvent } from "./codec.js";
import type { Work } from "./protocol.js";
import type { Outcome } from "./thread.js";
import type { ThreadSlot } from "./thread-slot.js";

/** The part of a lane that is in the main thread: a handler that has events handled in the lane's thread. @internal */
export class LaneHandler implements EventHandler<void> {
  readonly [batch]: BatchTraits;
  readonly #lane: number;
  readonly #slot: ThreadSlot;
  /** Whether an error of the handler ends the thread. */
  readonly #endsThread: boolean;

  constructor(lane: number, slot: ThreadSlot, batchSize: number, endsThread: boolean) {
    this.#lane = lane;
    this.#slot = slot;
    this.#endsThread = endsThread;
    const { maxSize, maxWait } = slot.thread?.batch ?? { maxSize: batchSize, maxWait: 0 };
    this[batch] = { maxSize, maxWait, handle: (events, ctx) => this.#handleAll(events, ctx) };
  }

  handle(event: CacheEntryEvent, _state: void, ctx: HandlerContext): Promise<void> {
    return this.#handleAll([event], ctx);
  }

  async onGap(gap: GapEvent, _state: void, ctx: HandlerContext): Promise<void> {
    let outcome: Outcome;
    do {
      outcome = await this.#run({ lane: this.#lane, attempt: ctx.attempt, content: { gap } }, ctx);
    } while (outcome.failure !== undefined && !outcome.attempted);
    if (outcome.failure !== undefined) throw outcome.failure.error;
  }

  async #handleAll(events: readonly CacheEntryEvent[], ctx: HandlerContext): Promise<void> {
    let handled = 0;
    while (handled < events.length) {
      const left = events.slice(handled) as readonly CacheEntryEvent[] as readonly CacheEvent[];
      const source = CacheEvent.sourceOf(left[0] as CacheEvent);
      const attempt = handled === 0 ? ctx.attempt : 1;
      const content = { source, events: left.map(encodeEvent) };
      const outcome = await this.#run({ lane: this.#lane, attempt, content }, ctx);
      if (outcome.failure === undefined) return;
      handled += outcome.handled;
      // A thread that went down for another's sake has not tried this event: the next thread is given it.
      if (outcome.attempted) throw new BatchFailure(handled, outcome.failure.error);
    }
  }

  async #run(work: Work, ctx: HandlerContext): Promise<Outcome> {
    const thread = await this.#slot.wait(ctx.signal);
    // A worker that is killed leaves nothing behind that goes on with its events.
    const abandon = (): void => thread.fail("was handling events of a worker that was killed");
    ctx.signal.addEventListener("abort", abandon, { once: true });
    const outcome = await thread.run(work);
    ctx.signal.removeEventListener("abort", abandon);
    const failed = outcome.failure !== undefined && outcome.attempted;
    if (failed && this.#endsThread) thread.fail("failed", outcome.failure?.error);
    return outcome;
  }
}
