import { ActorRef } from "../actor/ref.js";
import {
  CacheNotStartedError,
  KeyNotFoundError,
  OptionError,
  StreamNotFoundError,
} from "../errors.js";
import type { Cause } from "../event/event.js";
import { callable, knownOptions, plainName } from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { type Adapter, type AsyncAdapter, type SharedStore, sharedStore } from "./adapter.js";
import { type Command, commands, OriginCauses } from "./command.js";
import {
  checkFetchOptions,
  readCounterOptions,
  readPairs,
  readPutTtl,
  readQuery,
  readStoreTtl,
  requireTtl,
} from "./command-options.js";
import { fetch, fetchBounded } from "./fetch.js";
import type { Definition, Instance, InstanceSlot } from "./instance.js";
import { invalidateAll, invalidateKey } from "./invalidation.js";
import { startInstance } from "./start-instance.js";
import type {
  EventStream,
  DrainOptions,
  StreamPort,
  SubscribeOptions,
  Subscriber,
  Subscription,
} from "./stream-port.js";
import type {
  AnyCache,
  Cache,
  CacheInfo,
  CounterOptions,
  EventListener,
  FetchOptions,
  ListenerOptions,
  PutOptions,
  Query,
  StoreOptions,
  Ttl,
} from "./types.js";
import { copyKey, thisCopy } from "../package-copy.js";

const absent = Symbol("absent");

/**
 * A cache as its users hold it: passes each command to the store of the running incarnation.
 *
 * @internal
 */
export class CacheHandle<K, V> implements Cache<K, V> {
  readonly #definition: Definition;
  readonly #slot: InstanceSlot;
  readonly #origin: ActorRef | null;
  readonly #causes: OriginCauses | undefined;

