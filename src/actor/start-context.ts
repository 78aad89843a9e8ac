import { ActorExitError } from "../errors.js";
import type { Behavior } from "./behavior.js";
import type { Cell, CellOptions } from "./cell.js";
import { spawnIn, type SpawnParent } from "./parent.js";
import type { ActorRef } from "./ref.js";
import type { ActorSystem } from "./system.js";

/**
 * What a child spec's `start` is given: the parent for the actors that it spawns. They go down with the child that `start` answers
 * with, with its supervisor, and when the start fails or is abandoned.
 */
export class StartContext implements SpawnParent {
  readonly system: ActorSystem;
  /** The supervisor that starts the child. */
  readonly supervisor: ActorRef;
  readonly #owner: Cell<never, never>;
  readonly #spawned = new Set<Cell>();
  readonly #abort = new AbortController();

  /** @internal */
  constructor(owner: Cell<never, never>) {
    this.#owner = owner;
    this.system = owner.runtime.system;
    this.supervisor = owner.ref as ActorRef;
  }

  /** Fires when the start is abandoned, since the supervisor ends. */
  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    if (this.#abort.signal.aborted || !this.#owner.alive)
      throw new ActorExitError(this.#owner.id, "noproc");
    const cell = this.#owner.adopt(behavior, options);
    this.#spawned.add(cell as unknown as Cell);
    cell.onDeath(() => void this.#spawned.delete(cell as unknown as Cell));
    return cell;
  }

  /** Kills what was spawned under it and refuses more. @internal */
  close(): void {
    if (this.#abort.signal.aborted) return;
    this.#abort.abort(new ActorExitError(this.#owner.id, "noproc"));
    for (const cell of this.#spawned) void cell.kill();
  }
}
