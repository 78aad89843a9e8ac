import type { AsyncCache } from "nebulex-streams";
import type { Key, Request } from "../request.js";
import type { Played, WriteNumber } from "./messages.js";

/** Plays requests on a shared cache, as one of several processes would. */
export class SharedPlayer {
  readonly #cache: AsyncCache<Key, WriteNumber>;
  readonly #step: number;
  #next: WriteNumber;

  /**
   * @param index this process's number, from 0
   * @param processes how many there are
   */
  constructor(cache: AsyncCache<Key, WriteNumber>, index: number, processes: number) {
    this.#cache = cache;
    this.#next = index + 1;
    this.#step = processes;
  }

  /** Plays requests at once; those of one key one behind the other. */
  async play(requests: readonly Request[]): Promise<Played> {
    const played = { hits: 0, misses: 0, changes: 0 };
    const chains = new Map<Key, Promise<void>>();
    for (const request of requests) {
      const before = chains.get(request.key);
      const play = (): Promise<void> => this.#playOne(request, played);
      chains.set(request.key, before === undefined ? play() : before.then(play));
    }
    await Promise.all(chains.values());
    return played;
  }

  async #playOne(
    { op, key, ttl }: Request,
    played: { -readonly [Name in keyof Played]: Played[Name] },
  ): Promise<void> {
    if (op === "delete") {
      if (await this.#cache.delete(key)) played.changes += 1;
      return;
    }
    if (op === "read") {
      if ((await this.#cache.get(key)) !== undefined) {
        played.hits += 1;
        return;
      }
      played.misses += 1;
    }
    const number = this.#next;
    this.#next += this.#step;
    await this.#cache.put(key, number, ttl === undefined ? {} : { ttl });
    played.changes += 1;
  }
}