  constructor(definition: Definition, slot: InstanceSlot, origin: ActorRef | null) {
    this.#definition = definition;
    this.#slot = slot;
    this.#origin = origin;
    this.#causes = origin === null ? undefined : new OriginCauses(origin);
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  get name(): string {
    return this.#slot.name;
  }

  childSpec(options: { name?: string } = {}): ChildSpec {
    knownOptions("childSpec", options, ["name"]);
    if (options.name !== undefined && options.name !== this.name)
      return this.instance(options.name).childSpec();
    const slot = this.#slot;
    const { adapter } = this.#definition;
    return {
      id: slot.name,
      start: (parent) => startInstance(slot, adapter, parent),
      type: "worker",
    };
  }

  instance(name: string): Cache<K, V> {
    const handle = this.#definition.instance(plainName("name", name)) as Cache<K, V>;
    return this.#origin === null ? handle : handle.from(this.#origin as ActorRef<never>);
  }

  from(ref: ActorRef<never>): Cache<K, V> {
    if (!ActorRef.isRef(ref)) throw OptionError.invalid("ref", "an ActorRef", ref);
    return this.#definition.withOrigin(this.#slot, ref) as Cache<K, V>;
  }

  get(key: K): V | undefined {
    return this.#running().store.get(key, undefined, this.#cause(commands.get));
  }

  fetch(key: K): V {
    const found: unknown = this.#running().store.get(key, absent, this.#cause(commands.fetch));
    return this.#isAsync()
      ? ((found as Promise<V>).then((value) => this.#present(key, value)) as V)
      : this.#present(key, found as V);
  }

  has(key: K): boolean {
    return this.#running().store.has(key, this.#cause(commands.has));
  }

  ttl(key: K): number | null | undefined {
    return this.#running().store.ttl(key, this.#cause(commands.ttl));
  }

  put(key: K, value: V, options?: PutOptions): void {
    const ttl = readPutTtl("put", options);
    return this.#storeFor(key).put(key, value, ttl, this.#cause(commands.put, options?.fill));
  }

  putNew(key: K, value: V, options?: PutOptions): boolean {
    const ttl = readPutTtl("putNew", options);
    return this.#storeFor(key).putNew(key, value, ttl, this.#cause(commands.putNew, options?.fill));
  }

  replace(key: K, value: V, options?: PutOptions): boolean {
    const ttl = readPutTtl("replace", options);
    const cause = this.#cause(commands.replace, options?.fill);
    return this.#storeFor(key).replace(key, value, ttl, cause);
  }

  putAll(entries: Iterable<readonly [K, V]>, options?: PutOptions): void {
    const ttl = readPutTtl("putAll", options);
    const pairs = readPairs(entries);
    return this.#storeForAll(pairs.keys()).putAll(
      pairs,
      ttl,
      this.#cause(commands.putAll, options?.fill),
    );
  }

  putNewAll(entries: Iterable<readonly [K, V]>, options?: PutOptions): boolean {
    const ttl = readPutTtl("putNewAll", options);
    const pairs = readPairs(entries);
    return this.#storeForAll(pairs.keys()).putNewAll(
      pairs,
      ttl,
      this.#cause(commands.putNewAll, options?.fill),
    );
  }

  delete(key: K): boolean {
    return this.#storeFor(key).delete(key, this.#cause(commands.delete));
  }

  take(key: K): V | undefined {
    return this.#storeFor(key).take(key, this.#cause(commands.take));
  }

  expire(key: K, ttl: Ttl): boolean {
    return this.#running().store.expire(key, requireTtl(ttl), this.#cause(commands.expire));
  }

  touch(key: K): boolean {
    return this.#running().store.touch(key, this.#cause(commands.touch));
  }

  increment(key: K, amount?: number, options?: CounterOptions): number {
    const counter = readCounterOptions("increment", amount, options);
    const cause = this.#cause(commands.increment);
    return this.#storeFor(key).add(key, counter.amount, counter.initial, counter.ttl, cause);
  }

  decrement(key: K, amount?: number, options?: CounterOptions): number {
    const counter = readCounterOptions("decrement", amount, options);
    const cause = this.#cause(commands.decrement);
    return this.#storeFor(key).add(key, -counter.amount, counter.initial, counter.ttl, cause);
  }

  update(key: K, initial: V, fn: (value: V) => V, options?: StoreOptions): V {
    callable("fn", fn);
    const ttl = readStoreTtl("update", options);
    return this.#storeFor(key).update(key, initial, fn, ttl, this.#cause(commands.update));
  }

  getOrStore(key: K, fn: (key: K) => V, options?: StoreOptions): V {
    callable("fn", fn);
    const ttl = readStoreTtl("getOrStore", options);
    return this.#storeFor(key).getOrStore(key, fn, ttl, this.#cause(commands.getOrStore, true));
  }

  async fetchOrStore(
    key: K,
    fn: (key: K) => V | Promise<V>,
    options?: FetchOptions<K, V>,
  ): Promise<V> {
    callable("fn", fn);
    const isBounded = options !== undefined && checkFetchOptions(options);
    const instance = this.#running();
    const cause = this.#cause(commands.fetchOrStore, true);
    if (!isBounded && !this.#isAsync()) {
      const found: V | typeof absent = instance.store.get(key, absent, cause);
      if (found !== absent) return found;
    }
    const call = { slot: this.#slot, instance, key, fn, options, cause };
    return await (isBounded ? fetchBounded(call) : fetch(call));
  }

  getAll(query?: Query<K, V>): Map<K, V> {
    return this.#running().store.getAll(readQuery(query), this.#cause(commands.getAll));
  }

  deleteAll(query?: Query<K, V>): number {
    const { store, flights } = this.#running();
    const checked = readQuery(query);
    if (flights.size > 0) flights.supersedeMatching(checked);
    return store.deleteAll(checked, this.#cause(commands.deleteAll));
  }

  invalidate(key: K): boolean {
    return invalidateKey(this.#running(), key, this.#cause(commands.invalidate));
  }

  invalidateAll(query?: Query<K, V>): number {
    const cause = this.#cause(commands.invalidateAll);
    return invalidateAll(this.#running(), readQuery(query), cause);
  }

  countAll(query?: Query<K, V>): number {
    return this.#running().store.countAll(readQuery(query), this.#cause(commands.countAll));
  }

  stream(query?: Query<K, V>): Iterable<[K, V]> {
    return this.#running().store.stream(readQuery(query), this.#cause(commands.stream));
  }

  info(): CacheInfo {
    return this.#running().info();
  }

  transaction<R>(fn: () => R): R | Promise<Awaited<R>> {
    return this.#running().transactions.run(callable("fn", fn));
  }

  subscribe(subscriber: Subscriber<K, V>, options: SubscribeOptions = {}): Subscription {
    return this.#stream().subscribe(subscriber as Subscriber<never, never>, options);
  }

  events(options: SubscribeOptions & { signal?: AbortSignal } = {}): EventStream<never> {
    return this.#stream().events(options) as EventStream<never>;
  }

  async whenDrained(options: DrainOptions = {}): Promise<void> {
    await this.#slot.stream?.whenDrained(options);
  }

  registerEventListener<M = undefined>(
    listener: EventListener<K, V, M>,
    options: ListenerOptions<K, V, M> = {},
  ): void {
    const { emitter } = this.#running();
    this.#slot.registering?.(options.id);
    emitter.register(listener, options);
  }

  unregisterEventListener(id: unknown): boolean {
    return this.#slot.running?.emitter.unregister(id) ?? false;
  }

  #running(): Instance<K, V> {
    const { running } = this.#slot;
    if (running === undefined) throw new CacheNotStartedError(this.#slot.name, this.#slot.hasRun);
    return running as Instance<K, V>;
  }

  /** The store, for a write to a key: a fetch of that key is superseded. */
  #storeFor(key: K): Instance<K, V>["store"] {
    const { store, flights } = this.#running();
    if (flights.size > 0) flights.supersede(key);
    return store;
  }

  #storeForAll(keys: Iterable<K>): Instance<K, V>["store"] {
    const { store, flights } = this.#running();
    if (flights.size > 0) for (const key of keys) flights.supersede(key);
    return store;
  }

  #cause(command: Command, fill = false): Cause {
    if (this.#causes !== undefined) return this.#causes.of(command, fill);
    return fill ? command.fill : command.plain;
  }

  #stream(): StreamPort {
    const { stream, name } = this.#slot;
    if (stream === undefined) throw new StreamNotFoundError(name);
    return stream;
  }

  #isAsync(): boolean {
    return this.#definition.adapter.async === true;
  }

  #present(key: K, found: V | typeof absent): V {
    if (found === absent) throw new KeyNotFoundError(this.#slot.name, key);
    return found;
  }

  /** @internal */
  static adapterOf(value: unknown): Adapter | AsyncAdapter | undefined {
    return typeof value === "object" && value !== null && #slot in value
      ? value.#definition.adapter
      : undefined;
  }

  /** @internal */
  static slotOf(value: unknown): InstanceSlot | undefined {
    return typeof value === "object" && value !== null && #slot in value ? value.#slot : undefined;
  }
}

/** Whether a value is a cache, synchronous or not. @internal */
export function isCache(value: unknown): value is AnyCache {
  return CacheHandle.slotOf(value) !== undefined;
}

/** What a cache's store shares with other processes; undefined: nothing. @internal */
export function sharedStoreOf(cache: unknown): SharedStore | undefined {
  const adapter = CacheHandle.adapterOf(cache);
  return adapter?.async === true ? adapter[sharedStore] : undefined;
}

/**
 * The slot of the instance that a handle belongs to.
 *
 * @throws {@link OptionError} if the value is not a cache
 *
 * @internal
 */
export function slotOf(cache: unknown): InstanceSlot {
  const slot = CacheHandle.slotOf(cache);
  if (slot === undefined) throw OptionError.invalid("cache", "a cache made by defineCache", cache);
  return slot;
}
