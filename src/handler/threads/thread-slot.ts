import type { ThreadBatch } from "./protocol.js";
import { Thread, type ThreadOptions } from "./thread.js";
import type { ActorContext } from "../../actor/types.js";
import { ActorRef } from "../../actor/ref.js";
import { WorkerThreadError } from "../../errors.js";
import type { ChildSpec, Shutdown } from "../../supervisor/child-spec.js";
import { actor } from "../../supervisor/specs.js";

/** A partition that is stopping in order. @internal */
export interface DrainingPartition {
  /** Ends its worker if that waits for a thread, since there may be no other. */
  threadLost(): void;
}

/**
 * Holds one thread of a pool. It outlives the thread; partitions wait here for the next one.
 *
 * @internal
 */
export class ThreadSlot {
  thread: Thread | undefined;
  /** The batches that the handler takes. Null: none, or no thread has been up yet. */
  batch: ThreadBatch | null = null;
  /** Whether the handler has an `onGap`, or no thread has been up yet. */
  handlesGaps = true;
  /**
   * The partitions that are stopping in order. Their supervisor no longer replaces the thread.
   */
  readonly draining = new Set<DrainingPartition>();
  readonly #waiting = new Set<(thread: Thread) => void>();
  /** Settles when no work is isolated. */
  #isolation: Promise<unknown> = Promise.resolve();

  fill(thread: Thread): void {
    // It may have ended in the turn in which it became ready.
    if (thread.closed) return;
    this.thread = thread;
    this.batch = thread.batch;
    this.handlesGaps = thread.handlesGaps;
    for (const resolve of this.#waiting) resolve(thread);
    this.#waiting.clear();
  }

  empty(thread: Thread): void {
    if (this.thread !== thread) return;
    this.thread = undefined;
    for (const partition of this.draining) partition.threadLost();
  }

  /** The thread that is up, or that will be. Rejects with the signal's reason. */
  wait(signal: AbortSignal): Promise<Thread> {
    if (this.thread !== undefined) return Promise.resolve(this.thread);
    return new Promise((resolve, reject) => {
      const settle = (thread: Thread): void => {
        signal.removeEventListener("abort", abort);
        resolve(thread);
      };
      const abort = (): void => {
        this.#waiting.delete(settle);
        reject(signal.reason as Error);
      };
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort, { once: true });
      this.#waiting.add(settle);
    });
  }

  /** Calls the functions of isolated work one after the other. */
  oneAtATime<Result>(fn: () => Promise<Result>): Promise<Result> {
    const result = this.#isolation.then(fn);
    this.#isolation = result.catch(() => {});
    return result;
  }
}

type ThreadSettings = Omit<ThreadOptions, "clock" | "onClosed" | "onFailure">;

/**
 * The spec of the actor that owns one thread: the thread ends with it, and it crashes with the
 * thread.
 *
 * @internal
 */
export function threadSpec(
  id: string,
  slot: ThreadSlot,
  options: ThreadSettings,
  shutdown: Shutdown | undefined,
): ChildSpec {
  return actor<Thread>({
    id,
    init: (ctx) => startThread(ctx, slot, options),
    // It gets its work through the slot, not as messages.
    receive: (thread) => thread,
    terminate: (reason, thread) =>
      // The reason for the handlers is the error that one of them has thrown.
      thread.stop(reason instanceof WorkerThreadError ? reason.cause : reason),
    ...(shutdown === undefined ? undefined : { shutdown }),
  });
}

async function startThread(
  ctx: ActorContext,
  slot: ThreadSlot,
  options: ThreadSettings,
): Promise<Thread> {
  const { clock } = ctx.system;
  const thread = new Thread({
    ...options,
    clock,
    onClosed: (closed) => slot.empty(closed),
    onFailure: (error) => ctx.stop(error),
  });
  ActorRef.targetOf(ctx.self).onDeath(() => void thread.close());
  const timer = clock.setTimeout(() => thread.tooLate(), options.timeout);
  try {
    await thread.ready;
  } finally {
    clock.clearTimeout(timer);
  }
  slot.fill(thread);
  return thread;
}
