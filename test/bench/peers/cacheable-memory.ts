import { CacheableMemory } from "cacheable";
import { Feed, type Load, type Peer, type Rig, userOf } from "../load.js";

class CacheableMemoryRig implements Rig {
  readonly #feed: Feed;
  readonly #cache = new CacheableMemory({ useClone: false });

  constructor({ entries, readers, handle }: Load) {
    this.#feed = new Feed(entries);
    this.burst(entries);
    for (let n = 0; n < readers; n++)
      this.#cache.onHook("AFTER_SET", ({ key }: { key: string }) => handle(key));
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

export const cacheableMemory: Peer = {
  name: "cacheable, memory only",
  lacks: "partitions, replay, limit of entries by default; a crash is an error event",
  open: (load) => new CacheableMemoryRig(load),
};
