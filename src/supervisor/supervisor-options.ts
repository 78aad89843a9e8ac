import { OptionError, SupervisorError } from "../errors.js";
import {
  integer,
  oneOf,
  option,
  requiredOption,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import type { ChildLike, ResolvedChildSpec } from "./child-spec.js";
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

/** Options of all supervisors with a children list. */
export interface StaticSupervisorOptions extends RestartLimitOptions {
  /** Which children are restarted with one that failed. */
  strategy: Strategy;
  /** In start order; they are ended in reverse. */
  children: readonly ChildLike[];
  /** When the end of significant children ends the supervisor. Default: `"never"`. */
  autoShutdown?: AutoShutdown;
}

/** @internal */
export const limitSchema = {
  maxRestarts: option((name, value) => integer(name, value, 0), 3),
  maxSeconds: option((name, value) => integer(name, value, 1), 5),
} satisfies SchemaOf<RestartLimitOptions>;

/** @internal */
export const staticSchema = {
  strategy: requiredOption((name, value) => oneOf(name, value, strategies)),
  autoShutdown: option((name, value) => oneOf(name, value, autoShutdowns), "never"),
  ...limitSchema,
  children: requiredOption(readChildren),
} satisfies SchemaOf<StaticSupervisorOptions>;

/** @internal */
export function limitOf({ maxRestarts, maxSeconds }: Resolved<typeof limitSchema>): RestartLimit {
  return { maxRestarts, window: maxSeconds * 1000 };
}

/** @internal */
export function staticOptionsOf(options: Resolved<typeof staticSchema>): StaticOptions {
  const { strategy, autoShutdown, children } = options;
  return { strategy, autoShutdown, limit: limitOf(options), children };
}

/** @throws OptionError, SupervisorError `bad_combination`, `duplicate_child_name` */
function readChildren(
  name: string,
  value: unknown,
  { autoShutdown }: { autoShutdown: AutoShutdown },
): readonly ResolvedChildSpec[] {
  if (!Array.isArray(value)) throw OptionError.invalid(name, "an array of child specs", value);
  // Unlike map, from does not skip holes.
  const children = Array.from(value, (child) => resolveStaticChild(name, child, autoShutdown));
  const ids = new Set<string>();
  for (const { id } of children) {
    if (ids.has(id))
      throw new SupervisorError(
        "duplicate_child_name",
        `two children have the id "${id}": give one of them an id of its own`,
        {
          childId: id,
        },
      );
    ids.add(id);
  }
  return children;
}
