import { slotOf } from "../cache/cache-handle.js";
import type { InstanceSlot } from "../cache/instance.js";
import type { AnyCache } from "../cache/types.js";
import { knownOptions } from "../options.js";
import { cacheOption } from "../stream/stream-options.js";
import { type ActiveFault, Fault, type FaultOptions, faultOptions, readError } from "./fault.js";

/** Options of {@link refuseRegistration}; what is counted is registrations. */
export interface RefuseRegistrationOptions extends FaultOptions {
  /** The cache, or one of its instances. */
  cache: AnyCache;
  /** The id of the listener that is refused, e.g. `"users:stream"`. Default: any. */
  id?: unknown;
  /** What the registration throws. Default: an {@link InjectedFaultError}. */
  error?: Error;
}

type Check = (id: unknown) => void;

const checks = new WeakMap<InstanceSlot, Set<Check>>();

/** Has `check` asked before each registration; returns a function that ends it. */
function checkRegistrations(slot: InstanceSlot, check: Check): () => void {
  let known = checks.get(slot);
  if (known === undefined) checks.set(slot, (known = new Set()));
  const all = known;
  all.add(check);
  slot.registering = (id) => {
    for (const one of all) one(id);
  };
  return () => {
    all.delete(check);
    if (all.size === 0) slot.registering = undefined;
  };
}

class RegistrationFault extends Fault {
  readonly #slot: InstanceSlot;
  readonly #id: unknown;
  readonly #error: Error | undefined;

  constructor(options: RefuseRegistrationOptions) {
    cacheOption("cache", options.cache);
    const slot = slotOf(options.cache);
    super("refuse_registration", slot.name, options);
    this.#slot = slot;
    this.#id = options.id;
    this.#error = readError(options.error);
  }

  override install(active: ActiveFault): () => void {
    const { name } = this.#slot;
    return checkRegistrations(this.#slot, (id) => {
      if (this.#id !== undefined && !Object.is(this.#id, id)) return;
      if (!active.occurs(name)) return;
      active.record(name);
      throw this.#error ?? active.errorFor(name);
    });
  }

  override strike(active: ActiveFault): boolean {
    return active.arm(this.#slot.name);
  }
}

/**
 * A cache instance refuses to register a listener. A stream server retries with backoff.
 *
 * @throws {@link OptionError}
 */
export function refuseRegistration(options: RefuseRegistrationOptions): Fault {
  knownOptions("refuseRegistration", options, ["cache", "id", "error", ...faultOptions]);
  return new RegistrationFault(options);
}
