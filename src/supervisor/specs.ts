import { checkBehavior } from "../actor/spawn.js";
import { type Behavior, spawnIn } from "../actor/types.js";
import {
  integer,
  knownOptions,
  option,
  readOptions,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import { childSchema, type ChildSettings, type ChildSpec, makeChildSpec } from "./child-spec.js";
import { DynamicSupervision } from "./dynamic-supervision.js";
import type { RestartPauses } from "./restart-window.js";
import { StaticSupervision } from "./static-supervision.js";
import type { Supervision } from "./supervision.js";
import {
  limitOf,
  limitSchema,
  type RestartLimitOptions,
  staticOptionsOf,
  staticSchema,
  type StaticSupervisorOptions,
} from "./supervisor-options.js";

/** Options of {@link actor}: an id, what the actor does, and the settings of its spec. */
export interface ActorOptions<State = unknown, Msg = unknown>
  extends Behavior<State, Msg>, ChildSettings {
  /** Its id among its siblings. */
  id: string;
}

/** Options of {@link supervisor}. */
export interface SupervisorOptions extends StaticSupervisorOptions, ChildSettings {
  /** Its id among its siblings. */
  id: string;
}

/** Options of {@link dynamicSupervisor}. */
export interface DynamicSupervisorOptions extends RestartLimitOptions, ChildSettings {
  /** Its id among its siblings. */
  id: string;
  /**
   * How many children there may be, restarting ones included; an integer >= 0. Default: no limit.
   */
  maxChildren?: number;
}

const schema = { ...childSchema, ...staticSchema } satisfies SchemaOf<SupervisorOptions>;

const dynamicSchema = {
  ...childSchema,
  maxChildren: option((name, value) => integer(name, value, 0), Infinity),
  ...limitSchema,
} satisfies SchemaOf<DynamicSupervisorOptions>;

/**
 * The spec of an actor: a worker, with a shutdown time of 5000 ms by default.
 *
 * @throws OptionError, SupervisorError `bad_combination`
 */
export function actor<State = unknown, Msg = unknown>(
  options: ActorOptions<State, Msg>,
): ChildSpec {
  knownOptions("actor", options, [...Object.keys(childSchema), "init", "receive", "terminate"]);
  checkBehavior(options);
  const { init, receive, terminate } = options;
  const behavior: Behavior<State, Msg> = {
    receive: receive.bind(options),
    ...(init === undefined ? {} : { init: init.bind(options) }),
    ...(terminate === undefined ? {} : { terminate: terminate.bind(options) }),
  };
  return makeChildSpec(
    options,
    "worker",
    async (parent) => await parent[spawnIn](behavior, { id: options.id }).ready,
  );
}

/**
 * The spec of a supervisor, to stand in another's children list. Each incarnation begins with this
 * children list. By default its own supervisor waits for it without limit when it ends.
 *
 * @throws OptionError, SupervisorError `bad_combination`, `duplicate_child_name`
 */
export function supervisor(options: SupervisorOptions): ChildSpec {
  const resolved = readOptions("supervisor", schema, options);
  return supervisorSpec(resolved, () => new StaticSupervision(staticOptionsOf(resolved)));
}

/**
 * As {@link supervisor}, `one_for_one`, but one that never gives up: a child that fails again and
 * again is restarted with growing pauses. `maxSeconds` is only checked and used for the number of
 * an attempt.
 *
 * @throws OptionError
 * @internal
 */
export function pausingSupervisor(
  options: Omit<SupervisorOptions, "maxRestarts">,
  progressOf: RestartPauses["progressOf"],
): ChildSpec {
  const resolved = readOptions("supervisor", schema, options);
  const staticOptions = staticOptionsOf(resolved);
  const limit = { ...staticOptions.limit, maxRestarts: Infinity };
  return supervisorSpec(
    resolved,
    () => new StaticSupervision({ ...staticOptions, limit, pauses: { progressOf } }),
  );
}

/**
 * The spec of a supervisor whose children come and go: it begins without any, knows them by their
 * refs, restarts each on its own and ends them all at once.
 *
 * @throws OptionError, SupervisorError `bad_combination`
 */
export function dynamicSupervisor(options: DynamicSupervisorOptions): ChildSpec {
  const resolved = readOptions("dynamicSupervisor", dynamicSchema, options);
  const { maxChildren } = resolved;
  return supervisorSpec(
    resolved,
    () => new DynamicSupervision({ maxChildren, limit: limitOf(resolved) }),
  );
}

function supervisorSpec(options: Resolved<typeof childSchema>, make: () => Supervision): ChildSpec {
  const { id } = options;
  return makeChildSpec(options, "supervisor", async (parent) => {
    const supervision = make();
    await supervision.start(parent, id);
    return supervision.ref;
  });
}
