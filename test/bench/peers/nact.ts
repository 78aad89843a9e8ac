import { LRUCache } from "lru-cache";
import { dispatch, spawn, start, stop } from "nact";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

interface Message {
  key: string;
  user: User;
}

class NactRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #system = start();
  readonly #actors;

  constructor({ entries, readers, handle }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.#actors = Array.from({ length: readers }, (_, n) =>
      spawn(
        this.#system,
        (state: object, { key }: Message) => (handle(key), state),
        `reader-${n}`,
        {
          initialState: {},
          onCrash: (_message, _error, context) => context.resume,
        },
      ),
    );
    for (const [id, key] of this.#feed.keys.entries()) this.#cache.set(key, userOf(id));
  }

  put(): void {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    const user = userOf(id);
    this.#cache.set(key, user);
    const message = { key, user };
    for (const actor of this.#actors) dispatch(actor, message);
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    for (const actor of this.#actors) stop(actor);
    stop(this.#system);
  }
}

export const nact: Peer = {
  name: "nact",
  lacks: "partitions, replay, limits of restarts; a crash loses the event in hand",
  open: (load) => new NactRig(load),
};
