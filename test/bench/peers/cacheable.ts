import { Cacheable, CacheableHooks } from "cacheable";
import { Feed, type Load, type Peer, putsAtATime, type Rig, userOf } from "../load.js";

class CacheableRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: Cacheable;

  constructor({ entries }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new Cacheable();
  }

  listen({ readers, handle }: Load): void {
    for (let n = 0; n < readers; n++)
      this.#cache.onHook(CacheableHooks.AFTER_SET, ({ key }: { key: string }) => handle(key));
  }

  async put(): Promise<void> {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    await this.#cache.set(key, userOf(id));
  }

  async burst(puts: number): Promise<void> {
    for (let done = 0; done < puts; done += putsAtATime) {
      const count = Math.min(putsAtATime, puts - done);
      await Promise.all(Array.from({ length: count }, () => this.put()));
    }
  }

  async close(): Promise<void> {
    await this.#cache.clear();
    await this.#cache.disconnect();
  }
}

export const cacheable: Peer = {
  name: "cacheable",
  lacks: "partitions, replay, order of puts at once; a crash is an error event",
  open: async (load) => {
    const rig = new CacheableRig(load);
    await rig.burst(load.entries);
    rig.listen(load);
    return rig;
  },
};
