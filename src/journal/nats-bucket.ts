import { pause, systemClock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import {
  asJetStreamFailure,
  codeOf,
  isGone,
  isWrongLast,
  type JetStreamClients,
  type KV,
  watchKeys,
} from "./jetstream-client.js";
import type { JetStreamSession } from "./jetstream-session.js";

/**
 * How often a stream or bucket may be missing before a call is rejected, and the first wait in
 * between. @internal
 */
export const maxMisses = 5;
/** @internal */
export const missDelay: Milliseconds = 20;

/** A value of a bucket. @internal */
export interface KeptValue {
  readonly key: string;
  readonly value: Uint8Array;
  readonly revision: number;
  /** When it was written, in milliseconds since 1970, by the server's clock. */
  readonly time: Milliseconds;
}

/** A bucket that is there. @internal */
export interface OpenBucket {
  readonly kv: KV;
  /** When it was created, in milliseconds since 1970, by the server's clock. */
  readonly createdAt: Milliseconds;
}

/** Opens a bucket; where it does not exist, it is created. @internal */
export async function openBucket(clients: JetStreamClients, name: string): Promise<OpenBucket> {
  const kv = await clients.bucket(name);
  const { streamInfo } = await kv.status();
  return { kv, createdAt: Math.floor(Date.parse(streamInfo.created)) };
}

/**
 * A key-value bucket over one session. One that has been deleted meanwhile is created again.
 *
 * @internal
 */
export class NatsBucket {
  readonly #session: JetStreamSession;
  readonly #name: string;
  readonly #lost: () => void;
  #bucket: OpenBucket;
  #opening: Promise<void> | undefined;
  readonly #stream: string;
  readonly #prefix: string;

  /** @param lost called when it has been created again */
  constructor(session: JetStreamSession, name: string, bucket: OpenBucket, lost: () => void) {
    this.#session = session;
    this.#name = name;
    this.#bucket = bucket;
    this.#lost = lost;
    this.#stream = `KV_${name}`;
    this.#prefix = `$KV.${name}.`;
  }

  /** Added to revisions, so that fences grow when the bucket is created again. */
  get fenceBase(): number {
    return this.#bucket.createdAt * 1000;
  }

  async get(key: string): Promise<KeptValue | undefined> {
    const entry = await this.#run(({ kv }) => kv.get(key));
    if (entry === null || entry.operation !== "PUT") return undefined;
    const { value, revision, created } = entry;
    return { key, value, revision, time: created.getTime() };
  }

  /** Returns the new revision. */
  put(key: string, value: string | Uint8Array): Promise<number> {
    return this.#run(({ kv }) => kv.put(key, value));
  }

  /**
   * Sets the value, if the key has this revision; 0: if it has no value.
   *
   * @returns the new revision; undefined: it has another one
   */
  async replace(
    key: string,
    value: string | Uint8Array,
    revision: number,
  ): Promise<number | undefined> {
    try {
      return await this.#run(({ kv }) =>
        revision === 0 ? kv.create(key, value) : kv.update(key, value, revision),
      );
    } catch (error) {
      if (isWrongLast(codeOf(error))) return undefined;
      throw error;
    }
  }

  /** Removes the key, if it has no younger revision. Leaves no trace, for watches neither. */
  async remove(key: string, revision: number): Promise<boolean> {
    const filter = this.#prefix + key;
    const { streams } = this.#session.jsm;
    const { purged } = await this.#run(() =>
      streams.purge(this.#stream, { filter, seq: revision + 1 }),
    );
    return purged > 0;
  }

  /** Removes all keys that match. */
  async removeAll(filter: string): Promise<void> {
    const { streams } = this.#session.jsm;
    await this.#run(() => streams.purge(this.#stream, { filter: this.#prefix + filter }));
  }

  /** The keys that match, in no order. */
  async keys(filter: string): Promise<string[]> {
    const { streams } = this.#session.jsm;
    const { state } = await this.#run(() =>
      streams.info(this.#stream, { subjects_filter: this.#prefix + filter }),
    );
    return Object.keys(state.subjects ?? {}).map((subject) => subject.slice(this.#prefix.length));
  }

  /** The values of the keys that match, in the order of their revisions. */
  async values(filter: string): Promise<KeptValue[]> {
    const kept = await Promise.all((await this.keys(filter)).map((key) => this.get(key)));
    return kept.filter((value) => value !== undefined).sort((a, b) => a.revision - b.revision);
  }

  /**
   * Calls `changed` for what happens to the keys that match, until the returned function is called.
   *
   * @param ended called when that is over without it
   */
  async watch(
    filter: string,
    changed: (kept: KeptValue) => void,
    ended: () => void,
  ): Promise<() => void> {
    const entries = await this.#run(async ({ kv }) => {
      const started = await watchKeys(kv, filter);
      // Nobody is given it any more.
      if (this.#session.endedWith !== undefined) started.stop();
      return started;
    });
    let isStopped = false;
    const stop = (): void => {
      isStopped = true;
      entries.stop();
    };
    const read = async (): Promise<void> => {
      for await (const { key, value, revision, created, operation } of entries)
        if (!isStopped && operation === "PUT")
          changed({ key, value, revision, time: created.getTime() });
      if (!isStopped) ended();
    };
    read().catch(() => {
      if (!isStopped) ended();
    });
    return stop;
  }

  async #run<T>(work: (bucket: OpenBucket) => Promise<T>): Promise<T> {
    const session = this.#session;
    for (let misses = 0; ; misses++) {
      try {
        return await session.run(work(this.#bucket));
      } catch (error) {
        if (!isGone(error) || session.endedWith !== undefined || misses === maxMisses)
          throw asJetStreamFailure(error);
      }
      // One that has just been created may have no subjects yet.
      await pause(systemClock, missDelay * misses);
      await this.#reopen();
    }
  }

  #reopen(): Promise<void> {
    const open = async (): Promise<void> => {
      this.#bucket = await this.#session.run(openBucket(this.#session.clients, this.#name));
      this.#lost();
    };
    this.#opening ??= open().finally(() => (this.#opening = undefined));
    return this.#opening;
  }
}
