import { type ExitReason, isCleanExit } from "../actor/exit.js";
import type { ResolvedChildSpec, RestartType, Shutdown } from "./child-spec.js";

/**
 * Which children are restarted with one that failed: none, all others, or those that were started
 * after it.
 */
export type Strategy = "one_for_one" | "one_for_all" | "rest_for_one";

/**
 * When a supervisor ends itself: never, or when one, or the last, of its significant children has
 * ended for good.
 */
export type AutoShutdown = "never" | "any_significant" | "all_significant";

export const strategies = ["one_for_one", "one_for_all", "rest_for_one"] as const;
export const autoShutdowns = ["never", "any_significant", "all_significant"] as const;

/** What a restart does: `end` first, in that order, then `start`, in that order. */
export interface RestartPlan<Item> {
  readonly end: readonly Item[];
  readonly start: readonly Item[];
}

/**
 * The plan for the failure of one child. `order` is the start order; `isTemporary` selects the
 * children that a restart of others drops.
 */
export function restartPlan<Item>(
  strategy: Strategy,
  order: readonly Item[],
  failed: Item,
  isTemporary: (item: Item) => boolean,
): RestartPlan<Item> {
  const group = groupOf(strategy, order, failed);
  return {
    end: group.filter((item) => item !== failed).reverse(),
    start: group.filter((item) => item === failed || !isTemporary(item)),
  };
}

function groupOf<Item>(strategy: Strategy, order: readonly Item[], failed: Item): readonly Item[] {
  switch (strategy) {
    case "one_for_one":
      return [failed];
    case "one_for_all":
      return order;
    case "rest_for_one":
      return order.slice(order.indexOf(failed));
  }
}

/** Whether a child that its supervisor did not end is to be restarted. */
export function isRestartDue(restart: RestartType, reason: ExitReason): boolean {
  switch (restart) {
    case "permanent":
      return true;
    case "transient":
      return !isCleanExit(reason);
    case "temporary":
      return false;
  }
}

/** Whether the end, without a restart, of a significant child ends the supervisor. */
export function endsSupervisor(autoShutdown: AutoShutdown, othersActive: boolean): boolean {
  switch (autoShutdown) {
    case "never":
      return false;
    case "any_significant":
      return true;
    case "all_significant":
      return !othersActive;
  }
}

/** Whether the exit of a child that its supervisor did not request is reported. */
export function isExitReported({ restart }: ResolvedChildSpec, reason: ExitReason): boolean {
  return restart === "permanent" || !isCleanExit(reason);
}

/**
 * Whether the exit of a child that its supervisor ended is reported: only if the reason is not the
 * one requested.
 */
export function isEndReported(spec: ResolvedChildSpec, reason: ExitReason): boolean {
  if (reason === expectedReason(spec.shutdown)) return false;
  return isExitReported(spec, reason);
}

function expectedReason(shutdown: Shutdown): ExitReason {
  return shutdown === "brutal_kill" ? "killed" : "shutdown";
}
