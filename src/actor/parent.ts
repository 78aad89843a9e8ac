import type { Behavior } from "./behavior.js";
import type { Cell } from "./cell.js";
import type { CellOptions } from "./runtime.js";

/** How a parent makes an actor below itself; kept out of users' sight by a symbol. @internal */
export const spawnIn: unique symbol = Symbol("spawnIn");

/** Whatever an actor can be spawned under. */
export interface SpawnParent {
  /** @throws ActorExitError when the parent has ended @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M>;
}
