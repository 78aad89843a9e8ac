import { isSpawnParent } from "../actor/spawn.js";
import type { SpawnParent } from "../actor/types.js";
import type { ActorRef } from "../actor/ref.js";
import type { StartContext } from "../actor/start-context.js";
import { OptionError, SupervisorError } from "../errors.js";
import {
  boolean,
  callable,
  derivedOption,
  integer,
  type Milliseconds,
  nonEmptyString,
  oneOf,
  option,
  readOptions,
  requiredOption,
  type Resolved,
  type SchemaOf,
} from "../options.js";

/** When a child that has ended is started again: always, after an abnormal exit, never. */
export type RestartType = "permanent" | "transient" | "temporary";

/**
 * How a child is ended: asked, with this many milliseconds to comply before it is killed; killed
 * without being asked; or asked and waited for without limit.
 */
export type Shutdown = Milliseconds | "brutal_kill" | "infinity";

/**
 * How a supervisor starts, restarts and ends one child. A plain object: `start` is called without a
 * `this`.
 */
export interface ChildSpec {
  /** Names the child within its supervisor; not empty. */
  id: string;
  /**
   * Starts it: returns its ref, or `"ignore"` for a child that is not needed now. A throw or a
   * rejection is a failed start.
   */
  start(parent: StartContext): Promise<ActorRef | "ignore">;
  /** Default: `"permanent"`. */
  restart?: RestartType;
  /** Default: 5000 for a worker, `"infinity"` for a supervisor. */
  shutdown?: Shutdown;
  /** Default: `"worker"`. */
  type?: "worker" | "supervisor";
  /** Whether its end may end the supervisor (`autoShutdown`). Default: false. */
  significant?: boolean;
}

/** An object that makes a child spec, and can stand for it in a children list. */
export interface ChildSpecHolder {
  /** The spec to start. */
  childSpec(): ChildSpec;
}

/** A child in a children list or in `startChild`. */
export type ChildLike = ChildSpec | ChildSpecHolder;

/** A spec with every default filled in. */
export type ResolvedChildSpec = Readonly<Required<ChildSpec>>;

/** The fields of a spec that a factory passes on from its own options. */
export type ChildSettings = Pick<ChildSpec, "restart" | "shutdown" | "significant">;

const restartTypes = ["permanent", "transient", "temporary"] as const;
const childTypes = ["worker", "supervisor"] as const;
const workerShutdown: Milliseconds = 5000;

const readRestart = (name: string, value: unknown): RestartType => oneOf(name, value, restartTypes);

const specSchema = {
  id: requiredOption(nonEmptyString),
  start: requiredOption((name, value) => callable(name, value as ChildSpec["start"])),
  restart: option(readRestart, "permanent"),
  type: option((name, value) => oneOf(name, value, childTypes), "worker"),
  shutdown: derivedOption(readShutdown, ({ type }: Pick<ResolvedChildSpec, "type">) =>
    type === "supervisor" ? "infinity" : workerShutdown,
  ),
  significant: option(boolean, false),
} satisfies SchemaOf<ChildSpec>;

/** What a factory reads for {@link makeChildSpec}; the defaults are those of a spec. @internal */
export const childSchema = {
  id: specSchema.id,
  restart: option(readRestart),
  shutdown: option(readShutdown),
  significant: option(boolean),
} satisfies SchemaOf<ChildSettings & { id: string }>;

/**
 * Checks one entry of a children list, or what `startChild` was given, and fills in the defaults.
 * `option` names the taker's option in the error for what is no spec at all.
 *
 * @throws OptionError, SupervisorError `bad_combination`
 */
export function resolveChild(option: string, child: unknown): ResolvedChildSpec {
  const spec = isHolder(child) ? child.childSpec() : child;
  if (typeof spec !== "object" || spec === null || Array.isArray(spec))
    throw OptionError.invalid(option, "a child spec, or an object with childSpec()", spec);
  return resolveChildSpec(spec);
}

/**
 * @param spec a ChildSpec; what is undefined counts as not given
 * @throws OptionError naming the field, SupervisorError `bad_combination`
 */
export function resolveChildSpec(spec: object): ResolvedChildSpec {
  const resolved = readOptions("a child spec", specSchema, spec);
  const { id, restart, significant } = resolved;
  if (significant && restart === "permanent")
    throw badCombination(id, "a significant child must be transient or temporary, not permanent");
  return resolved;
}

type ChildFields = Partial<Resolved<typeof childSchema>> & { id: string };

/** The spec that a factory returns for its options. @internal */
export function makeChildSpec(
  { id, restart, shutdown, significant }: ChildFields,
  type: "worker" | "supervisor",
  start: (parent: SpawnParent) => Promise<ActorRef<never>>,
): ChildSpec {
  const checkedStart = async (parent: unknown): Promise<ActorRef> => {
    if (!isSpawnParent(parent)) throw OptionError.invalid("parent", "a StartContext", parent);
    return (await start(parent)) as ActorRef;
  };
  return { ...resolveChildSpec({ id, start: checkedStart, restart, type, shutdown, significant }) };
}

export function badCombination(childId: string, message: string): SupervisorError {
  return new SupervisorError("bad_combination", `child "${childId}": ${message}`, { childId });
}

/** @throws OptionError @internal */
export function readShutdown(name: string, value: unknown): Shutdown {
  if (value === "brutal_kill" || value === "infinity") return value;
  if (typeof value === "number") return integer(name, value, 0);
  throw OptionError.invalid(
    name,
    'an integer >= 0 (milliseconds), "brutal_kill" or "infinity"',
    value,
  );
}

/** An object, or a class with a static `childSpec()`. */
function isHolder(child: unknown): child is ChildSpecHolder {
  return (
    ((typeof child === "object" && child !== null) || typeof child === "function") &&
    "childSpec" in child &&
    typeof child.childSpec === "function"
  );
}
