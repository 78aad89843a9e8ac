import { LRUCache } from "lru-cache";
import { EventEmitter } from "eventemitter3";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

/** What all events of one emitter have in common. */
interface Source {
  readonly cache: string;
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: number;
}

/** The content of our events. As with ours, target and metadata are made when they are read. */
class PutEvent {
  readonly type: "inserted" | "updated";
  readonly command: string;
  declare value?: User;
  private readonly source: Source;
  private readonly key: string;
  private readonly sequence: number;
  private readonly at: number;

  constructor(
    type: "inserted" | "updated",
    command: string,
    source: Source,
    key: string,
    sequence: number,
    at: number,
  ) {
    this.type = type;
    this.command = command;
    this.source = source;
    this.key = key;
    this.sequence = sequence;
    this.at = at;
  }

  get cache(): string {
    return this.source.cache;
  }

  get target(): { kind: "key"; key: string } {
    return { kind: "key", key: this.key };
  }

  get metadata(): object {
    const { cache, node, epoch, startedAt } = this.source;
    const { sequence } = this;
    const topic = `${cache}:${this.type}`;
    return { topic, node, epoch, sequence, timestamp: startedAt + this.at, fill: false };
  }
}

interface Events {
  put: [event: PutEvent];
}

/** Events between two readings of the clock, as with ours; a power of 2. */
const eventsPerReading = 16;

class EventObjectRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #emitter = new EventEmitter<Events>();
  readonly #source: Source;
  readonly #withValue: boolean;
  #sequence = 0;
  #at = 0;

  constructor({ entries, readers, handle }: Load, withValue: boolean) {
    this.#feed = new Feed(entries);
    this.#source = { cache: "bench", node: "node", epoch: "epoch", startedAt: Date.now() };
    this.#withValue = withValue;
    this.#cache = new LRUCache({
      max: entries,
      onInsert: (user, key, reason) => this.#emit(reason === "add", key, user),
    });
    this.burst(entries);
    for (let n = 0; n < readers; n++)
      this.#emitter.on("put", ({ target }) => {
        if (target.kind === "key") handle(target.key);
      });
  }

  #emit(isNew: boolean, key: string, user: User): void {
    const sequence = this.#sequence++;
    if ((sequence & (eventsPerReading - 1)) === 0) this.#at = Date.now() - this.#source.startedAt;
    const type = isNew ? "inserted" : "updated";
    const event = new PutEvent(type, "put", this.#source, key, sequence, this.#at);
    if (this.#withValue) event.value = user;
    this.#emitter.emit("put", event);
  }

  put(): void {
    const id = this.#feed.next();
    this.#cache.set(this.#feed.keys[id] as string, userOf(id));
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#emitter.removeAllListeners();
    this.#cache.clear();
  }
}

/** With an event object of the same content as ours in place of key and value alone. */
export const eventObject = ({ value }: { value: boolean }): Peer => ({
  name: eventObjectName,
  lacks: "partitions, replay; handlers run inside the put, and a crash breaks it",
  open: (load) => new EventObjectRig(load, value),
});

export const eventObjectName = "lru-cache + eventemitter3, equal event";
