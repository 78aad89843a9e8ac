import { LRUCache } from "lru-cache";
import { EventEmitter } from "node:events";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

class NodeEmitterRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #emitter = new EventEmitter();

  constructor({ entries, readers, handle, bystanders = 0 }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
    this.#emitter.setMaxListeners(0);
    for (let n = 0; n < readers; n++) this.#emitter.on("put", (key: string) => handle(key));
    for (let n = 0; n < bystanders; n++) this.#emitter.on("delete", (key: string) => handle(key));
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

export const nodeEmitter: Peer = {
  name: "lru-cache + node EventEmitter",
  lacks: "partitions, replay; handlers run inside the put, and a crash breaks it",
  open: (load) => new NodeEmitterRig(load),
};
