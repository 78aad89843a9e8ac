import { ActorRef } from "../actor/ref.js";
import { isSpawnParent } from "../actor/spawn.js";
import type { StartContext } from "../actor/start-context.js";
import { type ActorContext, spawnIn } from "../actor/types.js";
import { OptionError, SupervisorError } from "../errors.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import { type Measurements, type MetricSource, removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import type { Adapter, AsyncAdapter, AsyncStore, Store } from "./adapter.js";
import { Emitter } from "./emitter.js";
import { Instance, type InstanceSlot } from "./instance.js";
import type { CacheCounts, CacheInfo } from "./types.js";

/** The running instances by their actors. */
const instances = new WeakMap<ActorRef, Instance>();

/** The instance that an actor runs; undefined: it runs none. @internal */
export function instanceRunBy(ref: ActorRef): Instance | undefined {
  return instances.get(ref);
}

/** Starts an instance as an actor. Settles when the store is open. @internal */
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
      // A cache gets no messages.
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

  /** Ends the instance's commands and closes the store. A second call has no effect. */
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
    instances.set(ctx.self, instance);
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

/**
 * The metrics of one incarnation of an instance. Of a store that is elsewhere they have what this
 * process has counted: a promise of the number of entries would be too late for a collection.
 *
 * @internal
 */
class CacheMetrics implements MetricSource {
  readonly #instance: Instance;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  measure(into: Measurements): void {
    const { isAsync, emitter } = this.#instance;
    const { cache, name } = emitter.source;
    const of = { cache, name };
    let info: (CacheCounts & Partial<Pick<CacheInfo, "entries">>) | undefined;
    try {
      info = isAsync ? this.#instance.counts() : this.#instance.info();
    } catch {
      // A user's adapter that fails here must not fail the whole collection.
    }
    if (info === undefined) return;
    into.add("nebulex.cache.hits", info.hits, of);
    into.add("nebulex.cache.misses", info.misses, of);
    into.add("nebulex.cache.writes", info.writes, of);
    into.add("nebulex.cache.deletions", info.deletions, of);
    into.add("nebulex.cache.evictions", info.evictions, of);
    into.add("nebulex.cache.expirations", info.expirations, of);
    if (!isAsync) into.add("nebulex.cache.entries", info.entries as number, of);
  }
}
