import { Effect, Fiber, PubSub } from "effect";
import { LRUCache } from "lru-cache";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "../load.js";

interface Event {
  key: string;
  user: User;
}

/** The subscription is there when this has returned; the fiber behind it takes all that there is at a time. */
function subscribe(pubsub: PubSub.PubSub<Event>, handle: (key: string) => void): Fiber.Fiber<void> {
  return Effect.runFork(
    Effect.scoped(
      Effect.gen(function* () {
        const subscription = yield* PubSub.subscribe(pubsub);
        for (;;) {
          const events = yield* PubSub.takeAll(subscription);
          for (const { key } of events) handle(key);
        }
      }),
    ),
  );
}

class EffectRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: LRUCache<string, User>;
  readonly #pubsub = Effect.runSync(PubSub.unbounded<Event>());
  readonly #fibers: Fiber.Fiber<void>[];

  constructor({ entries, readers, handle }: Load) {
    this.#feed = new Feed(entries);
    this.#cache = new LRUCache({ max: entries });
    this.burst(entries);
    this.#fibers = Array.from({ length: readers }, () => subscribe(this.#pubsub, handle));
  }

  put(): void {
    const id = this.#feed.next();
    const key = this.#feed.keys[id] as string;
    const user = userOf(id);
    this.#cache.set(key, user);
    PubSub.publishUnsafe(this.#pubsub, { key, user });
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  async close(): Promise<void> {
    await Effect.runPromise(Fiber.interruptAll(this.#fibers));
    this.#cache.clear();
  }
}

export const effect: Peer = {
  name: "lru-cache + Effect PubSub",
  lacks: "partitions; a crash ends the subscriber",
  open: async (load) => {
    const rig = new EffectRig(load);
    // Lets the fibers run up to their first take.
    await new Promise((resolve) => setImmediate(resolve));
    return rig;
  },
};
