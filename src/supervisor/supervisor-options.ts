import { OptionError, SupervisorError } from "../errors.js";
import { integer, oneOf } from "../options.js";
import type { ChildLike } from "./child-spec.js";
import type { RestartLimit } from "./restart-window.js";
import { resolveStaticChild, type StaticOptions } from "./static-supervision.js";
import { type AutoShutdown, autoShutdowns, strategies, type Strategy } from "./strategy.js";

/** How many restarts a supervisor makes before it gives up. */
export interface RestartLimitOptions {
  /**
   * Restarts within `maxSeconds` that are allowed; the next one ends the supervisor. An integer >=
   * 0. Default: 3.
   */
  maxRestarts?: number;
  /** Seconds; an integer > 0. Default: 5. */
  maxSeconds?: number;
}

/** What all supervisors of a children list have in common. */
export interface StaticSupervisorOptions extends RestartLimitOptions {
  /** Who is restarted with a child that failed. */
  strategy: Strategy;
  /** In start order; they are ended in reverse. */
  children: readonly ChildLike[];
  /** When the end of significant children ends the supervisor. Default: `"never"`. */
  autoShutdown?: AutoShutdown;
}

export const limitOptions = ["maxRestarts", "maxSeconds"] as const;
export const staticOptions = ["strategy", "children", "autoShutdown", ...limitOptions] as const;

const defaults = Object.freeze({ maxRestarts: 3, maxSeconds: 5 });

export function resolveLimit(options: RestartLimitOptions): RestartLimit {
  const { maxRestarts = defaults.maxRestarts, maxSeconds = defaults.maxSeconds } = options;
  return {
    maxRestarts: integer("maxRestarts", maxRestarts, 0),
    window: integer("maxSeconds", maxSeconds, 1) * 1000,
  };
}

/** @throws OptionError, SupervisorError `bad_combination`, `duplicate_child_name` @internal */
export function resolveStaticOptions(options: StaticSupervisorOptions): StaticOptions {
  const strategy = oneOf("strategy", options.strategy, strategies);
  const { autoShutdown = "never" } = options;
  oneOf("autoShutdown", autoShutdown, autoShutdowns);
  const limit = resolveLimit(options);
  if (!Array.isArray(options.children))
    throw OptionError.invalid("children", "an array of child specs", options.children);
  // Unlike map, from does not pass over holes.
  const children = Array.from(options.children, (child) =>
    resolveStaticChild("children", child, autoShutdown),
  );
  const ids = new Set<string>();
  for (const { id } of children) {
    if (ids.has(id))
      throw new SupervisorError("duplicate_child_name", `two children have the id "${id}"`, {
        childId: id,
      });
    ids.add(id);
  }
  return { strategy, autoShutdown, limit, children };
}
