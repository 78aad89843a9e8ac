import { ActorRef } from "../actor/ref.js";
import { Task } from "../actor/mailbox.js";
import { OptionError } from "../errors.js";
import { callable, knownOptions, type Milliseconds, positiveMilliseconds } from "../options.js";
import {
  type ActiveFault,
  Fault,
  type FaultKind,
  type FaultOptions,
  faultOptions,
  readError,
} from "./fault.js";
import { actorsOf, type ActorSelector, checkSelector, selects } from "./actors.js";
import { type Act, observe, type Observer } from "./probe-hub.js";
import type { SeededRandom } from "./random.js";

/**
 * Which messages of which actors a fault is for. A handler pool's worker counts the events that it
 * handles.
 */
export interface MessageFaultOptions extends Omit<FaultOptions, "nth"> {
  /** Actors by id, path or pattern; supervisors, caches and stream servers are actors too. */
  actor: ActorSelector;
  /** On the nth message: an integer from 1. */
  onMessage?: number;
  /** Which messages count. Default: all. Must not throw. */
  when?: (message: unknown) => boolean;
}

/** Options of {@link crash}. */
export interface CrashOptions extends MessageFaultOptions {
  /** What is thrown. Default: an {@link InjectedFaultError}. */
  error?: Error;
}

/** Options of {@link hang}. */
export interface HangOptions extends MessageFaultOptions {
  /** How long, in milliseconds by the system's clock. Default: until it is lifted. */
  for?: Milliseconds;
}

/** Options of {@link slowDown}. */
export interface SlowDownOptions extends MessageFaultOptions {
  /** How much later the message is handled, in milliseconds by the system's clock. */
  by: Milliseconds;
}

/** Options of {@link failStart}; what is counted is starts. */
export interface FailStartOptions extends FaultOptions {
  /** Actors by id, path or pattern. */
  actor: ActorSelector;
  /** What the start fails with. Default: an {@link InjectedFaultError}. */
  error?: Error;
}

/** What a message fault does to the actor. */
type Blow = (ref: ActorRef, active: ActiveFault) => void | Promise<void>;

const messageOptions = [
  "actor",
  "onMessage",
  "when",
  ...faultOptions.filter((name) => name !== "nth"),
] as const;

/** Something that an actor is made to do between two messages. */
class BlowTask extends Task {
  readonly #run: () => void | Promise<void>;

  constructor(run: () => void | Promise<void>) {
    super();
    this.#run = run;
  }

  override run(): void | Promise<void> {
    return this.#run();
  }
}

abstract class ActorFault extends Fault {
  protected readonly selector: ActorSelector;

  constructor(
    kind: FaultKind,
    options: FaultOptions & { actor: ActorSelector },
    nthOption?: string,
  ) {
    const selector = checkSelector("actor", options.actor);
    super(kind, String(selector), options, nthOption);
    this.selector = selector;
  }

  override install(active: ActiveFault): () => void {
    for (const ref of this.targets(active)) active.subject(ref.path);
    return observe(active.system, this.observer(active));
  }

  /** The live actors that it is for. */
  protected targets(active: ActiveFault): ActorRef[] {
    return actorsOf(active.system).filter((ref) => selects(this.selector, ref));
  }

  protected abstract observer(active: ActiveFault): Observer;
}

class MessageFault extends ActorFault {
  readonly #blow: Blow;
  readonly #when: (message: unknown) => boolean;
  /** Whether it takes effect at once, also on an actor that is busy. */
  readonly #atOnce: boolean;

  constructor(kind: FaultKind, options: MessageFaultOptions, blow: Blow, atOnce = false) {
    const { onMessage, ...others } = options;
    super(kind, onMessage === undefined ? others : { ...others, nth: onMessage }, "onMessage");
    this.#when = options.when === undefined ? () => true : callable("when", options.when);
    this.#blow = blow;
    this.#atOnce = atOnce;
  }

