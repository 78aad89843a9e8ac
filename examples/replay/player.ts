import type { Cache } from "nebulex-streams";
import type { Version } from "./check/link.js";
import type { Key, Request } from "./request.js";

/** Plays requests on a cache, as a program with that cache would. */
export class Player {
  readonly #cache: Cache<Key, Version>;
  readonly #versions = new Map<Key, Version>();
  #requests = 0;
  #hits = 0;
  #misses = 0;
  #puts = 0;
  #deletions = 0;

  constructor(cache: Cache<Key, Version>) {
    this.#cache = cache;
  }

  get requests(): number {
    return this.#requests;
  }

  get hits(): number {
    return this.#hits;
  }

  get misses(): number {
    return this.#misses;
  }

  /** How many events the cache must have made: one for each entry that was put or that went. */
  get emitted(): number {
    const { evictions, expirations } = this.#cache.info();
    return this.#puts + this.#deletions + evictions + expirations;
  }

  /** Plays requests, one behind the other, without giving way to anything else. */
  play(requests: readonly Request[]): void {
    for (const request of requests) this.#playOne(request);
    this.#requests += requests.length;
  }

  #playOne(request: Request): void {
    switch (request.op) {
      case "read":
        if (this.#cache.get(request.key) === undefined) {
          this.#misses += 1;
          this.#put(request);
        } else {
          this.#hits += 1;
        }
        break;
      case "write":
        this.#put(request);
        break;
      case "delete":
        if (this.#cache.delete(request.key)) this.#deletions += 1;
        break;
    }
  }

  #put({ key, ttl }: Request): void {
    const version = (this.#versions.get(key) ?? 0) + 1;
    this.#versions.set(key, version);
    if (ttl === undefined) this.#cache.put(key, version);
    else this.#cache.put(key, version, { ttl });
    this.#puts += 1;
  }
}
