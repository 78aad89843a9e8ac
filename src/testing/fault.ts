import { types } from "node:util";
import { OptionError, InjectedFaultError } from "../errors.js";
import { nonEmptyString, type Milliseconds } from "../options.js";
import { type SeededRandom, chanceAt, hashText } from "./random.js";
import { type Trigger, type TriggerOptions, readTrigger, strikes, type Tally } from "./trigger.js";
import { ActorRef } from "../actor/ref.js";
import type { ActorSystem } from "../actor/types.js";
import type { TimerHandle } from "../clock.js";

/** What a fault does. */
export type FaultKind =
  "crash" | "kill" | "hang" | "slow_down" | "fail_start" | "refuse_registration" | "fail_command";

/** Options of every fault. */
export interface FaultOptions extends TriggerOptions {
  /** Its name in reports. Default: its kind and what it is for, e.g. `"crash users:stream"`. */
  name?: string;
}

/** @internal */
export const faultOptions = ["name", "nth", "every", "probability", "times"] as const;

/**
 * A fault, as its factory describes it. It does nothing by itself: give it to `injectFaults` or
 * `chaos`, as often as you like.
 */
export abstract class Fault {
  /** What it does. */
  readonly kind: FaultKind;
  /** How reports name it. */
  readonly name: string;
  /** @internal */
  readonly trigger: Trigger;

  /** @internal */
  constructor(kind: FaultKind, target: string, options: FaultOptions, nthOption?: string) {
    this.kind = kind;
    this.name =
      options.name === undefined ? `${kind} ${target}` : nonEmptyString("name", options.name);
    this.trigger = readTrigger(options, nthOption);
  }

  /** Begins to watch for its occasions; returns a function that ends that. @internal */
  abstract install(active: ActiveFault): () => void;

  /** Strikes now or, where it takes an occasion, on the next ones; whether it could. @internal */
  abstract strike(active: ActiveFault, random: SeededRandom): boolean;
}

/** @internal */
export function readError(error: unknown): Error | undefined {
  if (error === undefined || error instanceof Error || types.isNativeError(error)) return error;
  throw OptionError.invalid("error", "an Error", error);
}

/** A fault that was injected. */
export interface InjectedFault {
  /** The fault's name. */
  readonly fault: string;
  /** What it did. */
  readonly kind: FaultKind;
  /** The actor's path, or the name of the cache instance. */
  readonly subject: string;
  /** The incarnation that was hit, where the subject is an actor. */
  readonly ref: ActorRef | undefined;
  /** When, by the system's clock. */
  readonly at: Milliseconds;
}

interface Subject extends Tally {
  readonly seed: number;
  /** Number of the next occasions that fail whatever the trigger says. */
  armed: number;
}

/** What the faults of one injection have in common. @internal */
export interface FaultHost {
  readonly system: ActorSystem;
  readonly seed: number;
  /** Whether a fault without a trigger strikes on each occasion, or only by `strike`. */
  readonly always: boolean;
  record(injected: InjectedFault): void;
}

/** A fault in one injection: counts its occasions and its subjects. @internal */
export class ActiveFault {
  readonly fault: Fault;
  readonly system: ActorSystem;
  injected = 0;
  stopped = false;
  readonly #host: FaultHost;
  readonly #seed: number;
  readonly #subjects = new Map<string, Subject>();
  readonly #holds = new Set<() => void>();

  /** `index` is the position in the injection; it gives each fault random numbers of its own. */
  constructor(host: FaultHost, fault: Fault, index: number) {
    this.#host = host;
    this.fault = fault;
    this.system = host.system;
    this.#seed = Math.imul(host.seed ^ hashText(`${index}`), 0x9e3779b1);
  }

  /** The subjects that have appeared, in that order. */
  get subjects(): string[] {
    return [...this.#subjects.keys()];
  }

  /** Returns the counts of a subject, and adds it if it is new. */
  subject(name: string): Subject {
    let subject = this.#subjects.get(name);
    if (subject === undefined) {
      subject = { happened: 0, struck: 0, armed: 0, seed: this.#seed ^ hashText(name) };
      this.#subjects.set(name, subject);
    }
    return subject;
  }

  /**
   * Counts an occasion; whether the fault strikes on it. What it does depends on nothing but the
   * seed, the subject and the count.
   */
  occurs(name: string): boolean {
    const subject = this.subject(name);
    subject.happened++;
    if (!this.#isHit(subject)) return false;
    subject.struck++;
    return true;
  }

  /**
   * Has the next `trigger.times` occasions (one by default) fail; false while some are still to
   * come.
   */
  arm(name: string): boolean {
    const subject = this.subject(name);
    if (subject.armed > 0) return false;
    const { times } = this.fault.trigger;
    subject.armed = times === Infinity ? 1 : times;
    return true;
  }

  /** Counts a strike out of turn; false when there have been as many as the trigger allows. */
  takeStrike(name: string): boolean {
    const subject = this.subject(name);
    if (subject.struck >= this.fault.trigger.times) return false;
    subject.struck++;
    return true;
  }

  record(subject: string, ref?: ActorRef): void {
    this.injected++;
    const { kind, name } = this.fault;
    const at = this.system.clock.now();
    this.#host.record({ fault: name, kind, subject, ref, at });
  }

  errorFor(subject: string): InjectedFaultError {
    return new InjectedFaultError(this.fault.name, subject);
  }

  /**
   * A promise that settles after `ms` by the system's clock (default: never), when it is lifted,
   * and when the incarnation ends.
   */
  hold(ref: ActorRef, ms?: Milliseconds): Promise<void> {
    const { clock } = this.system;
    return new Promise((resolve) => {
      let timer: TimerHandle;
      let forget = (): void => {};
      const release = (): void => {
        this.#holds.delete(release);
        forget();
        if (timer !== undefined) clock.clearTimeout(timer);
        resolve();
      };
      forget = ActorRef.targetOf(ref).onDeath(() => release());
      if (!ref.alive) return;
      this.#holds.add(release);
      if (ms !== undefined) timer = clock.setTimeout(release, ms);
    });
  }

  /** Settles all promises of `hold`. */
  lift(): void {
    for (const release of this.#holds) release();
  }

  #isHit(subject: Subject): boolean {
    if (this.stopped) return false;
    if (subject.armed > 0) {
      subject.armed--;
      return true;
    }
    const { trigger } = this.fault;
    if (trigger.rule === "always" && !this.#host.always) return false;
    return strikes(trigger, subject, chanceAt(subject.seed, subject.happened));
  }
}
