import { ActorExitError } from "../errors.js";
import type { Behavior } from "./behavior.js";
import type { Cell } from "./cell.js";
import { spawnIn, type SpawnParent } from "./parent.js";
import type { ActorRef } from "./ref.js";
import type { CellOptions } from "./runtime.js";
import type { ActorSystem } from "./system.js";

/**
 * What a child spec's `start` is given: the parent for the actors that it spawns. They go down with
 * the child that `start` answers with, with its supervisor, and when the start fails or is
 * abandoned.
 */
export class StartContext implements SpawnParent {
  /** The system that the child is started in. */
  readonly system: ActorSystem;
  /** The supervisor that starts the child. */
  readonly supervisor: ActorRef;
  readonly #owner: Cell<never, never>;
  readonly #spawned = new Set<Cell>();
  #abort: AbortController | undefined;
  #closed = false;

  /** @internal */
  constructor(owner: Cell<never, never>) {
    this.#owner = owner;
    this.system = owner.runtime.system;
    this.supervisor = owner.ref as ActorRef;
  }

  /**
   * Fires when the start has failed or is abandoned, since the supervisor ends, and when the child
   * has ended.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#closed) this.#fireSignal();
    return this.#abort.signal;
  }

  /** @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    if (this.#closed || !this.#owner.alive) throw new ActorExitError(this.#owner.id, "noproc");
    const cell = this.#owner.adopt(behavior, options);
    this.#spawned.add(cell as unknown as Cell);
    cell.onDeath(() => void this.#spawned.delete(cell as unknown as Cell));
    return cell;
  }

  /**
   * Refuses to spawn more, and kills what was spawned, except what `spare` speaks for: that is left
   * to the caller.
   *
   * @internal
   */
  close(spare?: (ref: ActorRef) => boolean): ActorRef[] {
    if (this.#closed) return [];
    this.#closed = true;
    this.#fireSignal();
    const spared: ActorRef[] = [];
    for (const cell of this.#spawned) {
      const ref = cell.ref as ActorRef;
      if (spare?.(ref) === true) spared.push(ref);
      else void cell.kill();
    }
    return spared;
  }

  #fireSignal(): void {
    this.#abort?.abort(new ActorExitError(this.#owner.id, "noproc"));
  }
}
