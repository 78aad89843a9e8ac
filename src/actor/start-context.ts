import { ActorExitError } from "../errors.js";
import type { ActorRef } from "./ref.js";
import {
  type ActorSystem,
  type Behavior,
  type Cell,
  type CellOptions,
  spawnIn,
  type SpawnParent,
} from "./types.js";
import { copyKey, thisCopy } from "../package-copy.js";

/**
 * The argument of a child spec's `start`: the parent for the actors that it spawns. They end with
 * the child that `start` returns, with its supervisor, and when the start fails or is abandoned.
 */
export class StartContext implements SpawnParent {
  /** The system that the child is started in. */
  readonly system: ActorSystem;
  /** The supervisor that starts the child. */
  readonly supervisor: ActorRef;
  readonly #owner: Cell;
  readonly #spawned = new Set<Cell>();
  #abort: AbortController | undefined;
  #closed = false;

  /** @internal */
  constructor(owner: Cell) {
    this.#owner = owner;
    this.system = owner.system;
    this.supervisor = owner.ref;
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  /**
   * Fires when the start has failed or is abandoned because the supervisor ends, and when the child
   * has ended.
   */
  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#closed) this.#fireSignal();
    return this.#abort.signal;
  }

  /** @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M> {
    if (this.#closed || !this.#owner.alive) throw new ActorExitError(this.#owner.id, "noproc");
    const cell = this.#owner.adopt(behavior, options);
    this.#spawned.add(cell);
    cell.onDeath(() => void this.#spawned.delete(cell));
    return cell;
  }

  /**
   * Refuses to spawn more, and kills what was spawned, except the actors for which `spare` returns
   * true: these are returned, for the caller to end.
   *
   * @internal
   */
  close(spare?: (ref: ActorRef) => boolean): ActorRef[] {
    if (this.#closed) return [];
    this.#closed = true;
    this.#fireSignal();
    const spared: ActorRef[] = [];
    for (const cell of this.#spawned) {
      const { ref } = cell;
      if (spare?.(ref) === true) spared.push(ref);
      else void cell.kill();
    }
    return spared;
  }

  #fireSignal(): void {
    this.#abort?.abort(new ActorExitError(this.#owner.id, "noproc"));
  }
}
