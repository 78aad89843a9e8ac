import { randomBytes } from "node:crypto";
import { type Clock, checkClock, systemClock } from "../clock.js";
import { ActorExitError, FakeTimersError } from "../errors.js";
import { callable, nonEmptyString, option, readOptions, type SchemaOf } from "../options.js";
import { fakedAtLoad, mathRandom } from "../timers.js";
import { ActorCell, type Runtime } from "./cell.js";
import { Engine } from "./engine.js";
import type { ActorRef } from "./ref.js";
import { Registry } from "./registry.js";
import {
  type ActorSystem,
  type Behavior,
  type Cell,
  type CellOptions,
  type Probe,
  type Restart,
  spawnIn,
} from "./types.js";
import { copyKey, thisCopy } from "../package-copy.js";

/** Options of {@link createSystem}. */
export interface SystemOptions {
  /** The first part of every path; need not be unique. Default: `"system"`. */
  name?: string;
  /** The clock of all its timers. Default: Node's monotonic clock and timers. */
  clock?: Clock;
  /**
   * Its random numbers, from 0 to below 1, for the jitter of backoffs: a seeded one makes a
   * simulated clock exact. Identifiers do not come from it. Default: `Math.random`.
   */
  random?: () => number;
}

const schema = {
  name: option(nonEmptyString, "system"),
  clock: option((_name, value) => checkClock(value), systemClock),
  random: option((name, value) => callable(name, value as () => number), mathRandom),
} satisfies SchemaOf<SystemOptions>;

class System implements ActorSystem {
  readonly name: string;
  readonly clock: Clock;
  readonly random: () => number;
  readonly registry = new Registry("unique");
  readonly nodeName: string;
  ending = false;
  readonly restartRecorders = new Set<(restart: Restart) => void>();
  readonly #runtime: SystemRuntime;
  readonly #roots = new Set<Cell>();
  readonly #stopHooks = new Set<() => void>();
  #stopped: Promise<void> | undefined;

  constructor(options: SystemOptions) {
    const { name, clock, random } = readOptions("createSystem", schema, options);
    this.name = name;
    this.clock = clock;
    this.random = random;
    if (fakedAtLoad.length > 0) throw new FakeTimersError(fakedAtLoad);
    this.nodeName = `${this.name.replaceAll(":", "-")}-${randomBytes(6).toString("hex")}`;
    this.#runtime = new SystemRuntime(this);
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  stop(): Promise<void> {
    this.ending = true;
    this.#stopped ??= this.#stopRoots();
    return this.#stopped;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M> {
    if (this.stopped) throw new ActorExitError(this.name, "noproc");
    const cell = new ActorCell<S, M>(this.#runtime, `/${this.name}`, behavior, options);
    this.#roots.add(cell);
    cell.onDeath(() => void this.#roots.delete(cell));
    return cell;
  }

  onStopped(hook: () => void): () => void {
    this.#stopHooks.add(hook);
    return () => void this.#stopHooks.delete(hook);
  }

  get roots(): Iterable<Cell> {
    return this.#roots;
  }

  get probe(): Probe | undefined {
    return this.#runtime.probe;
  }

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
  readonly engine = new Engine();
  probe: Probe | undefined = undefined;
  #ids = 0;

  constructor(system: ActorSystem) {
    this.system = system;
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
  return new System(options);
}

/** @internal */
export function isActorSystem(value: unknown): value is ActorSystem {
  return value instanceof System;
}
