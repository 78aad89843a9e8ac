import { createSystem, isActorSystem } from "../actor/system.js";
import type { ActorSystem } from "../actor/types.js";
import { checkClock, type Clock } from "../clock.js";
import { OptionError } from "../errors.js";
import { knownOptions } from "../options.js";
import { handleOf, type Supervisor } from "./handle.js";
import { StaticSupervision } from "./static-supervision.js";
import {
  resolveStaticOptions,
  staticOptions,
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
  knownOptions("startSupervisor", options, [...staticOptions, "system", "clock", "signal"]);
  const resolved = resolveStaticOptions(options);
  const { clock, signal } = options;
  const given = checkSystem(options.system, clock);
  if (signal !== undefined) checkSignal(signal);
  signal?.throwIfAborted();

  const system = given ?? createSystem(clock === undefined ? {} : { clock });
  const supervision = new StaticSupervision(resolved);
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

function checkSystem(
  system: ActorSystem | undefined,
  clock: Clock | undefined,
): ActorSystem | undefined {
  if (clock !== undefined) checkClock(clock);
  if (system === undefined) return undefined;
  if (!isActorSystem(system)) throw OptionError.invalid("system", "an ActorSystem", system);
  if (clock !== undefined && clock !== system.clock)
    throw OptionError.invalid("clock", "none beside system, or the system's own", clock);
  return system;
}

function checkSignal(signal: AbortSignal): void {
  if (
    typeof signal !== "object" ||
    signal === null ||
    typeof signal.aborted !== "boolean" ||
    typeof signal.throwIfAborted !== "function" ||
    typeof signal.addEventListener !== "function"
  )
    throw OptionError.invalid("signal", "an AbortSignal", signal);
}
