import { createHash } from "node:crypto";
import type { AsyncStore, FoundValue, StoreQuery } from "../cache/adapter.js";
import type { CacheCounts, CacheInfo, Ttl } from "../cache/types.js";
import { OptionError, StoreUnavailableError } from "../errors.js";
import type { Cause } from "../event/event.js";
import { commands } from "../cache/command.js";
import type { Milliseconds } from "../options.js";
import type { Near } from "./near.js";
import { RedisBulk } from "./redis-bulk.js";
import { readStaleScript } from "./redis-flight-scripts.js";
import { type FlightOptions, RedisFlights } from "./redis-flights.js";
import {
  addScript,
  expireScript,
  headerSize,
  outcomes,
  putIfScript,
  putScript,
  readScript,
  removeScript,
  replaceIfScript,
} from "./redis-store-scripts.js";
import { type Place, type ScriptReply, staleArgument, type StoreCore } from "./store-core.js";

const deleted = 2;
const updated = 1;
const inserted = 0;

type Fetch<K, V> = NonNullable<AsyncStore<K, V>["fetch"]>;

/**
 * A store on Redis that all processes share: entries, and the journal's events of their changes,
 * which the scripts write in one step.
 *
 * @internal
 */
export class RedisStore<K, V> implements AsyncStore<K, V> {
  readonly invalidates = true;
  readonly #core: StoreCore<K, V>;
  readonly #bulk: RedisBulk<K, V>;
  readonly #near: Near | undefined;
  /** Undefined: loads of other processes are not waited for. */
  readonly fetch?: Fetch<K, V>;
  readonly #onClose: () => void;

  /** @param onClose called once */
  constructor(core: StoreCore<K, V>, flights: FlightOptions | undefined, onClose: () => void) {
    this.#core = core;
    this.#bulk = new RedisBulk(core);
    this.#near = core.near;
    if (flights !== undefined) {
      const all = new RedisFlights(core, flights);
      this.fetch = (...args) => this.#fetch(all, ...args);
    }
    this.#onClose = onClose;
  }

  get<A>(key: K, absent: A, cause: Cause): Promise<V | A> {
    const copy = this.#near === undefined ? undefined : this.#copyOf(this.#near, key);
    if (copy === undefined) return this.#get(key, absent, cause);
    this.#core.counts.hits++;
    return Promise.resolve(copy.value as V);
  }

