import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { InjectedCrash } from "./crash-plan.js";

/** Counts restarts, and reports ends of actors that were not asked for. */
export function watchTree(): { readonly count: number; stop(): void } {
  let count = 0;
  const restarted = () => {
    count += 1;
  };
  const terminated = (message: unknown) => {
    const { childId, reason } = message as { childId: string; reason: unknown };
    const isWanted = reason instanceof InjectedCrash || reason === "shutdown";
    if (!isWanted) process.emitWarning(`child "${childId}" ended: ${inspect(reason)}`);
  };
  subscribe("nebulex.supervisor.restart", restarted);
  subscribe("nebulex.supervisor.child_terminated", terminated);
  return {
    get count() {
      return count;
    },
    stop: () => {
      unsubscribe("nebulex.supervisor.restart", restarted);
      unsubscribe("nebulex.supervisor.child_terminated", terminated);
    },
  };
}
