import { LRUCache } from "lru-cache";
import { type Cache, defineCache, localAdapter, startSupervisor } from "nebulex-streams";
import { contest, each, nsToPut } from "../contest.js";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";
import { ours } from "../ours.js";
import { bareLru } from "../peers/bare-lru.js";
import { resultOf, type Scenario, scaled, us } from "../scenario.js";

const minute = { ttl: 60_000 };
/** One of its own: lru-cache writes into its options. */
const lruMinute = { ttl: 60_000 };

/** Ours with a TTL for each put. */
class OursWithTtl implements Rig {
  readonly #feed: Feed;
  readonly #cache: Cache<string, User>;
  readonly close: () => Promise<void>;

  constructor(feed: Feed, cache: Cache<string, User>, close: () => Promise<void>) {
    this.#feed = feed;
    this.#cache = cache;
    this.close = close;
    this.burst(feed.size);
  }

  put(): void {
    const id = this.#feed.next();
    this.#cache.put(this.#feed.keys[id] as string, userOf(id), minute);
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }
}

class LruWithTtl implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;

  constructor({ entries }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
  }

  put(): void {
    const id = this.#feed.next();
    this.#cache.set(this.#feed.keys[id] as string, userOf(id), lruMinute);
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): void {
    this.#cache.clear();
  }
}

const oursWithTtl: Peer = {
  name: us,
  lacks: "",
  async open({ entries }) {
    const cache = defineCache<string, User>({
      name: "ttl",
      adapter: localAdapter({ maxEntries: entries }),
    });
    const tree = await startSupervisor({ strategy: "one_for_one", children: [cache] });
    return new OursWithTtl(new Feed(entries), cache, () => tree.stop());
  },
};
const lruWithTtl: Peer = {
  name: "lru-cache, with TTL",
  lacks: "expiry that nobody waits for, events",
  open: (load) => new LruWithTtl(load),
};

/** (l): what a TTL costs. */
export const withTtl: Scenario = {
  id: "l",
  title: "entries with TTL",
  about:
    "a put with a TTL of its own, against one without; lru-cache drops what has expired only when it is read",
  async run(settings) {
    const entries = scaled(1_000_000, settings, 1000);
    const contestants = [
      oursWithTtl,
      { peer: ours({ stream: false }), as: "ours, without TTL" },
      lruWithTtl,
      { peer: bareLru, as: "lru-cache, without TTL" },
    ];
    const load = { entries, readers: 0 };
    const timings = await contest(contestants, load, Math.min(entries, 250_000), settings);
    const name = `put with TTL, ${entries.toLocaleString("en")} entries`;
    return [resultOf("l", name, "ns/put", "lower", each(timings, nsToPut))];
  },
};
