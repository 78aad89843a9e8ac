import {
  defineCache,
  handlerPool,
  type Journal,
  localAdapter,
  startSupervisor,
  streamServer,
} from "nebulex-streams";
import { natsJournal } from "nebulex-streams/nats";
import { redisJournal } from "nebulex-streams/redis";
import { Feed, type User, userOf } from "../load.js";
import { entries, type Open } from "./contestant.js";

const partitions = 8;

const ours =
  (journalAt: (port: number) => Journal): Open =>
  async ({ port, handle }) => {
    const { put, close } = await openWriter(journalAt(port), handle);
    return {
      burst: (count) => {
        for (let left = count; left > 0; left--) put();
        return undefined;
      },
      close,
    };
  };

export const oursOverRedis = ours((port) => redisJournal({ url: `redis://127.0.0.1:${port}` }));
export const oursOverNats = ours((port) => natsJournal({ servers: `127.0.0.1:${port}` }));

/** A cache with a stream, with or without a journal. */
export async function openWriter(
  journal: Journal | undefined,
  handle?: (key: string) => void,
  /** `cluster`: once in the cluster; `node`: beside the journal, as without one. */
  scope: "cluster" | "node" = "cluster",
): Promise<{ put: () => void; close: () => Promise<void> }> {
  const cache = defineCache<string, User>({
    name: "journal",
    adapter: localAdapter({ maxEntries: entries }),
  });
  const pool = handlerPool<string, User>({
    cache,
    ...(scope === "cluster" ? { scope, from: "earliest" } : {}),
    handler: ({ target }) => {
      if (target.kind === "key") handle?.(target.key);
    },
  });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      ...(journal === undefined ? [] : [journal]),
      cache,
      streamServer({ cache, partitions, ...(journal === undefined ? {} : { journal }) }),
      ...(handle === undefined ? [] : [pool]),
    ],
  });
  const feed = new Feed(entries);
  const put = (): void => {
    const id = feed.next();
    cache.put(feed.keys[id] as string, userOf(id));
  };
  return { put, close: () => tree.stop() };
}
