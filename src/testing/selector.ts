import { OptionError } from "../errors.js";

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
