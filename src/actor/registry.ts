import { OptionError, RegistryError } from "../errors.js";
import { knownOptions, oneOf } from "../options.js";
import { ActorRef } from "./ref.js";

/** One registration. */
export interface RegistryEntry {
  /** The actor that registered. */
  readonly ref: ActorRef;
  /** What it registered with the key. */
  readonly value: unknown;
}

/** What one actor holds in a registry. */
interface Held {
  readonly entries: Map<RegistryEntry, unknown>;
  /** Takes the registry off the actor's death. */
  readonly forget: () => void;
}

/**
 * Names for actors, looked up synchronously. Keys compare as in a `Map`. An actor's entries are
 * gone when it is dead, before any monitor hears of it, and never pass to a restarted one.
 */
export class Registry {
  readonly #unique: boolean;
  /** Sets, so that an entry goes in constant time, however many actors share its key. */
  readonly #entries = new Map<unknown, Set<RegistryEntry>>();
  /** The entries of each actor, with their keys, oldest first. */
  readonly #holders = new Map<ActorRef, Held>();
  #count = 0;

  /** @internal */
  constructor(keys: "unique" | "duplicate") {
    this.#unique = keys === "unique";
  }

  /**
   * Puts an actor under a key, with a value of your own.
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
      const forget = ActorRef.targetOf(holder).onDeath(() => this.#drop(holder));
      this.#holders.set(holder, (held = { entries: new Map(), forget }));
    }
    held.entries.set(entry, key);
  }

  /** Removes all entries of this actor under the key; others' stay. Not held: no effect. */
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
    held.forget();
    this.#holders.delete(holder);
  }

  /** The entries under a key, oldest first; with unique keys one at the most. */
  lookup(key: unknown): RegistryEntry[] {
    return [...(this.#entries.get(key) ?? [])].filter(({ ref }) => ref.alive);
  }

  /** The keys that an actor is registered under, once for each entry. */
  keys(ref: ActorRef<never>): unknown[] {
    return [...(this.#holders.get(checkRef(ref))?.entries.values() ?? [])];
  }

  /**
   * Calls `fn` once with the entries under the key, not at all if there is none. What `fn` throws
   * goes to the caller.
   */
  dispatch(key: unknown, fn: (entries: RegistryEntry[]) => void): void {
    if (typeof fn !== "function") throw OptionError.invalid("fn", "a function", fn);
    const entries = this.lookup(key);
    if (entries.length > 0) fn(entries);
  }

  /** How many entries there are, all keys together. */
  count(): number {
    return this.#count;
  }

  /**
   * A holder that is in the middle of its death, its entries not yet dropped, is in nobody's way.
   */
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

/** As a Map tells keys apart: like `===`, but NaN is one key. */
function sameKey(a: unknown, b: unknown): boolean {
  return a === b || (a !== a && b !== b);
}
