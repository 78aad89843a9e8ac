import { OptionError } from "../errors.js";
import { callable, knownOptions, nonEmptyString } from "../options.js";
import type { ActorRef } from "./ref.js";
import type { StartContext } from "./start-context.js";
import {
  type ActorContext,
  type ActorSystem,
  type Behavior,
  spawnIn,
  type SpawnOptions,
  type SpawnParent,
} from "./types.js";

/**
 * Spawns an actor under a system, another actor or, in a child spec's `start`, the supervisor.
 *
 * @returns its ref, when `init` has returned the first state
 * @throws (as a rejection) what `init` threw; {@link RegistryError} for a taken name;
 * {@link ActorExitError} when the parent, or the actor itself before it was up, has ended;
 * {@link OptionError}
 */
export function spawn<State, Msg>(
  parent: ActorSystem | ActorContext<never> | StartContext,
  behavior: Behavior<State, Msg>,
  options: SpawnOptions = {},
): Promise<ActorRef<Msg>> {
  const spawned = spawnChecked(parent, behavior, options);
  // A rejection that nobody handles, e.g. in a parent that has been killed since, must not end the
  // process.
  spawned.catch(() => {});
  return spawned;
}

async function spawnChecked<State, Msg>(
  parent: unknown,
  behavior: Behavior<State, Msg>,
  options: SpawnOptions,
): Promise<ActorRef<Msg>> {
  if (!isSpawnParent(parent))
    throw OptionError.invalid(
      "parent",
      "an ActorSystem, an ActorContext or a StartContext",
      parent,
    );
  checkBehavior(behavior);
  knownOptions("spawn", options, ["name"]);
  if (options.name !== undefined) nonEmptyString("name", options.name);
  return await parent[spawnIn](behavior, options).ready;
}

/** @internal */
export function isSpawnParent(value: unknown): value is SpawnParent {
  return typeof value === "object" && value !== null && spawnIn in value;
}

/** @internal */
export function checkBehavior<State, Msg>(behavior: Behavior<State, Msg>): void {
  if (typeof behavior !== "object" || behavior === null) {
    throw OptionError.invalid("behavior", "an object with receive(state, message, ctx)", behavior);
  }
  callable("receive", behavior.receive);
  if (behavior.init !== undefined) callable("init", behavior.init);
  if (behavior.terminate !== undefined) callable("terminate", behavior.terminate);
}
