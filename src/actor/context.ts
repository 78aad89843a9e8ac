import type { Behavior, SpawnOptions } from "./behavior.js";
import type { Cell } from "./cell.js";
import type { ExitReason } from "./exit.js";
import { spawnIn, type SpawnParent } from "./parent.js";
import type { ActorRef, Down } from "./ref.js";
import type { CellOptions } from "./runtime.js";
import { spawn } from "./spawn.js";
import type { ActorSystem } from "./system.js";

/** What stands behind a context. @internal */
export interface ContextOwner<Msg> {
  readonly ref: ActorRef<Msg>;
  readonly runtime: { readonly system: ActorSystem };
  readonly id: string;
  readonly path: string;
  readonly signal: AbortSignal;
  stopSelf(reason: ExitReason): void;
  spawnChild<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M>;
  watch(ref: ActorRef<never>, fn: (down: Down) => void): () => void;
  register(key: unknown, value: unknown): void;
}

/**
 * An actor's own view of itself, bound to one incarnation: once that has ended, it does nothing any
 * more.
 */
export class ActorContext<Msg = unknown> implements SpawnParent {
  readonly #owner: ContextOwner<Msg>;

  /** @internal */
  constructor(owner: ContextOwner<Msg>) {
    this.#owner = owner;
  }

  /** This incarnation's ref. */
  get self(): ActorRef<Msg> {
    return this.#owner.ref;
  }

  /** The system that it runs in. */
  get system(): ActorSystem {
    return this.#owner.runtime.system;
  }

  /** Its id in the tree; not unique in a system. */
  get id(): string {
    return this.#owner.id;
  }

  /** The ids from the system down to it, separated by `/`. */
  get path(): string {
    return this.#owner.path;
  }

  /** Fires when this incarnation has ended, for whatever reason. */
  get signal(): AbortSignal {
    return this.#owner.signal;
  }

  /** Ends this incarnation after the message in hand. `reason` is `"normal"` by default. */
  stop(reason: ExitReason = "normal"): void {
    this.#owner.stopSelf(reason);
  }

  /** Spawns an actor that is killed when this one ends. Settles when its `init` has. */
  spawn<S, M>(behavior: Behavior<S, M>, options: SpawnOptions = {}): Promise<ActorRef<M>> {
    return spawn(this, behavior, options);
  }

  /** @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    return this.#owner.spawnChild(behavior, options);
  }

  /**
   * Calls `fn` once, between two messages of this actor, when the other has ended; returns a
   * function that cancels it.
   */
  monitor<M>(ref: ActorRef<M>, fn: (down: Down<M>) => void): () => void {
    return this.#owner.watch(ref as ActorRef<never>, fn as (down: Down) => void);
  }

  /**
   * Registers this incarnation in the system's registry, until it ends.
   *
   * @throws {@link RegistryError} when the key is taken, or when this incarnation has ended
   */
  register(key: unknown, value?: unknown): void {
    this.#owner.register(key, value);
  }
}
