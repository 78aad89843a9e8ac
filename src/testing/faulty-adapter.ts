import type { Adapter, AdapterContext, AsyncAdapter, AsyncStore, Store } from "../cache/adapter.js";
import { commandNames, type commands } from "../cache/command.js";
import type { Cause } from "../event/event.js";
import { OptionError } from "../errors.js";
import { knownOptions, subsetOf } from "../options.js";
import { type ActiveFault, Fault, type FaultOptions, faultOptions, readError } from "./fault.js";
import type { SeededRandom } from "./random.js";

/** A command of a cache, by the name of its method; `"open"`: an instance's start. */
export type CommandName = keyof typeof commands | "open";

/** Options of {@link failCommand}; what is counted is calls of the store by these commands. */
export interface FailCommandOptions extends FaultOptions {
  /** An adapter that {@link faultyAdapter} made. */
  adapter: Adapter | AsyncAdapter;
  /** The commands that fail. Default: all but `"open"`. */
  command?: CommandName | readonly CommandName[];
  /** What the command throws, or rejects with. Default: an {@link InjectedFaultError}. */
  error?: Error;
}

/** A throw fails the command. */
type Check = (instance: string, command: string) => void;

/** What a faulty adapter asks before each call of a store. */
interface Checks {
  /** The instances that were opened. */
  readonly instances: Set<string>;
  readonly asked: Set<Check>;
}

const adapters = new WeakMap<object, Checks>();

/** The methods of a store; those of commands that it has no method for are skipped. */
const storeMethods = [...commandNames, "add", "getStale", "putStale"];

/**
 * An adapter whose commands can be made to fail (see {@link failCommand}); otherwise it does what
 * the given one does. A command that fails has not reached the given adapter.
 *
 * @throws {@link OptionError}
 */
export function faultyAdapter(adapter: Adapter): Adapter;
export function faultyAdapter(adapter: AsyncAdapter): AsyncAdapter;
export function faultyAdapter(adapter: Adapter | AsyncAdapter): Adapter | AsyncAdapter {
  if (typeof adapter !== "object" || adapter === null || typeof adapter.open !== "function")
    throw OptionError.invalid("adapter", "an adapter, e.g. localAdapter()", adapter);
  const checks: Checks = { instances: new Set(), asked: new Set() };
  const check: Check = (instance, command) => {
    for (const ask of checks.asked) ask(instance, command);
  };
  const faulty = adapter.async === true ? wrapAsync(adapter, check) : wrap(adapter, check);
  adapters.set(faulty, checks);
  return faulty;

  function wrap(inner: Adapter, ask: Check): Adapter {
    return Object.freeze({
      open<K, V>(context: AdapterContext<K, V>): Store<K, V> {
        checks.instances.add(context.name);
        ask(context.name, "open");
        return wrapStore(inner.open(context), (command) => ask(context.name, command));
      },
    });
  }

  function wrapAsync(inner: AsyncAdapter, ask: Check): AsyncAdapter {
    return Object.freeze({
      async: true as const,
      async open<K, V>(context: AdapterContext<K, V>): Promise<AsyncStore<K, V>> {
        checks.instances.add(context.name);
        ask(context.name, "open");
        return wrapStore(await inner.open(context), (command) => ask(context.name, command), true);
      },
    });
  }
}

type Method = (...args: unknown[]) => unknown;

function wrapStore<S extends object>(store: S, ask: (command: string) => void, isAsync = false): S {
  // What is not wrapped is found on the store itself.
  const wrapped = Object.create(store) as Record<string, Method>;
  const inner = store as Record<string, Method>;
  const askFor = (args: unknown[]): void => ask((args.at(-1) as Cause).command);
  for (const name of storeMethods) {
    if (!(name in store)) continue;
    const call = (args: unknown[]): unknown => (inner[name] as Method).apply(store, args);
    wrapped[name] = (...args) => {
      askFor(args);
      return call(args);
    };
    if (!isAsync) continue;
    wrapped[name] =
      name === "stream"
        ? async function* (...args) {
            askFor(args);
            yield* call(args) as AsyncIterable<unknown>;
          }
        : async (...args) => {
            askFor(args);
            return await call(args);
          };
  }
  for (const name of ["info", "close"]) wrapped[name] = () => (inner[name] as Method).call(store);
  return wrapped as S;
}

class CommandFault extends Fault {
  readonly #checks: Checks;
  readonly #commands: ReadonlySet<string>;
  readonly #error: Error | undefined;

  constructor(options: FailCommandOptions, checks: Checks, names: readonly CommandName[]) {
    super("fail_command", names.length === commandNames.length ? "any" : names.join(), options);
    this.#checks = checks;
    this.#commands = new Set(names);
    this.#error = readError(options.error);
  }

  override install(active: ActiveFault): () => void {
    const { asked, instances } = this.#checks;
    for (const instance of instances) active.subject(instance);
    const check: Check = (instance, command) => {
      if (!this.#commands.has(command)) {
        active.subject(instance);
        return;
      }
      if (!active.occurs(instance)) return;
      active.record(instance);
      throw this.#error ?? active.errorFor(instance);
    };
    asked.add(check);
    return () => void asked.delete(check);
  }

  override strike(active: ActiveFault, random: SeededRandom): boolean {
    const instance = random.pick([...this.#checks.instances]);
    return instance !== undefined && active.arm(instance);
  }
}

/**
 * A command on a cache with a {@link faultyAdapter} throws (rejects, where the adapter is an
 * asynchronous one), and changes nothing.
 *
 * @throws {@link OptionError}
 */
export function failCommand(options: FailCommandOptions): Fault {
  knownOptions("failCommand", options, ["adapter", "command", "error", ...faultOptions]);
  const checks = adapters.get(options.adapter);
  if (checks === undefined)
    throw OptionError.invalid("adapter", "an adapter made by faultyAdapter", options.adapter);
  const { command } = options;
  const names =
    command === undefined
      ? commandNames
      : subsetOf(
          "command",
          typeof command === "string" ? [command] : command,
          [...commandNames, "open"],
          1,
        );
  return new CommandFault(options, checks, names);
}
