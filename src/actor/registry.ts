import { OptionError, RegistryError } from "../errors.js";
import { knownOptions, oneOf } from "../options.js";
import { ActorRef } from "./ref.js";
import { copyKey, thisCopy } from "../package-copy.js";

/** One registration. */
export interface RegistryEntry {
  /** The actor that registered. */
  readonly ref: ActorRef;
  /** What it registered with the key. */
  readonly value: unknown;
}

/** The entries of one actor, with their keys, oldest first. */
interface Held {
  readonly entries: Map<RegistryEntry, unknown>;
  /** Removes the registry's hook on the actor's death. */
  readonly removeHook: () => void;
}

/**
 * Names for actors, looked up synchronously. Keys compare as in a `Map`. An actor's entries are
 * removed when it ends, before any monitor is notified, and do not pass to a restarted one.
 */
export class Registry {
  readonly #unique: boolean;
  /** Sets, so that removing an entry takes constant time, however many actors share its key. */
  readonly #entries = new Map<unknown, Set<RegistryEntry>>();
  readonly #holders = new Map<ActorRef, Held>();
  #count = 0;

  /** @internal */
  constructor(keys: "unique" | "duplicate") {
    this.#unique = keys === "unique";
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  /**
   * Registers an actor under a key, with a value of your own.
   *
   * @throws {@link RegistryError} `already_registered` (unique keys: also for the same actor), or
   * `noproc` for a dead actor
   */
  register(key: unknown, ref: ActorRef<never>, value?: unknown): void {
    const holder = checkRef(ref);
    if (!holder.alive) throw new RegistryError("noproc", key, holder);
    if (this.#unique) this.#checkFree(key);
    const entry: RegistryEntry = Object.freeze({ ref: holder, value });
    const entries = this.#entries.get(key);
    if (entries === undefined) this.#entries.set(key, new Set([entry]));
    else entries.add(entry);
    this.#count++;
    let held = this.#holders.get(holder);
    if (held === undefined) {
      const removeHook = ActorRef.targetOf(holder).onDeath(() => this.#drop(holder));
      this.#holders.set(holder, (held = { entries: new Map(), removeHook }));
    }
    held.entries.set(entry, key);
  }

  /** Removes all entries of this actor under the key; those of other actors stay. */
  unregister(key: unknown, ref: ActorRef<never>): void {
    const holder = checkRef(ref);
    const held = this.#holders.get(holder);
    if (held === undefined) return;
    for (const [entry, heldKey] of held.entries)
      if (sameKey(heldKey, key)) {
        held.entries.delete(entry);
        this.#remove(key, entry);
      }
    if (held.entries.size > 0) return;
    held.removeHook();
    this.#holders.delete(holder);
  }

  /** The entries under a key, oldest first; with unique keys at most one. */
  lookup(key: unknown): RegistryEntry[] {
    return [...(this.#entries.get(key) ?? [])].filter(({ ref }) => ref.alive);
  }

  /** The keys that an actor is registered under, once for each entry. */
  keys(ref: ActorRef<never>): unknown[] {
    return [...(this.#holders.get(checkRef(ref))?.entries.values() ?? [])];
  }

  /**
   * Calls `fn` once with the entries under the key, or not at all if there is none. An error of
   * `fn` is thrown to the caller.
   */
  dispatch(key: unknown, fn: (entries: RegistryEntry[]) => void): void {
    if (typeof fn !== "function") throw OptionError.invalid("fn", "a function", fn);
    const entries = this.lookup(key);
    if (entries.length > 0) fn(entries);
  }

  /** The number of entries under all keys. */
  count(): number {
    return this.#count;
  }

  /** Removes the entry of a holder that is dead, but whose death hooks have not run yet. */
  #checkFree(key: unknown): void {
    const holder = this.#entries.get(key)?.values().next().value?.ref;
    if (holder?.alive === true) throw new RegistryError("already_registered", key, holder);
    if (holder !== undefined) this.unregister(key, holder);
  }

  #drop(holder: ActorRef): void {
    const entries = this.#holders.get(holder)?.entries ?? [];
    this.#holders.delete(holder);
    for (const [entry, key] of entries) this.#remove(key, entry);
  }

  #remove(key: unknown, entry: RegistryEntry): void {
    const entries = this.#entries.get(key);
    if (entries?.delete(entry) !== true) return;
    this.#count--;
    if (entries.size === 0) this.#entries.delete(key);
  }
}

/** Makes a registry for the actors of one system. */
export function createRegistry(
  system: { readonly registry: Registry },
  options: { keys: "unique" | "duplicate" },
): Registry {
  if (!(typeof system === "object" && system !== null && system.registry instanceof Registry)) {
    throw OptionError.invalid("system", "an ActorSystem", system);
  }
  knownOptions("createRegistry", options, ["keys"]);
  return new Registry(oneOf("keys", options.keys, ["unique", "duplicate"]));
}

function checkRef(ref: ActorRef<never>): ActorRef {
  if (ActorRef.isRef(ref)) return ref;
  throw OptionError.invalid("ref", "an ActorRef", ref);
}

/** Compares keys as a Map does: like `===`, but NaN equals NaN. */
function sameKey(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}
