import { LRUCache } from "lru-cache";
import { Feed, type User, userOf } from "../load.js";
import { type Client, connectClient } from "./clients.js";
import { openOurs } from "./ours.js";
import { type Contestant, entries } from "./setup.js";

/** What the peers send of an event. */
interface Told {
  type: "inserted" | "updated";
  key: string;
  value?: User;
}

/** Stores in an LRU cache, and tells of it with the client alone. */
function direct(
  send: (events: Told[], client: Client) => Promise<unknown> | undefined,
): Contestant {
  return {
    async send(setup) {
      const client = await connectClient(setup);
      const cache = new LRUCache<string, User>({ max: entries });
      const feed = new Feed(entries);
      const tell = (): Told => {
        const id = feed.next();
        const key = feed.keys[id] as string;
        const value = userOf(id);
        const type = cache.has(key) ? "updated" : "inserted";
        cache.set(key, value);
        return setup.withValue ? { type, key, value } : { type, key };
      };
      return {
        burst: (count) => send(Array.from({ length: count }, tell), client),
        close: () => client.close(),
      };
    },
    async receive(setup, handle) {
      const client = await connectClient(setup);
      await client.listen((text) => {
        const told = JSON.parse(text) as Told | Told[];
        if (!Array.isArray(told)) handle(told.key, told.value);
        else for (const { key, value } of told) handle(key, value);
      });
      return client;
    },
  };
}

/** By name; ours is "ours". */
export const contestants = {
  ours: openOurs,
  oneByOne: direct((events, client) => {
    let last: Promise<unknown> | undefined;
    for (const event of events) last = client.publish(JSON.stringify(event));
    return last;
  }),
  batched: direct((events, client) => {
    return client.publish(JSON.stringify(events));
  }),
} satisfies Record<string, Contestant>;
export type ContestantName = keyof typeof contestants;
