import { OptionError } from "../errors.js";
import { plainName } from "../options.js";
import type { JournalContext, JournalEngine } from "./engine.js";
import { LocalEngine } from "./local-engine.js";
import { LocalStore } from "./local-store.js";

/**
 * An engine of journals within the process, for the nodes of a test, or of a program that runs
 * several systems: each `localJournal` that is given the same hub is a node, and their systems
 * share one clock. What is stored lives as long as the hub. Its methods inject faults; the nodes
 * they name need not be connected yet.
 */
export interface JournalHub {
  /**
   * Cuts a node off: its status is `reconnecting`, all it asks for is refused, and its leases
   * expire when their time is over.
   */
  disconnect(nodeName: string): void;
  /** Ends `disconnect`. The node reads on behind the last event that it has. */
  connect(nodeName: string): void;
  /** Forgets all that is stored, as an engine that has lost its data: new generations begin. */
  flush(): void;
}

/** Makes a hub. */
export function createJournalHub(): JournalHub {
  return new LocalJournalHub();
}

/** @internal */
export class LocalJournalHub implements JournalHub {
  /** By namespace. */
  readonly #stores = new Map<string, LocalStore>();
  readonly #engines = new Set<LocalEngine>();
  readonly #cut = new Set<string>();
  #fence = 0;

  /** @throws OptionError */
  static check(hub: unknown): LocalJournalHub {
    if (hub instanceof LocalJournalHub) return hub;
    throw OptionError.invalid("hub", "a hub, as createJournalHub makes it", hub);
  }

  disconnect(nodeName: string): void {
    this.#cut.add(plainName("nodeName", nodeName));
    for (const engine of this.#of(nodeName)) engine.cut();
  }

  connect(nodeName: string): void {
    this.#cut.delete(plainName("nodeName", nodeName));
    for (const engine of this.#of(nodeName)) engine.mend();
  }

  flush(): void {
    for (const store of this.#stores.values()) store.clear();
  }

  engine(context: JournalContext): JournalEngine {
    const { namespace } = context;
    let store = this.#stores.get(namespace);
    // The fences outlive what is flushed.
    store ??= new LocalStore(() => ++this.#fence);
    this.#stores.set(namespace, store);
    return new LocalEngine(store, context, {
      join: (engine) => {
        this.#engines.add(engine);
        if (!this.#cut.has(context.nodeName)) engine.mend();
      },
      leave: (engine) => void this.#engines.delete(engine),
    });
  }

  #of(nodeName: string): LocalEngine[] {
    return [...this.#engines].filter((engine) => engine.nodeName === nodeName);
  }
}
