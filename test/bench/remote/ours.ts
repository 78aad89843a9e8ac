import { setTimeout as sleep } from "node:timers/promises";
import {
  type Cache,
  defineCache,
  getStream,
  handlerPool,
  localAdapter,
  type PubSub,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { natsPubSub } from "nebulex-streams/nats";
import { redisPubSub } from "nebulex-streams/redis";
import { Feed, type User, userOf } from "../load.js";
import { type Contestant, entries, type Setup } from "./setup.js";

/** Our package as a contestant. */
export const openOurs: Contestant = {
  async send(setup) {
    const { cache, tree } = await open(setup);
    while (getStream(cache).nodes().length === 0) await sleep(5);
    const feed = new Feed(entries);
    return {
      burst: (count) => {
        for (let left = count; left > 0; left--) {
          const id = feed.next();
          cache.put(feed.keys[id] as string, userOf(id));
        }
        return undefined;
      },
      close: () => tree.stop(),
    };
  },
  async receive(setup, handle) {
    const { cache, tree } = await open(setup);
    await tree.startChild(
      handlerPool({
        cache,
        handler: ({ target, value }) => {
          if (target.kind === "key") handle(target.key, value);
        },
      }),
    );
    return { close: () => tree.stop() };
  },
};

async function open(setup: Setup): Promise<{ cache: Cache<string, User>; tree: Supervisor }> {
  const cache = defineCache<string, User>({
    name: "remote",
    adapter: localAdapter({ maxEntries: entries }),
  });
  const pubsub = pubsubOf(setup);
  const include = setup.withValue ? (["value"] as const) : [];
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [pubsub, cache, streamServer({ cache, pubsub, include })],
  });
  return { cache, tree };
}

function pubsubOf({ engine, port, channel }: Setup): PubSub {
  return engine === "redis"
    ? redisPubSub({ url: `redis://127.0.0.1:${port}`, namespace: channel })
    : natsPubSub({ servers: `127.0.0.1:${port}`, namespace: channel });
}
