import { EventEmitter } from "node:events";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { Feed, type Load, type Peer, putsAtATime, type Rig, userOf } from "../load.js";

const open = (entries: number) =>
  new BentoCache({
    emitter: new EventEmitter().setMaxListeners(0),
    default: "memory",
    stores: {
      memory: bentostore().useL1Layer(memoryDriver({ maxItems: entries, serialize: false })),
    },
  });

class BentoRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: ReturnType<typeof open>;

  constructor({ entries }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = open(entries);
  }

  listen({ readers, handle }: Load): void {
    for (let n = 0; n < readers; n++) this.#cache.on("cache:written", ({ key }) => handle(key));
  }

  async put(): Promise<void> {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    await this.#cache.set({ key, value: userOf(id) });
  }

  async burst(puts: number): Promise<void> {
    for (let done = 0; done < puts; done += putsAtATime) {
      const count = Math.min(putsAtATime, puts - done);
      await Promise.all(Array.from({ length: count }, () => this.put()));
    }
  }

  async close(): Promise<void> {
    await this.#cache.disconnectAll();
  }
}

export const bentocache: Peer = {
  name: "bentocache",
  lacks: "partitions, replay, order of puts at once; a crash rejects the put",
  open: async (load) => {
    const rig = new BentoRig(load);
    await rig.burst(load.entries);
    rig.listen(load);
    return rig;
  },
};
