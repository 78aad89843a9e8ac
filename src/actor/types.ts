import type { Clock } from "../clock.js";
import type { ExitReason } from "./exit.js";
import type { ActorRef, Down, Target } from "./ref.js";
import type { Registry } from "./registry.js";

/**
 * What an actor does. Its functions are called one at a time, each after the promise of the one
 * before has settled. A throw or a rejection ends the incarnation with that error as the reason
 * (in `init`: the start fails with it).
 */
export interface Behavior<State = unknown, Msg = unknown> {
  /**
   * Returns the first state. The actor counts as started when it has. Without `init` the state is
   * `undefined`.
   */
  init?(ctx: ActorContext<Msg>): State | Promise<State>;
  /** Handles a message and returns the next state; `undefined` keeps the state as it is. */
  receive(state: State, message: Msg, ctx: ActorContext<Msg>): State | void | Promise<State | void>;
  /**
   * Cleans up: once, after the last message, with the exit reason (after a crash, the error). Not
   * called after a failed `init` or a kill.
   */
  terminate?(reason: ExitReason, state: State, ctx: ActorContext<Msg>): void | Promise<void>;
}

/** How an actor is spawned. */
export interface SpawnOptions {
  /**
   * The actor's id, and its name in `system.registry`, which is taken before `init` runs. Default:
   * no name, and a numbered id.
   */
  name?: string;
}

/** What the library's own actors can set beyond {@link SpawnOptions}. @internal */
export interface CellOptions extends SpawnOptions {
  id?: string;
  /**
   * Called inside `stop` or `kill`, as soon as the incarnation is to end, so that it can interrupt
   * what it waits for. Must not throw.
   */
  onStopRequested?: (reason: ExitReason) => void;
}

/** How a parent makes an actor below itself; a symbol, so that users do not see it. @internal */
export const spawnIn: unique symbol = Symbol("spawnIn");

/** Whatever an actor can be spawned under. */
export interface SpawnParent {
  /** @throws ActorExitError when the parent has ended @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M>;
}

/** One incarnation of an actor, as the library handles it. @internal */
export interface Cell<Msg = unknown> extends Target {
  readonly ref: ActorRef<Msg>;
  readonly system: ActorSystem;
  /** Settles when `init` has: with the ref, or with the error. */
  readonly ready: Promise<ActorRef<Msg>>;
  /** `undefined` while it is alive. */
  readonly exitReason: ExitReason;
  /** The live actors that end with this one. */
  readonly children: Iterable<Cell>;
  /** Requests an orderly end, and does not wait for it. */
  stopSelf(reason: ExitReason): void;
  /** Makes a cell that is killed when this one ends. */
  adopt<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M>;
}

/**
 * An actor's own view of itself, bound to one incarnation: once that has ended, its methods have no
 * effect.
 */
export interface ActorContext<Msg = unknown> extends SpawnParent {
  /** This incarnation's ref. */
  readonly self: ActorRef<Msg>;
  /** The system that it runs in. */
  readonly system: ActorSystem;
  /** Its id in the tree; not unique in a system. */
  readonly id: string;
  /** The ids from the system down to it, separated by `/`. */
  readonly path: string;
  /** Fires when this incarnation has ended, for whatever reason. */
  readonly signal: AbortSignal;

  /** Ends this incarnation after the current message. `reason` is `"normal"` by default. */
  stop(reason?: ExitReason): void;

  /** Spawns an actor that is killed when this one ends. Settles when its `init` has. */
  spawn<S, M>(behavior: Behavior<S, M>, options?: SpawnOptions): Promise<ActorRef<M>>;

  /**
   * Calls `fn` once, between two messages of this actor, when the other one has ended.
   *
   * @returns a function that cancels the monitor
   */
  monitor<M>(ref: ActorRef<M>, fn: (down: Down<M>) => void): () => void;

  /**
   * Registers this incarnation in the system's registry, until it ends.
   *
   * @throws {@link RegistryError} when the key is taken, or when this incarnation has ended
   */
  register(key: unknown, value?: unknown): void;
}

/**
 * Actors, their registry and their clock. Two systems in one process share nothing.
 */
export interface ActorSystem extends SpawnParent, AsyncDisposable {
  /** The name that it was made with. */
  readonly name: string;
  /** The clock of all its timers. */
  readonly clock: Clock;
  /** The random numbers of all backoffs in it, from 0 to below 1. */
  readonly random: () => number;
  /** The names of its actors; unique keys. */
  readonly registry: Registry;
  /** Identifies this system, across processes too: its name and a random part. */
  readonly nodeName: string;
  /** Whether `stop` has been called. */
  readonly stopped: boolean;

  /**
   * Stops the actors that were spawned directly under it, the newest first and one after the other,
   * each in order with the reason `"shutdown"`; then the system itself. From the call on nothing
   * can be spawned in it. A second call waits for the first.
   */
  stop(): Promise<void>;

  /** Set from the moment that it is being stopped, or that its own supervisor ends. @internal */
  ending: boolean;
  /** The live actors that were spawned directly under it. @internal */
  readonly roots: Iterable<Cell>;
  /** @internal */
  probe: Probe | undefined;
  /** They are given each restart by a supervisor, in place of a warning. @internal */
  readonly restartRecorders: Set<(restart: Restart) => void>;
  /**
   * Calls `hook`, which must not throw, when the system has been stopped. Returns a function that
   * removes the hook.
   *
   * @internal
   */
  onStopped(hook: () => void): () => void;
}

/** A child that a supervisor restarts. @internal */
export interface Restart {
  readonly supervisor: ActorRef;
  readonly childId: string;
  readonly ref: ActorRef | undefined;
  readonly reason: ExitReason;
  /** The restart's number within the window; null: one too many, the supervisor gives up. */
  readonly attempt: number | null;
}

/** Observes the actors of a system, and injects faults into them. @internal */
export interface Probe {
  /** Called before `init`. A throw fails the start, a promise delays it. */
  starting?(ref: ActorRef): void | Promise<void>;
  /** Called after a successful `init`. Must not throw. */
  started?(ref: ActorRef): void;
  /**
   * Called before a message, or an event of a stream, is handled. A throw counts as the handler's,
   * a promise delays the handler.
   */
  receiving?(ref: ActorRef, message: unknown): void | Promise<void>;
  /** Called when an incarnation has ended. Must not throw. */
  exited?(ref: ActorRef, reason: ExitReason): void;
}
