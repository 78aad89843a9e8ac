import { ActorRef } from "../../actor/ref.js";
import { CacheEvent } from "../../event/event.js";
import type { CacheEntryEvent, GapEvent } from "../../event/types.js";
import {
  batch,
  BatchFailure,
  type BatchTraits,
  type EventHandler,
  type HandlerContext,
} from "../event-handler.js";
import { encodeEvents } from "./codec.js";
import type { Outcome, Work } from "./protocol.js";
import type { Thread } from "./thread.js";
import type { DrainingPartition, ThreadSlot } from "./thread-slot.js";

/**
 * The part of a partition in the main thread: a handler that sends events to the partition's
 * thread.
 *
 * @internal
 */
export class ThreadPartitionHandler implements EventHandler<void>, DrainingPartition {
  readonly [batch]: BatchTraits;
  /** None if the handler in the thread has none, so that gaps are reported as received by nobody. */
  readonly onGap?: (gap: GapEvent, state: void, ctx: HandlerContext) => Promise<void>;
  readonly #partition: number;
  readonly #slot: ThreadSlot;
  /** Whether an error of the handler ends the thread. */
  readonly #endsThread: boolean;
  /** Whether the handler in the thread takes batches. */
  readonly #batches: boolean;
  /** The worker that waits for a thread. */
  #waiting: ActorRef | undefined;
  /** The thread that is handling the current work. */
  #thread: Thread | undefined;
  /** Events of the current batch that were handled before the current work. */
  #handled = 0;

  constructor(partition: number, slot: ThreadSlot, batchSize: number, endsThread: boolean) {
    this.#partition = partition;
    this.#slot = slot;
    this.#endsThread = endsThread;
    this.#batches = slot.batch !== null;
    this[batch] = {
      ...(slot.batch ?? { maxSize: batchSize, maxWait: 0 }),
      handle: (events, ctx) => this.#handleAll(events, ctx),
      draining: () => this.#drain(),
      abandon: () => this.#abandon(),
    };
    if (slot.handlesGaps) this.onGap = (gap, _state, ctx) => this.#handleGap(gap, ctx);
  }

  handle(event: CacheEntryEvent, _state: void, ctx: HandlerContext): Promise<void> {
    return this.#handleAll([event], ctx);
  }

  async #handleGap(gap: GapEvent, ctx: HandlerContext): Promise<void> {
    const { attempt, fence } = ctx;
    const work = { partition: this.#partition, attempt, fence, content: { gap } };
    let outcome: Outcome | undefined;
    while (outcome === undefined || outcome.handled === 0) {
      outcome = await this.#run(work, outcome?.blame === "suspect", ctx);
      if (outcome.blame === "culprit") throw outcome.error;
    }
  }

  /** Has events handled. Those that are not handled when a thread ends are sent to the next one. */
  async #handleAll(events: readonly CacheEntryEvent[], ctx: HandlerContext): Promise<void> {
    this.#handled = 0;
    let limit = events.length;
    let suspect = false;
    while (this.#handled < events.length) {
      const handled = this.#handled;
      const some = events.slice(handled, handled + limit) as unknown as readonly CacheEvent[];
      limit = events.length;
      const outcome = await this.#run(this.#workOf(some, handled, ctx), suspect, ctx);
      this.#handled += outcome.handled;
      suspect = outcome.blame === "suspect";
      if (suspect && !this.#batches) limit = 1;
      if (outcome.blame === "uncloneable") {
        limit = some.findIndex((event) => !this.#isCloneable(event, ctx));
        if (limit <= 0) throw new BatchFailure(handled, 1, outcome.error);
      } else if (outcome.blame === "culprit") {
        const attempted = this.#batches ? some.length : 1;
        throw new BatchFailure(this.#handled, attempted, outcome.error);
      }
    }
  }

  #workOf(events: readonly CacheEvent[], handled: number, ctx: HandlerContext): Work {
    const source = CacheEvent.sourceOf(events[0] as CacheEvent);
    const attempt = handled === 0 ? ctx.attempt : 1;
    return {
      partition: this.#partition,
      attempt,
      fence: ctx.fence,
      content: { source, events: encodeEvents(events) },
    };
  }

  #isCloneable(event: CacheEvent, ctx: HandlerContext): boolean {
    try {
      structuredClone(this.#workOf([event], 0, ctx));
      return true;
    } catch {
      return false;
    }
  }

  /**
   * Work that may have ended the last thread is isolated: no other such work runs beside it.
   */
  #run(work: Work, suspect: boolean, ctx: HandlerContext): Promise<Outcome> {
    // Set before its isolated turn: the partition before it may wait for a thread, too.
    this.#waiting = ctx.self;
    if (this.#slot.draining.has(this)) this.threadLost();
    return suspect
      ? this.#slot.oneAtATime(() => this.#runNow(work, true, ctx))
      : this.#runNow(work, false, ctx);
  }

  async #runNow(work: Work, isolated: boolean, ctx: HandlerContext): Promise<Outcome> {
    const { signal } = ctx;
    const thread = await this.#slot.wait(signal);
    this.#waiting = undefined;
    signal.throwIfAborted();
    this.#thread = thread;
    const outcome = await thread.run(work, isolated);
    this.#thread = undefined;
    if (outcome.blame === "culprit" && this.#endsThread && this.#slot.draining.size === 0)
      thread.retire(outcome.error);
    return outcome;
  }

  /** The worker ends when all is handled, which takes a thread. */
  #drain(): void {
    this.#slot.draining.add(this);
    this.threadLost();
  }

  threadLost(): void {
    if (this.#waiting !== undefined && this.#slot.thread === undefined)
      void ActorRef.targetOf(this.#waiting).kill();
  }

  /** Called when the worker has ended: its current work is abandoned. */
  #abandon(): number {
    this.#slot.draining.delete(this);
    const late = this.#thread?.abandon(this.#partition) ?? 0;
    return this.#handled + late;
  }
}
