import { LRUCache } from "lru-cache";
import { EventEmitter } from "eventemitter3";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

interface Events {
  put: [key: string, user: User];
  delete: [key: string];
}

class Emitter3Rig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #emitter = new EventEmitter<Events>();

  constructor({ entries, readers, handle, bystanders = 0 }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
    for (let n = 0; n < readers; n++) this.#emitter.on("put", (key) => handle(key));
    for (let n = 0; n < bystanders; n++) this.#emitter.on("delete", (key) => handle(key));
  }

  put(): void {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    const user = userOf(id);
    this.#cache.set(key, user);
    this.#emitter.emit("put", key, user);
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#emitter.removeAllListeners();
    this.#cache.clear();
  }
}

export const eventemitter3: Peer = {
  name: "lru-cache + eventemitter3",
  lacks:
    "event objects: key and value alone; partitions, replay; handlers run inside the put, and a crash breaks it",
  open: (load) => new Emitter3Rig(load),
};