  async #get<A>(key: K, absent: A, cause: Cause): Promise<V | A> {
    const core = this.#core;
    const found = await this.#find(key, cause);
    if (found === undefined) {
      core.counts.misses++;
      return absent;
    }
    core.counts.hits++;
    return found.value;
  }

  async getStale(key: K, staleFor: Milliseconds, cause: Cause): Promise<FoundValue<V> | undefined> {
    const core = this.#core;
    const place = core.place(key);
    let found: unknown = await core.calls.send(place.entry, ["GET", place.entry], true, false);
    let isStale = false;
    if (found !== null && this.#isLive(found) === undefined) {
      const args = [core.wants, staleArgument(staleFor)];
      const reply = await core.run(readStaleScript, place, cause, args, false, (it) =>
        core.missing(it.gone, key, it.rest[1], cause),
      );
      [found] = reply.rest;
      isStale = reply.outcome !== outcomes.nothing;
    }
    if (!Buffer.isBuffer(found)) {
      core.counts.misses++;
      return undefined;
    }
    core.counts.hits++;
    return { value: core.decode(found), isStale };
  }

  async #fetch(
    flights: RedisFlights<K, V>,
    ...[key, load, options, cause]: Parameters<Fetch<K, V>>
  ): Promise<V> {
    const core = this.#core;
    try {
      const copy = this.#near === undefined ? undefined : this.#copyOf(this.#near, key);
      const found = copy ?? (await this.#find(key, cause));
      if (found !== undefined) {
        core.counts.hits++;
        return found.value as V;
      }
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      core.counts.misses++;
      return await load();
    }
    return await flights.fetch(key, load, options, cause);
  }

  async has(key: K, cause: Cause): Promise<boolean> {
    return (await this.#header(key, cause)) !== undefined;
  }

  async ttl(key: K, cause: Cause): Promise<number | null | undefined> {
    const header = await this.#header(key, cause);
    if (header === undefined) return undefined;
    const [deadline, ttl] = [header.readDoubleBE(0), header.readDoubleBE(16)];
    if (deadline === 0) return null;
    const left = this.#core.time.until(deadline);
    return left === undefined ? ttl : Math.max(0, Math.min(left, ttl));
  }

  put(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<void> {
    return this.putStale(key, value, ttl, 0, cause);
  }

  async putStale(
    key: K,
    value: V,
    ttl: Ttl | undefined,
    staleFor: Milliseconds,
    cause: Cause,
  ): Promise<void> {
    const core = this.#core;
    const [bytes, life] = [core.encode(value), core.ttlArgument(ttl)];
    const args = [bytes, life, core.wants, staleArgument(staleFor)];
    const place = core.place(key);
    const near = this.#near;
    const { index } = place.partition;
    const renewal = near?.beginRenewal(index, near.keyOf(key));
    try {
      const reply = await core.run(putScript, place, cause, args, true, (it) =>
        this.#stored(it, key, value, cause),
      );
      if (near !== undefined && renewal !== undefined) {
        // What is given later may have been changed by its owner.
        const stored = core.decode(Buffer.from(bytes as string), 0);
        const deadline = life === "0" ? 0 : reply.time + Number(life);
        near.keep(index, renewal, near.keyOf(key), stored, reply.position, deadline);
      }
    } finally {
      if (renewal !== undefined) near?.end(index, renewal);
    }
  }

  putNew(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<boolean> {
    return this.#putIf("new", key, value, ttl, cause);
  }

  replace(key: K, value: V, ttl: Ttl | undefined, cause: Cause): Promise<boolean> {
    return this.#putIf("present", key, value, ttl, cause);
  }

  async delete(key: K, cause: Cause): Promise<boolean> {
    return (await this.#remove(key, cause, this.#core.wants)).outcome === deleted;
  }

  async take(key: K, cause: Cause): Promise<V | undefined> {
    const core = this.#core;
    const { outcome, rest } = await this.#remove(key, cause, "1");
    if (outcome !== deleted) {
      core.counts.misses++;
      return undefined;
    }
    core.counts.hits++;
    return core.previous(rest[0]);
  }

  async expire(key: K, ttl: Ttl, cause: Cause): Promise<boolean> {
    return await this.#setTtl(key, this.#core.ttlArgument(ttl), cause);
  }

  async touch(key: K, cause: Cause): Promise<boolean> {
    return await this.#setTtl(key, "", cause);
  }

  async add(
    key: K,
    amount: number,
    initial: number,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<number> {
    const core = this.#core;
    const numbers = [String(amount), String(initial)];
    const args = [...numbers, core.ttlArgument(ttl), ttl === undefined ? "1" : ""];
    let sum = NaN;
    await core.run(addScript, core.place(key), cause, args, true, ({ gone, outcome, rest }) => {
      core.missing(gone, key, rest[2], cause);
      if (outcome === outcomes.notNumber)
        throw OptionError.invalid("key", "the key of a number", core.previous(rest[0]));
      if (outcome === outcomes.notFinite)
        throw OptionError.invalid("amount", "a number that keeps the sum finite", amount);
      sum = core.decode(rest[0], 0) as number;
      core.counts.writes++;
      if (!core.sink.active) return;
      const was = outcome === updated ? core.previous(rest[1]) : undefined;
      core.emit(outcome, cause, key, sum as V, was);
    });
    return sum;
  }

  async update(
    key: K,
    initial: V,
    fn: (value: V) => V,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<V> {
    const core = this.#core;
    const place = core.place(key);
    const flags = [core.ttlArgument(ttl), ttl === undefined ? "1" : ""] as const;
    let found = await this.#exactly(place, key, cause);
    for (;;) {
      const value = found === undefined ? initial : fn(core.decode(found));
      const expected = found === undefined ? "" : createHash("sha1").update(found).digest("hex");
      const args = [core.encode(value), flags[0], expected, flags[1]];
      const reply = await core.run(replaceIfScript, place, cause, args, true, (it) => {
        core.missing(it.gone, key, it.rest[1], cause);
        if (it.outcome === outcomes.conflict) return;
        core.counts.writes++;
        if (core.sink.active) core.emit(it.outcome, cause, key, value, core.previous(it.rest[0]));
      });
      if (reply.outcome !== outcomes.conflict) return value;
      const [was] = reply.rest;
      found = Buffer.isBuffer(was) ? was : undefined;
    }
  }

  async getOrStore(key: K, fn: (key: K) => V, ttl: Ttl | undefined, cause: Cause): Promise<V> {
    const core = this.#core;
    const place = core.place(key);
    const found = await this.#read(place, key, cause);
    if (found !== undefined) {
      core.counts.hits++;
      return core.decode(found);
    }
    core.counts.misses++;
    const value = fn(key);
    const args = [core.encode(value), core.ttlArgument(ttl), "", ""];
    const reply = await core.run(replaceIfScript, place, cause, args, true, (it) => {
      core.missing(it.gone, key, it.rest[1], cause);
      if (it.outcome === outcomes.conflict) return;
      core.counts.writes++;
      if (core.sink.active) core.emit(inserted, cause, key, value, undefined);
    });
    // Another was faster: a fill does not overwrite.
    return reply.outcome === outcomes.conflict ? core.decode(reply.rest[0]) : value;
  }

  async putAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): Promise<void> {
    await this.#bulk.putAll(entries, ttl, false, cause);
  }

  putNewAll(entries: ReadonlyMap<K, V>, ttl: Ttl | undefined, cause: Cause): Promise<boolean> {
    return this.#bulk.putAll(entries, ttl, true, cause);
  }

  getAll(query: StoreQuery<K, V>): Promise<Map<K, V>> {
    return this.#bulk.getAll(query);
  }

  deleteAll(query: StoreQuery<K, V>, cause: Cause): Promise<number> {
    return this.#bulk.deleteAll(query, cause);
  }

  countAll(query: StoreQuery<K, V>): Promise<number> {
    return this.#bulk.countAll(query);
  }

  stream(query: StoreQuery<K, V>): AsyncIterable<[K, V]> {
    return this.#bulk.stream(query);
  }

  info(): Promise<CacheInfo> {
    return this.#bulk.info();
  }

  counts(): CacheCounts {
    return { ...this.#core.counts };
  }

  close(): Promise<void> {
    this.#onClose();
    return Promise.resolve();
  }

  #copyOf(near: Near, key: K): { readonly value: unknown } | undefined {
    // Other keys are refused where they are encoded.
    if (typeof key === "symbol" || typeof key === "function") return undefined;
    return near.get(near.keyOf(key));
  }

  /** The value of an entry; what is read becomes a copy. */
  async #find(key: K, cause: Cause): Promise<{ readonly value: V } | undefined> {
    const core = this.#core;
    const place = core.place(key);
    const { index } = place.partition;
    const near = this.#near;
    const read = near?.begin(index);
    try {
      const found = await this.#read(place, key, cause);
      if (found === undefined) return undefined;
      const value = core.decode(found);
      if (near !== undefined && read !== undefined) {
        const [deadline, position] = [found.readDoubleBE(0), found.readDoubleBE(8)];
        near.keep(index, read, near.keyOf(key), value, position, deadline);
      }
      return { value };
    } finally {
      if (read !== undefined) near?.end(index, read);
    }
  }

  /** The entry, if it is there and not due; undefined: it is not. */
  async #read(place: Place, key: K, cause: Cause): Promise<Buffer | undefined> {
    const core = this.#core;
    const found = await core.calls.send(place.entry, ["GET", place.entry], true, false);
    if (found === null) return undefined;
    return this.#isLive(found) ?? (await this.#exactly(place, key, cause));
  }

  async #header(key: K, cause: Cause): Promise<Buffer | undefined> {
    const core = this.#core;
    const place = core.place(key);
    const command = ["GETRANGE", place.entry, "0", String(headerSize)];
    const found = await core.calls.send(place.entry, command, true, false);
    if (Buffer.isBuffer(found) && found.length === 0) return undefined;
    return this.#isLive(found) ?? (await this.#exactly(place, key, cause));
  }

  /** What was read, if it is certain that it is not due. */
  #isLive(found: unknown): Buffer | undefined {
    if (!Buffer.isBuffer(found) || found.length <= headerSize) return undefined;
    const deadline = found.readDoubleBE(0);
    return deadline === 0 || this.#core.time.isPast(deadline) === false ? found : undefined;
  }

  /** The entry by the engine's own clock. */
  async #exactly(place: Place, key: K, cause: Cause): Promise<Buffer | undefined> {
    const core = this.#core;
    const reply = await core.run(readScript, place, cause, [core.wants], false, (it) =>
      core.missing(it.gone, key, it.rest[1], cause),
    );
    const [found] = reply.rest;
    return Buffer.isBuffer(found) ? found : undefined;
  }

  async #putIf(
    when: "new" | "present",
    key: K,
    value: V,
    ttl: Ttl | undefined,
    cause: Cause,
  ): Promise<boolean> {
    const core = this.#core;
    const args = [core.encode(value), core.ttlArgument(ttl), core.wants, when];
    const { outcome } = await core.run(putIfScript, core.place(key), cause, args, true, (reply) =>
      this.#stored(reply, key, value, cause),
    );
    return outcome !== outcomes.nothing;
  }

  #stored(reply: ScriptReply, key: K, value: V, cause: Cause): void {
    const core = this.#core;
    const { outcome, rest } = reply;
    core.missing(reply.gone, key, rest[1], cause);
    if (outcome === outcomes.nothing) return;
    core.counts.writes++;
    if (core.sink.active) core.emit(outcome, cause, key, value, core.previous(rest[0]));
  }

  #remove(key: K, cause: Cause, wants: string): Promise<ScriptReply> {
    const core = this.#core;
    const always = cause.command === commands.invalidate.name ? "1" : "";
    const report = ({ gone, outcome, rest }: ScriptReply): void => {
      core.missing(gone, key, rest[1], cause);
      if (outcome === deleted) core.counts.deletions++;
      if (core.sink.active && (outcome === deleted || always !== ""))
        core.emit(deleted, cause, key, undefined, core.previous(rest[0]));
    };
    return core.run(removeScript, core.place(key), cause, [wants, always], true, report);
  }

  async #setTtl(key: K, ttl: string, cause: Cause): Promise<boolean> {
    const core = this.#core;
    const { wants } = core;
    const report = ({ gone, outcome, rest }: ScriptReply): void => {
      core.missing(gone, key, rest[1], cause);
      if (outcome !== updated || !core.sink.active) return;
      const value = core.previous(rest[0]);
      core.emit(updated, cause, key, value, value);
    };
    const { outcome } = await core.run(
      expireScript,
      core.place(key),
      cause,
      [ttl, wants],
      true,
      report,
    );
    return outcome !== outcomes.nothing;
  }
}
