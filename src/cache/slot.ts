import type { Instance } from "./instance.js";
import type { StreamPort } from "./stream-port.js";

/** Who wants to know when an instance starts and ends. Neither function may throw. @internal */
export interface SlotWatcher {
  /** Inside the start, before it settles: the instance takes commands already. */
  started?(instance: Instance): void;
  /** Inside the end: the instance takes no commands any more. */
  ended?(instance: Instance): void;
}

/** The place of one instance of a cache: it outlives the instance's incarnations. @internal */
export class InstanceSlot {
  /** The cache's name. */
  readonly cacheName: string;
  /** The instance's name. */
  readonly name: string;
  /**
   * The handle without an origin: kept as long as the slot, so that there is one slot of a name.
   */
  handle: object | undefined = undefined;
  /** The incarnation that runs; commands go to it. */
  running: Instance | undefined = undefined;
  /** The instance's stream, while it has one. */
  stream: StreamPort | undefined = undefined;
  /**
   * Asked before a listener is registered, with its id; a throw refuses it: the seam for fault
   * injection.
   */
  registering: ((id: unknown) => void) | undefined = undefined;
  readonly #watchers = new Set<SlotWatcher>();
  #bypasses = 0;

  constructor(cacheName: string, name: string) {
    this.cacheName = cacheName;
    this.name = name;
  }

  /** Returns a function that ends it. What runs already is not told of. */
  watch(watcher: SlotWatcher): () => void {
    // An object of its own: each call is ended by itself, also with the same watcher.
    const own: SlotWatcher = {
      started: (instance) => watcher.started?.(instance),
      ended: (instance) => watcher.ended?.(instance),
    };
    this.#watchers.add(own);
    return () => void this.#watchers.delete(own);
  }

  /**
   * Has reads miss and fills store nothing, of the incarnation that runs and of those to come,
   * until the function that it returns is called, once; several bypasses end with the last.
   */
  bypass(): () => void {
    if (++this.#bypasses === 1 && this.running !== undefined) this.running.bypassed = true;
    return () => {
      if (--this.#bypasses === 0 && this.running !== undefined) this.running.bypassed = false;
    };
  }

  start(instance: Instance): void {
    if (this.#bypasses > 0) instance.bypassed = true;
    this.running = instance;
    for (const watcher of this.#watchers) watcher.started?.(instance);
  }

  end(instance: Instance): void {
    this.running = undefined;
    for (const watcher of this.#watchers) watcher.ended?.(instance);
  }
}
