import { EventEmitter } from "node:events";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { CacheableMemory } from "cacheable";
import { EventEmitter as EventEmitter3 } from "eventemitter3";
import { Keyv } from "keyv";
import { LRUCache } from "lru-cache";
import {
  type Cache,
  type CacheEntryEvent,
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import NodeCache from "node-cache";
import { Tally, type User, userOf } from "../load.js";
import { us } from "../scenario.js";
import { type Keyspace, Walk } from "./keyspace.js";

/**
 * A cache that is read. Each has loops of its own, so that none is measured through a call site
 * that others share.
 */
export interface Reader {
  readonly name: string;
  /** Gets so many of the keys, and counts what it found in `found`. */
  get(keys: readonly string[], count: number): void | Promise<unknown>;
  /** Gets and puts as the mix says. */
  mix(count: number): void | Promise<unknown>;
  readonly found: number;
  close(): void | Promise<unknown>;
}

/** Opens a cache with all entries stored. @param ttl of each entry, in milliseconds */
export type OpenReader = (space: Keyspace, ttl: number | undefined) => Promise<Reader>;

/** For libraries whose get is a promise: that many at a time. */
const atATime = 1000;

let instances = 0;

class OurReader implements Reader {
  readonly name = us;
  found = 0;
  protected readonly walk = new Walk();
  protected readonly space: Keyspace;
  protected readonly cache: Cache<string, User>;
  readonly #tree: Supervisor;

  constructor(space: Keyspace, cache: Cache<string, User>, tree: Supervisor) {
    this.space = space;
    this.cache = cache;
    this.#tree = tree;
  }

  get(keys: readonly string[], count: number): void {
    let at = this.walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (this.cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  mix(count: number): void | Promise<unknown> {
    const { mix, keys } = this.space;
    let at = this.walk.take(count, mix.length);
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) this.cache.put(keys[~id] as string, userOf(~id));
      else if (this.cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
  }

  close(): Promise<void> {
    return this.#tree.stop();
  }
}

/** The cache alone: nothing else is opened. */
export const openOurs: OpenReader = async (space, ttl) => {
  const { cache, tree } = await startCache(space, ttl);
  return new OurReader(space, cache, tree);
};

async function startCache({ size, keys, users }: Keyspace, ttl: number | undefined) {
  const cache = defineCache<string, User>({
    name: `reads-${++instances}`,
    adapter: localAdapter(ttl === undefined ? { maxEntries: size } : { maxEntries: size, ttl }),
  });
  const tree = await startSupervisor({ strategy: "rest_for_one", children: [cache] });
  for (let id = 0; id < size; id++) cache.put(keys[id] as string, users[id] as User);
  return { cache, tree };
}

/** With a stream of 4 partitions and a pool: the mix has ended when all handlers have run. */
class OurStreamedReader extends OurReader {
  readonly #tally: Tally;

  constructor(space: Keyspace, cache: Cache<string, User>, tree: Supervisor, tally: Tally) {
    super(space, cache, tree);
    this.#tally = tally;
  }

  override get(keys: readonly string[], count: number): void {
    const { walk, cache } = this;
    let at = walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  override mix(count: number): void | Promise<unknown> {
    const { mix, keys } = this.space;
    const { cache } = this;
    const start = this.walk.take(count, mix.length);
    const handled = this.#tally.expect(putsOf(mix, start, count));
    let at = start;
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) cache.put(keys[~id] as string, userOf(~id));
      else if (cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
    return handled;
  }
}

function putsOf(mix: Int32Array, start: number, count: number): number {
  let puts = 0;
  for (let n = 0; n < count; n++) if ((mix[(start + n) % mix.length] as number) < 0) puts++;
  return puts;
}

export const openOursStreamed: OpenReader = async (space, ttl) => {
  const { cache, tree } = await startCache(space, ttl);
  const tally = new Tally();
  await tree.startChild(streamServer({ cache, partitions: 4, include: [] }));
  const handler = ({ target }: CacheEntryEvent<string, User>): void => {
    if (target.kind === "key") tally.note(target.key);
  };
  await tree.startChild(handlerPool({ cache, handler }));
  return new OurStreamedReader(space, cache, tree, tally);
};

class LruReader implements Reader {
  readonly name = "lru-cache";
  found = 0;
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache: LRUCache<string, User>;

  constructor(space: Keyspace, ttl: number | undefined) {
    const { keys, users, size } = space;
    this.#space = space;
    this.#cache = new LRUCache(ttl === undefined ? { max: size } : { max: size, ttl });
    for (let id = 0; id < size; id++) this.#cache.set(keys[id] as string, users[id] as User);
  }

  get(keys: readonly string[], count: number): void {
    let at = this.#walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (this.#cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  mix(count: number): void {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) this.#cache.set(keys[~id] as string, userOf(~id));
      else if (this.#cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
  }

  close(): void {
    this.#cache.clear();
  }
}

export const openLru: OpenReader = async (space, ttl) => new LruReader(space, ttl);

class EmittingLruReader implements Reader {
  readonly name = "lru-cache + eventemitter3";
  found = 0;
  readonly #tally = new Tally();
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache: LRUCache<string, User>;
  readonly #emitter = new EventEmitter3<{ put: [key: string, user: User] }>();

  constructor(space: Keyspace, ttl: number | undefined) {
    const { keys, users, size } = space;
    this.#space = space;
    this.#cache = new LRUCache(ttl === undefined ? { max: size } : { max: size, ttl });
    for (let id = 0; id < size; id++) this.#cache.set(keys[id] as string, users[id] as User);
    this.#emitter.on("put", (key) => this.#tally.note(key));
  }

  get(keys: readonly string[], count: number): void {
    let at = this.#walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (this.#cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  mix(count: number): void {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) {
        const key = keys[~id] as string;
        const user = userOf(~id);
        this.#cache.set(key, user);
        this.#emitter.emit("put", key, user);
      } else if (this.#cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
  }

  close(): void {
    this.#cache.clear();
  }
}

export const openEmittingLru: OpenReader = async (space, ttl) => new EmittingLruReader(space, ttl);

class KeyvReader implements Reader {
  readonly name = "keyv";
  found = 0;
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache: Keyv<User>;

  constructor(space: Keyspace, ttl: number | undefined) {
    this.#space = space;
    this.#cache = new Keyv({ store: new Map(), useKeyPrefix: false, ...(ttl && { ttl }) });
    // Values are kept as they are, not as JSON.
    this.#cache.serialize = undefined;
    this.#cache.deserialize = undefined;
  }

  async fill(): Promise<this> {
    const { keys, users } = this.#space;
    for (let id = 0; id < keys.length; id++)
      await this.#cache.set(keys[id] as string, users[id] as User);
    return this;
  }

  get(keys: readonly string[], count: number): Promise<unknown> {
    let at = this.#walk.take(count, keys.length);
    return inBatches(count, async () => {
      const key = keys[at] as string;
      if (++at === keys.length) at = 0;
      if ((await this.#cache.get(key)) !== undefined) this.found++;
    });
  }

  mix(count: number): Promise<unknown> {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    return inBatches(count, async () => {
      const id = mix[at] as number;
      if (++at === mix.length) at = 0;
      if (id < 0) await this.#cache.set(keys[~id] as string, userOf(~id));
      else if ((await this.#cache.get(keys[id] as string)) !== undefined) this.found++;
    });
  }

  close(): Promise<void> {
    return this.#cache.clear();
  }
}

/** Calls an asynchronous function so many times, {@link atATime} at a time. */
async function inBatches(count: number, call: () => Promise<unknown>): Promise<void> {
  for (let done = 0; done < count; done += atATime)
    await Promise.all(Array.from({ length: Math.min(atATime, count - done) }, call));
}

export const openKeyv: OpenReader = (space, ttl) => new KeyvReader(space, ttl).fill();

class CacheableReader implements Reader {
  readonly name = "cacheable, memory only";
  found = 0;
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache: CacheableMemory;

  constructor(space: Keyspace, ttl: number | undefined) {
    const { keys, users } = space;
    this.#space = space;
    this.#cache = new CacheableMemory({ useClone: false, ...(ttl && { ttl }) });
    for (let id = 0; id < keys.length; id++) this.#cache.set(keys[id] as string, users[id]);
  }

  get(keys: readonly string[], count: number): void {
    let at = this.#walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (this.#cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  mix(count: number): void {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) this.#cache.set(keys[~id] as string, userOf(~id));
      else if (this.#cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
  }

  close(): void {
    this.#cache.clear();
  }
}

export const openCacheable: OpenReader = async (space, ttl) => new CacheableReader(space, ttl);

class BentoReader implements Reader {
  readonly name = "bentocache";
  found = 0;
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache;

  constructor(space: Keyspace, ttl: number | undefined) {
    this.#space = space;
    this.#cache = new BentoCache({
      emitter: new EventEmitter(),
      default: "memory",
      stores: {
        memory: bentostore().useL1Layer(memoryDriver({ maxItems: space.size, serialize: false })),
      },
      ...(ttl && { ttl }),
    });
  }

  async fill(): Promise<this> {
    const { keys, users } = this.#space;
    for (let id = 0; id < keys.length; id++)
      await this.#cache.set({ key: keys[id] as string, value: users[id] });
    return this;
  }

  get(keys: readonly string[], count: number): Promise<unknown> {
    let at = this.#walk.take(count, keys.length);
    return inBatches(count, async () => {
      const key = keys[at] as string;
      if (++at === keys.length) at = 0;
      if ((await this.#cache.get<User>({ key })) !== undefined) this.found++;
    });
  }

  mix(count: number): Promise<unknown> {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    return inBatches(count, async () => {
      const id = mix[at] as number;
      if (++at === mix.length) at = 0;
      if (id < 0) await this.#cache.set({ key: keys[~id] as string, value: userOf(~id) });
      else if ((await this.#cache.get<User>({ key: keys[id] as string })) !== undefined)
        this.found++;
    });
  }

  close(): Promise<unknown> {
    return this.#cache.disconnectAll();
  }
}

export const openBento: OpenReader = (space, ttl) => new BentoReader(space, ttl).fill();

class NodeCacheReader implements Reader {
  readonly name = "node-cache";
  found = 0;
  readonly #walk = new Walk();
  readonly #space: Keyspace;
  readonly #cache: NodeCache;

  constructor(space: Keyspace, ttl: number | undefined) {
    const { keys, users } = space;
    this.#space = space;
    this.#cache = new NodeCache({ useClones: false, ...(ttl && { stdTTL: ttl / 1000 }) });
    for (let id = 0; id < keys.length; id++) this.#cache.set(keys[id] as string, users[id]);
  }

  get(keys: readonly string[], count: number): void {
    let at = this.#walk.take(count, keys.length);
    for (let n = 0; n < count; n++) {
      if (this.#cache.get(keys[at] as string) !== undefined) this.found++;
      if (++at === keys.length) at = 0;
    }
  }

  mix(count: number): void {
    const { mix, keys } = this.#space;
    let at = this.#walk.take(count, mix.length);
    for (let n = 0; n < count; n++) {
      const id = mix[at] as number;
      if (id < 0) this.#cache.set(keys[~id] as string, userOf(~id));
      else if (this.#cache.get(keys[id] as string) !== undefined) this.found++;
      if (++at === mix.length) at = 0;
    }
  }

  close(): void {
    this.#cache.close();
    this.#cache.flushAll();
  }
}

export const openNodeCache: OpenReader = async (space, ttl) => new NodeCacheReader(space, ttl);
