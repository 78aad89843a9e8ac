import type { ActorContext } from "../../actor/types.js";
import { ActorRef } from "../../actor/ref.js";
import { WorkerThreadError } from "../../errors.js";
import type { ChildSpec, Shutdown } from "../../supervisor/child-spec.js";
import { actor } from "../../supervisor/specs.js";
import { Thread, type ThreadOptions } from "./thread.js";
import type { ThreadSlot } from "./thread-slot.js";

type ThreadSettings = Omit<ThreadOptions, "clock" | "onClosed" | "onFailure">;

/**
 * The spec of the actor that keeps one thread: its end is the thread's, and the thread's failure is
 * its crash.
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
    // All its work comes through the slot.
    receive: (thread) => thread,
    terminate: (reason, thread) =>
      // To the handlers the reason is what one of them has thrown.
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
