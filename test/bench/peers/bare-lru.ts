import { LRUCache } from "lru-cache";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

class BareLru implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;

  constructor({ entries }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
  }

  put(): void {
    const id = this.#feed.next();
    this.#cache.set(this.#feed.keys[id] as string, userOf(id));
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#cache.clear();
  }
}

export const bareLru: Peer = {
  name: "lru-cache",
  lacks: "no events",
  open: (load) => new BareLru(load),
};