  /** Strikes a random live actor: at once, or between two of its messages. */
  override strike(active: ActiveFault, random: SeededRandom): boolean {
    const ref = random.pick(this.targets(active));
    if (ref === undefined || !active.takeStrike(ref.path)) return false;
    const run = (): void | Promise<void> => {
      if (!active.stopped) return this.#strikeNow(ref, active);
    };
    if (this.#atOnce) void run();
    else ActorRef.targetOf(ref).post(new BlowTask(run));
    return true;
  }

  protected override observer(active: ActiveFault): Observer {
    const chosen = new WeakMap<ActorRef, boolean>();
    const isFor = (ref: ActorRef): boolean => {
      let known = chosen.get(ref);
      if (known === undefined) chosen.set(ref, (known = selects(this.selector, ref)));
      return known;
    };
    return {
      starting: (ref): undefined => {
        if (isFor(ref)) active.subject(ref.path);
      },
      receiving: (ref, message): Act | undefined =>
        isFor(ref) && this.#when(message) && active.occurs(ref.path)
          ? () => this.#strikeNow(ref, active)
          : undefined,
    };
  }

  #strikeNow(ref: ActorRef, active: ActiveFault): void | Promise<void> {
    active.record(ref.path, ref);
    return this.#blow(ref, active);
  }
}

class StartFault extends ActorFault {
  readonly #error: Error | undefined;

  constructor(options: FailStartOptions) {
    super("fail_start", options);
    this.#error = readError(options.error);
  }

  override strike(active: ActiveFault, random: SeededRandom): boolean {
    const ref = random.pick(this.targets(active));
    return ref !== undefined && active.arm(ref.path);
  }

  protected override observer(active: ActiveFault): Observer {
    return {
      starting: (ref): Act | undefined => {
        if (!selects(this.selector, ref) || !active.occurs(ref.path)) return undefined;
        return () => {
          active.record(ref.path, ref);
          throw this.#error ?? active.errorFor(ref.path);
        };
      },
    };
  }
}

/**
 * An actor throws in place of handling a message: it ends with the error, its `terminate` runs. A
 * handler pool's worker does what its `onError` and `maxAttempts` say.
 *
 * @throws {@link OptionError}
 */
export function crash(options: CrashOptions): Fault {
  knownOptions("crash", options, [...messageOptions, "error"]);
  const error = readError(options.error);
  return new MessageFault("crash", options, (ref, active) => {
    throw error ?? active.errorFor(ref.path);
  });
}

/**
 * An actor is killed when a message is about to be handled: it ends with `"killed"`, at once and
 * without `terminate`.
 *
 * @throws {@link OptionError}
 */
export function kill(options: MessageFaultOptions): Fault {
  knownOptions("kill", options, messageOptions);
  // The promise keeps the actor from going on with the message.
  return new MessageFault("kill", options, (ref) => ref.kill(), true);
}

/**
 * An actor hangs before it handles a message, until that is lifted, its time is over, or the actor
 * ends: killed, since a stop waits for the message in hand.
 *
 * @throws {@link OptionError}
 */
export function hang(options: HangOptions): Fault {
  knownOptions("hang", options, [...messageOptions, "for"]);
  const ms = options.for === undefined ? undefined : positiveMilliseconds("for", options.for);
  return new MessageFault("hang", options, (ref, active) => active.hold(ref, ms));
}

/**
 * An actor handles a message later, and those behind it too.
 *
 * @throws {@link OptionError}
 */
export function slowDown(options: SlowDownOptions): Fault {
  knownOptions("slowDown", options, [...messageOptions, "by"]);
  const ms = positiveMilliseconds("by", options.by);
  return new MessageFault("slow_down", options, (ref, active) => active.hold(ref, ms));
}

/**
 * An actor's start fails, before its `init`. Starts count from the injection on, also those that a
 * supervisor tries again.
 *
 * @throws {@link OptionError}
 */
export function failStart(options: FailStartOptions): Fault {
  knownOptions("failStart", options, ["actor", "error", ...faultOptions]);
  return new StartFault(options);
}

/** @internal */
export function checkFaults(faults: unknown): readonly Fault[] {
  if (Array.isArray(faults) && faults.every((fault) => fault instanceof Fault)) return faults;
  throw OptionError.invalid("faults", "an array of faults, e.g. [crash({ actor })]", faults);
}
