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

/** Which actors: those of this id, or at this path; or those whose id or path matches. */
export type ActorSelector = string | RegExp;

/** @internal */
export function checkSelector(option: string, selector: unknown): ActorSelector {
  if (typeof selector === "string" && selector.length > 0) return selector;
  if (selector instanceof RegExp) return selector;
  throw OptionError.invalid(option, "an actor's id or path, or a regular expression", selector);
}

/** @internal */
export function selects(
  selector: ActorSelector,
  { id, path }: { readonly id: string; readonly path: string },
): boolean {
  if (typeof selector === "string") return selector === id || selector === path;
  // Unlike test, search keeps no place between two calls.
  return id.search(selector) >= 0 || path.search(selector) >= 0;
}
