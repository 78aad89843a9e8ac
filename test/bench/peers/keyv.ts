import { Keyv, KeyvHooks } from "keyv";
import { Feed, type Load, type Peer, putsAtATime, type Rig, type User, userOf } from "../load.js";

class KeyvRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: Keyv<User>;

  constructor({ entries }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new Keyv({ store: new Map(), useKeyPrefix: false });
    // Values are kept as they are, not as JSON.
    this.#cache.serialize = undefined;
    this.#cache.deserialize = undefined;
  }

  listen({ readers, handle }: Load): void {
    for (let n = 0; n < readers; n++)
      this.#cache.hooks.addHandler(KeyvHooks.POST_SET, ({ key }: { key: string }) => handle(key));
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
  }
}

export const keyv: Peer = {
  name: "keyv",
  lacks: "partitions, replay, limit of entries, order of puts at once; a crash is swallowed",
  open: async (load) => {
    const rig = new KeyvRig(load);
    await rig.burst(load.entries);
    rig.listen(load);
    return rig;
  },
};
