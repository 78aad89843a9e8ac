import { randomBytes } from "node:crypto";
import { type Clock, checkClock, systemClock } from "../clock.js";
import { ActorExitError, FakeTimersError } from "../errors.js";
import { callable, knownOptions, nonEmptyString } from "../options.js";
import { fakedAtLoad, mathRandom } from "../timers.js";
import type { Behavior } from "./behavior.js";
import { Cell } from "./cell.js";
import { Engine } from "./engine.js";
import { spawnIn, type SpawnParent } from "./parent.js";
import type { Probe } from "./probe.js";
import type { ActorRef } from "./ref.js";
import { Registry } from "./registry.js";
import type { CellOptions, Runtime } from "./runtime.js";

/** Options of {@link createSystem}. */
export interface SystemOptions {
  /** Its name, the first part of every path; need not be unique. Default: `"system"`. */
  name?: string;
  /** Where its time comes from. Default: Node's monotonic clock and timers. */
  clock?: Clock;
  /**
   * Its random numbers, from 0 to below 1, for the jitter of backoffs: a seeded one makes a
   * simulated clock exact. Identifiers do not come from it. Default: `Math.random`.
   */
  random?: () => number;
}

/**
 * A world of actors: they, their registry and their clock. Two of them in one process never meet.
 */
export class ActorSystem implements SpawnParent, AsyncDisposable {
  /** The name that it was made with. */
  readonly name: string;
  /** What its timers and times go by. */
  readonly clock: Clock;
  /** The random numbers of whatever waits in it, from 0 to below 1. */
  readonly random: () => number;
  /** The names of its actors; unique keys. */
  readonly registry = new Registry("unique");
  /**
   * Identifies this system among others, in this process and elsewhere: its name and a random part.
   */
  readonly nodeName: string;
  readonly #runtime: SystemRuntime;
  readonly #roots = new Set<Cell>();
  readonly #stopHooks = new Set<() => void>();
  #stopped: Promise<void> | undefined;
  /**
   * Whether it is being stopped, or is about to be: the supervisor that it was made for is ending.
   *
   * @internal
   */
  ending = false;

  /** @internal */
  constructor(options: SystemOptions) {
    knownOptions("createSystem", options, ["name", "clock", "random"]);
    this.name = options.name === undefined ? "system" : nonEmptyString("name", options.name);
    this.clock = options.clock === undefined ? systemClock : checkClock(options.clock);
    this.random = options.random === undefined ? mathRandom : callable("random", options.random);
    if (fakedAtLoad.length > 0) throw new FakeTimersError(fakedAtLoad);
    this.nodeName = `${this.name.replaceAll(":", "-")}-${randomBytes(6).toString("hex")}`;
    this.#runtime = new SystemRuntime(this);
  }

  /** Whether `stop` has been called. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /**
   * Stops the actors that were spawned directly under it, the newest first and one after the other,
   * each in order with the reason `"shutdown"`; then the system itself. Nothing can be spawned in
   * it from the call on. A second call waits for the first.
   */
  stop(): Promise<void> {
    this.ending = true;
    this.#stopped ??= this.#stopRoots();
    return this.#stopped;
  }

  /** As `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** @internal */
  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    if (this.stopped) throw new ActorExitError(this.name, "noproc");
    const cell = new Cell<S, M>(this.#runtime, `/${this.name}`, behavior, options);
    const root = cell as unknown as Cell;
    this.#roots.add(root);
    cell.onDeath(() => void this.#roots.delete(root));
    return cell;
  }

  /**
   * Calls `hook`, which must not throw, when it has been stopped. Returns a function that removes
   * the hook.
   *
   * @internal
   */
  onStopped(hook: () => void): () => void {
    this.#stopHooks.add(hook);
    return () => void this.#stopHooks.delete(hook);
  }

  /** The live actors that were spawned directly under it. @internal */
  get roots(): Iterable<Cell> {
    return this.#roots;
  }

  /** @internal */
  get probe(): Probe | undefined {
    return this.#runtime.probe;
  }

  /** @internal */
  set probe(probe: Probe | undefined) {
    this.#runtime.probe = probe;
  }

  async #stopRoots(): Promise<void> {
    for (const root of [...this.#roots].reverse()) await root.stop("shutdown");
    this.#runtime.engine.stop();
    for (const hook of this.#stopHooks) hook();
    this.#stopHooks.clear();
  }
}

class SystemRuntime implements Runtime {
  readonly system: ActorSystem;
  readonly clock: Clock;
  readonly engine = new Engine();
  probe: Probe | undefined = undefined;
  #ids = 0;

  constructor(system: ActorSystem) {
    this.system = system;
    this.clock = system.clock;
  }

  register(key: unknown, ref: ActorRef, value: unknown): void {
    this.system.registry.register(key, ref, value);
  }

  nextId(): string {
    return `actor-${++this.#ids}`;
  }
}

/**
 * Makes an actor system.
 *
 * @throws {@link OptionError}; {@link FakeTimersError} when a test framework had faked Node's
 * timers before this package was loaded
 */
export function createSystem(options: SystemOptions = {}): ActorSystem {
  return new ActorSystem(options);
}
