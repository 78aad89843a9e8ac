import { createSystem, isActorSystem } from "../actor/system.js";
import type { ActorSystem } from "../actor/types.js";
import { checkClock, type Clock } from "../clock.js";
import { OptionError } from "../errors.js";
import { abortSignal, option, readOptions, type SchemaOf } from "../options.js";
import { handleOf, type Supervisor } from "./handle.js";
import { StaticSupervision } from "./static-supervision.js";
import {
  staticOptionsOf,
  staticSchema,
  type StaticSupervisorOptions,
} from "./supervisor-options.js";

/** Options of {@link startSupervisor}. */
export interface StartSupervisorOptions extends StaticSupervisorOptions {
  /**
   * Where it is to run. Default: a system of its own, which is stopped when the supervisor has
   * ended.
   */
  system?: ActorSystem;
  /** The clock of the system of its own. */
  clock?: Clock;
  /** Aborts the start; has no effect afterwards. */
  signal?: AbortSignal;
}

const schema = {
  ...staticSchema,
  system: option((name, value): ActorSystem => {
    if (isActorSystem(value)) return value;
    throw OptionError.invalid(name, "an ActorSystem", value);
  }),
  clock: option((name, value, { system }: { system: ActorSystem | undefined }) => {
    const clock = checkClock(value);
    if (system === undefined || clock === system.clock) return clock;
    throw OptionError.invalid(name, "none beside system, or the system's own", clock);
  }),
  signal: option(abortSignal),
} satisfies SchemaOf<StartSupervisorOptions>;

/**
 * Starts a tree: the children one after the other, in order. When one fails, those that are up are
 * ended again, in reverse order.
 *
 * @returns its handle, when the last child is up
 * @throws (as rejections) SupervisorError `failed_to_start_child`, with the child's own error as
 * the `cause`; the signal's reason when aborted; OptionError, SupervisorError `bad_combination` and
 * `duplicate_child_name` before anything is started
 */
export async function startSupervisor(options: StartSupervisorOptions): Promise<Supervisor> {
  const resolved = readOptions("startSupervisor", schema, options);
  const { system: given, clock, signal } = resolved;
  signal?.throwIfAborted();

  const system = given ?? createSystem(clock === undefined ? {} : { clock });
  const supervision = new StaticSupervision(staticOptionsOf(resolved));
  supervision.ownsSystem = given === undefined;
  try {
    await supervision.start(system, "supervisor", signal);
  } catch (error) {
    if (given === undefined) await system.stop();
    throw error;
  }
  if (given === undefined) supervision.cell.onDeath(() => void system.stop());
  return handleOf(supervision);
}
