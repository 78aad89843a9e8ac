import type { ActorSystem } from "../actor/types.js";
import { integer, knownOptions } from "../options.js";
import {
  ActiveFault,
  type FaultHost,
  type InjectedFault,
  type Fault,
  type FaultKind,
} from "./fault.js";
import { checkFaults } from "./actor-faults.js";
import { checkSystem } from "./actors.js";
import { anySeed, SeededRandom } from "./random.js";

/** Options of {@link injectFaults}. */
export interface InjectFaultsOptions {
  /** The faults to inject. */
  faults: readonly Fault[];
  /**
   * Decides what is left to chance: an integer >= 0. The same seed, the same faults. Default: a
   * random one; see the report.
   */
  seed?: number;
}

/** What one of the faults of an injection did. */
export interface FaultOutcome {
  /** The fault's name. */
  readonly name: string;
  /** What it does. */
  readonly kind: FaultKind;
  /** How often it was injected. */
  readonly injected: number;
  /**
   * The paths of the actors, or the names of the cache instances, that it is for and that have
   * appeared. Empty: no subject has appeared.
   */
  readonly subjects: readonly string[];
}

/** What an injection did. */
export interface FaultReport {
  /** The seed that decided what was left to chance. */
  readonly seed: number;
  /** How many faults were injected. */
  readonly injected: number;
  /** How many faults of each kind were injected. */
  readonly byKind: Readonly<Partial<Record<FaultKind, number>>>;
  /** By the actor's path, or the name of the cache instance. */
  readonly bySubject: Readonly<Record<string, number>>;
  /** One for each fault that was given, in that order. */
  readonly faults: readonly FaultOutcome[];
  /** The names of the faults for which no actor or instance has appeared. */
  readonly neverMet: readonly string[];
}

/** Active faults in a system. */
export class FaultInjection implements Disposable {
  /** The seed that decides what is left to chance. */
  readonly seed: number;
  /** What was injected, in order. */
  readonly injected: InjectedFault[] = [];
  readonly #active: readonly ActiveFault[];
  readonly #uninstall: readonly (() => void)[];
  readonly #random: SeededRandom;

  /** @internal */
  constructor(system: ActorSystem, faults: readonly Fault[], seed: number, always: boolean) {
    this.seed = seed;
    this.#random = new SeededRandom(seed);
    const host: FaultHost = {
      system,
      seed,
      always,
      record: (injected) => void this.injected.push(injected),
    };
    this.#active = faults.map((fault, index) => new ActiveFault(host, fault, index));
    this.#uninstall = this.#active.map((active) => active.fault.install(active));
  }

  /** What it has done so far. */
  report(): FaultReport {
    const faults = this.#active.map(({ fault: { name, kind }, injected, subjects }) => ({
      name,
      kind,
      injected,
      subjects,
    }));
    return {
      seed: this.seed,
      injected: this.injected.length,
      byKind: countBy(this.injected, ({ kind }) => kind),
      bySubject: countBy(this.injected, ({ subject }) => subject),
      faults,
      neverMet: faults.filter(({ subjects }) => subjects.length === 0).map(({ name }) => name),
    };
  }

  /** Releases the actors that hang or are slowed down now; the faults stay active. */
  lift(): void {
    for (const active of this.#active) active.lift();
  }

  /** Ends the faults, and releases actors that hang. A second call has no effect. */
  stop(): void {
    for (const active of this.#active) active.stopped = true;
    for (const uninstall of this.#uninstall) uninstall();
    this.lift();
  }

  /** As `stop()`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /**
   * Has one of the faults that wait for it strike, chosen at random; whether any could.
   *
   * @internal
   */
  strike(): boolean {
    const waiting = this.#active.filter(({ fault }) => fault.trigger.rule === "always");
    while (waiting.length > 0) {
      const [active] = waiting.splice(this.#random.below(waiting.length), 1) as [ActiveFault];
      if (active.fault.strike(active, this.#random)) return true;
    }
    return false;
  }

  /** @internal */
  nextChance(): number {
    return this.#random.next();
  }
}

/**
 * Injects faults into a system, by what their triggers say, until `stop`. Several injections can be
 * active at once. Faults that strike at the same message are applied one after the other, in the
 * order of injection.
 *
 * @throws {@link OptionError}
 *
 * @example
 * ```ts
 * using faults = injectFaults(system, { faults: [kill({ actor: "users:stream", onMessage: 3 })] });
 * ```
 */
export function injectFaults(system: ActorSystem, options: InjectFaultsOptions): FaultInjection {
  checkSystem(system);
  knownOptions("injectFaults", options, ["faults", "seed"]);
  const faults = checkFaults(options.faults);
  return new FaultInjection(system, faults, readSeed(options.seed), true);
}

/** @internal */
export function readSeed(seed: number | undefined): number {
  return seed === undefined ? anySeed() : integer("seed", seed, 0);
}

function countBy<T, Key extends string>(
  items: readonly T[],
  keyOf: (item: T) => Key,
): Record<Key, number> {
  const counts = {} as Record<Key, number>;
  for (const item of items) counts[keyOf(item)] = (counts[keyOf(item)] ?? 0) + 1;
  return counts;
}
