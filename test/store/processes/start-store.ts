import {
  type AsyncCache,
  defineCache,
  type Journal,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "../../../src/index.js";
import { redisAdapter, redisJournal } from "../../../src/redis.js";
import type { StoreNodeConfig, Value } from "./protocol.js";

export const cacheName = "shared";

/** A process's part of a shared store: journal, cache, and the stream with all values. */
export interface StartedStore {
  readonly cache: AsyncCache<string, Value>;
  readonly journal: Journal;
  readonly tree: Supervisor;
}

export async function startStore(config: Omit<StoreNodeConfig, "writer">): Promise<StartedStore> {
  const { node: nodeName, address, heartbeat } = config;
  const journal = redisJournal({
    url: `redis://${address.host}:${address.port}`,
    nodeName,
    heartbeat,
  });
  const adapter = redisAdapter({ journal, ...config.adapter });
  const cache = defineCache<string, Value>({ name: cacheName, adapter });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [journal, cache, streamServer({ cache, include: ["value", "previous"] })],
  });
  return { cache, journal, tree };
}
