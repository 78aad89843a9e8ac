import { ActorRef } from "../actor/ref.js";
import { isSpawnParent } from "../actor/spawn.js";
import type { StartContext } from "../actor/start-context.js";
import { type ActorContext, type ActorSystem, spawnIn } from "../actor/types.js";
import { OptionError, SupervisorError } from "../errors.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import { removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import type { Adapter, AsyncAdapter, AsyncStore, Store } from "./adapter.js";
import { BypassedStore } from "./bypassed-store.js";
import { CacheMetrics } from "./cache-metrics.js";
import { Emitter } from "./emitter.js";
import { SingleFlight } from "./single-flight.js";
import type { InstanceSlot } from "./slot.js";
import { Transactions } from "./transactions.js";
import type { CacheInfo } from "./types.js";

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
   * Whether the store is elsewhere: its commands answer with promises, and it may outlive the
   * instance.
   */
  readonly isAsync: boolean;
  readonly flights: SingleFlight<K>;
  readonly transactions = new Transactions();
  /** Commands that changed nothing here, and yet are an event. */
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
    this.flights = new SingleFlight(emitter.source.name);
    this.store = this.opened = store;
    this.isAsync = isAsync;
  }

  /** Whether reads miss and fills store nothing. */
  set bypassed(bypassed: boolean) {
    if (bypassed) this.#bypass ??= new BypassedStore(this.opened, this.isAsync);
    this.store = bypassed ? (this.#bypass as Store<K, V>) : this.opened;
  }

  info(): CacheInfo {
    return (this.#bypass ?? this.opened).info();
  }
}

/** Starts an instance as an actor, which is up when the store is open. @internal */
export async function startInstance(
  slot: InstanceSlot,
  adapter: Adapter | AsyncAdapter,
  parent: StartContext,
): Promise<ActorRef> {
  if (!isSpawnParent(parent)) throw OptionError.invalid("parent", "a StartContext", parent);
  const life = new InstanceLife(slot, adapter);
  const cell = parent[spawnIn]<void, unknown>(
    {
      init: (ctx) => life.begin(ctx),
      // Nobody has anything to say to a cache.
      receive: () => {},
      terminate: () => life.end(),
    },
    { id: slot.name },
  );
  return (await cell.ready) as ActorRef;
}

class InstanceLife {
  readonly #slot: InstanceSlot;
  readonly #adapter: Adapter | AsyncAdapter;
  #instance: Instance | undefined;
  #metrics: CacheMetrics | undefined;

  constructor(slot: InstanceSlot, adapter: Adapter | AsyncAdapter) {
    this.#slot = slot;
    this.#adapter = adapter;
  }

  begin(ctx: ActorContext): void | Promise<void> {
    this.#checkFree();
    const { cacheName: cache, name } = this.#slot;
    const { clock } = ctx.system;
    const sink = new Emitter(cache, name, ctx.system);
    const context = { cache, name, clock, sink };
    if (this.#adapter.async !== true) this.#start(ctx, sink, this.#adapter.open(context));
    else return this.#adapter.open(context).then((store) => this.#startAsync(ctx, sink, store));
  }

  /** Takes no more commands; settles when the store is closed. A second call does nothing. */
  end(): void | Promise<void> {
    const instance = this.#instance;
    if (instance === undefined) return;
    this.#instance = undefined;
    if (this.#metrics !== undefined) removeSource(this.#metrics);
    this.#slot.end(instance);
    instance.emitter.close();
    return instance.opened.close();
  }

  async #startAsync(
    ctx: ActorContext,
    emitter: Emitter,
    store: AsyncStore<unknown, unknown>,
  ): Promise<void> {
    // The actor may have been killed, or another one may have been started, while the store was
    // opened.
    if (ctx.self.alive && this.#slot.running === undefined) {
      this.#start(ctx, emitter, store as unknown as Store<unknown, unknown>);
      return;
    }
    await store.close();
    this.#checkFree();
  }

  #start(ctx: ActorContext, emitter: Emitter, store: Store<unknown, unknown>): void {
    const instance = new Instance(
      ctx.self,
      ctx.system,
      emitter,
      store,
      this.#adapter.async === true,
    );
    this.#instance = instance;
    this.#metrics = new CacheMetrics(instance);
    observe(this.#metrics);
    ActorRef.targetOf(ctx.self).onDeath(() => void this.#endAtOnce());
    this.#slot.start(instance);
  }

  async #endAtOnce(): Promise<void> {
    try {
      await this.end();
    } catch (error) {
      const { cacheName: cache, name } = this.#slot;
      reportCallbackError(channels.callbackError, `store of cache ${name}`, error, { cache, name });
    }
  }

  #checkFree(): void {
    const { name, running } = this.#slot;
    if (running === undefined) return;
    throw new SupervisorError("already_started", `cache already started: ${name}`, {
      childId: name,
      ref: running.ref,
    });
  }
}
