import { LRUCache } from "lru-cache";
import { filter, Subject } from "rxjs";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

interface Event {
  type: "put" | "delete";
  key: string;
  user: User | undefined;
}

class RxjsRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #subject = new Subject<Event>();

  constructor({ entries, readers, handle, bystanders = 0 }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
    const puts = this.#subject.pipe(filter(({ type }) => type === "put"));
    const wanted = bystanders === 0 ? this.#subject : puts;
    const deletions = this.#subject.pipe(filter(({ type }) => type === "delete"));
    for (let n = 0; n < readers; n++) wanted.subscribe(({ key }) => handle(key));
    for (let n = 0; n < bystanders; n++) deletions.subscribe(({ key }) => handle(key));
  }

  put(): void {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    const user = userOf(id);
    this.#cache.set(key, user);
    this.#subject.next({ type: "put", key, user });
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#subject.complete();
    this.#cache.clear();
  }
}

export const rxjs: Peer = {
  name: "lru-cache + rxjs",
  lacks: "partitions; handlers run inside the put, a crash is an uncaught exception",
  open: (load) => new RxjsRig(load),
};
