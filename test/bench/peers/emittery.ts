import { LRUCache } from "lru-cache";
import Emittery from "emittery";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

interface Events {
  put: { key: string; user: User };
  delete: { key: string };
}

class EmitteryRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #emitter = new Emittery<Events>();

  constructor({ entries, readers, handle, bystanders = 0 }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
    for (let n = 0; n < readers; n++) this.#emitter.on("put", ({ key }) => handle(key));
    for (let n = 0; n < bystanders; n++) this.#emitter.on("delete", ({ key }) => handle(key));
  }

  put(): void {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    const user = userOf(id);
    this.#cache.set(key, user);
    void this.#emitter.emit("put", { key, user });
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#emitter.clearListeners();
    this.#cache.clear();
  }
}

export const emittery: Peer = {
  name: "lru-cache + emittery",
  lacks: "partitions, replay; order of async handlers; a crash rejects the emit, the event is gone",
  open: (load) => new EmitteryRig(load),
};
