import type { ActorRef } from "../actor/ref.js";
import type { ActorSystem } from "../actor/types.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { Adapter, AsyncAdapter, Store } from "./adapter.js";
import { BypassedStore } from "./bypassed-store.js";
import type { Emitter } from "./emitter.js";
import { SingleFlight } from "./single-flight.js";
import type { StreamPort } from "./stream-port.js";
import { Transactions } from "./transactions.js";
import type { AsyncCache, Cache, CacheCounts, CacheInfo } from "./types.js";

/** One incarnation of an instance: what its commands work on. @internal */
export class Instance<K = unknown, V = unknown> {
  readonly ref: ActorRef;
  readonly system: ActorSystem;
  readonly emitter: Emitter<K, V>;
  /** What commands work on: the opened store, or one that bypasses it. */
  store: Store<K, V>;
  /** What the adapter has opened. */
  readonly opened: Store<K, V>;
  /**
   * Whether the store is elsewhere: its commands return promises, and it may outlive the instance.
   */
  readonly isAsync: boolean;
  readonly flights: SingleFlight<K>;
  readonly transactions = new Transactions();
  /** Commands that changed nothing here, and still made an event. */
  emptyInvalidations = 0;
  /** Kept for its misses. */
  #bypass: Store<K, V> | undefined;

  constructor(
    ref: ActorRef,
    system: ActorSystem,
    emitter: Emitter<K, V>,
    store: Store<K, V>,
    isAsync: boolean,
  ) {
    this.ref = ref;
    this.system = system;
    this.emitter = emitter;
    const { cache, name } = emitter.source;
    this.flights = new SingleFlight(name, (key, error) =>
      reportCallbackError(channels.callbackError, `fetchOrStore of cache ${name}`, error, {
        cache,
        name,
        key,
      }),
    );
    this.store = this.opened = store;
    this.isAsync = isAsync;
  }

  /** Whether reads miss and fills store nothing. */
  set bypassed(bypassed: boolean) {
    if (bypassed) this.#bypass ??= new BypassedStore(this.opened, this.isAsync);
    this.store = bypassed ? (this.#bypass as Store<K, V>) : this.opened;
  }

  /** Whether the store itself makes the events of invalidations that find nothing. */
  get invalidates(): boolean {
    const { invalidates } = this.opened as unknown as { readonly invalidates?: boolean };
    return invalidates === true;
  }

  info(): CacheInfo {
    return (this.#bypass ?? this.opened).info();
  }

  /** What has been counted, also where the store is elsewhere; undefined: it does not tell. */
  counts(): CacheCounts | undefined {
    const store: unknown = this.#bypass ?? this.opened;
    return (store as { counts?(): CacheCounts | undefined }).counts?.();
  }
}

/** Called when an instance starts and ends. Neither function may throw. @internal */
export interface SlotWatcher {
  /** Called inside the start, before it settles: the instance takes commands already. */
  started?(instance: Instance): void;
  /** Called inside the end: the instance takes no commands any more. */
  ended?(instance: Instance): void;
}

/** What one instance of a cache keeps across its incarnations. @internal */
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
  /** Whether an incarnation has run. */
  hasRun = false;
  /** The instance's stream, while it has one. */
  stream: StreamPort | undefined = undefined;
  /**
   * For fault injection: called with a listener's id before it is registered. A throw refuses it.
   */
  registering: ((id: unknown) => void) | undefined = undefined;
  readonly #watchers = new Set<SlotWatcher>();
  #bypasses = 0;

  constructor(cacheName: string, name: string) {
    this.cacheName = cacheName;
    this.name = name;
  }

  /**
   * Adds a watcher; it is not called for an incarnation that runs already. Returns a function that
   * removes it.
   */
  watch(watcher: SlotWatcher): () => void {
    // A new object, so that a watcher that is added twice is two.
    const own: SlotWatcher = {
      started: (instance) => watcher.started?.(instance),
      ended: (instance) => watcher.ended?.(instance),
    };
    this.#watchers.add(own);
    return () => void this.#watchers.delete(own);
  }

  /**
   * Makes reads miss and fills store nothing, in the current incarnation and in later ones. Returns
   * a function that ends the bypass and is to be called once. Several bypasses end with the last.
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
    this.hasRun = true;
    for (const watcher of this.#watchers) watcher.started?.(instance);
  }

  end(instance: Instance): void {
    this.running = undefined;
    for (const watcher of this.#watchers) watcher.ended?.(instance);
  }
}

/** A cache of either kind, before its keys and values have types. @internal */
export type UntypedCache = Cache | AsyncCache;

/** Makes a handle on a slot, without an origin or with one. @internal */
export type MakeHandle = (
  definition: Definition,
  slot: InstanceSlot,
  origin: ActorRef | null,
) => UntypedCache;

/** What a cache is: its name, its adapter, and its instances by name. @internal */
export class Definition {
  readonly name: string;
  readonly adapter: Adapter | AsyncAdapter;
  readonly #makeHandle: MakeHandle;
  /**
   * Weak, so that unused instances are collected: a running instance keeps its slot, and a slot its
   * handle.
   */
  readonly #handles = new Map<string, WeakRef<UntypedCache>>();
  readonly #collected = new FinalizationRegistry<string>((name) => {
    // There may be a new one of the same name.
    if (this.#handles.get(name)?.deref() === undefined) this.#handles.delete(name);
  });

  constructor(name: string, adapter: Adapter | AsyncAdapter, makeHandle: MakeHandle) {
    this.name = name;
    this.adapter = adapter;
    this.#makeHandle = makeHandle;
  }

  /**
   * The same handle for the same name, as long as anything holds it, its slot or what runs there.
   */
  instance(name: string): UntypedCache {
    const known = this.#handles.get(name)?.deref();
    if (known !== undefined) return known;
    const slot = new InstanceSlot(this.name, name);
    const handle = this.#makeHandle(this, slot, null);
    slot.handle = handle;
    this.#handles.set(name, new WeakRef(handle));
    this.#collected.register(handle, name);
    return handle;
  }

  withOrigin(slot: InstanceSlot, origin: ActorRef): UntypedCache {
    return this.#makeHandle(this, slot, origin);
  }
}
