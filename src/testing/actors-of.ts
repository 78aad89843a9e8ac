import type { ActorRef } from "../actor/ref.js";
import { isActorSystem } from "../actor/system.js";
import type { ActorSystem, Cell } from "../actor/types.js";
import { OptionError } from "../errors.js";

/**
 * The live actors of a system, supervisors included: each before those below it, siblings in the
 * order of their making. None is left when the trees of the system have ended.
 */
export function actorsOf(system: ActorSystem): ActorRef[] {
  const refs: ActorRef[] = [];
  const add = (cells: Iterable<Cell>): void => {
    for (const cell of cells) {
      if (!cell.alive) continue;
      refs.push(cell.ref);
      add(cell.children);
    }
  };
  add(checkSystem(system).roots);
  return refs;
}

/** @internal */
export function checkSystem(system: unknown): ActorSystem {
  if (isActorSystem(system)) return system;
  throw OptionError.invalid("system", "an ActorSystem, as createSystem returns it", system);
}
