import KeyvRedis from "@keyv/redis";
import { BentoCache, bentostore } from "bentocache";
import { memoryDriver } from "bentocache/drivers/memory";
import { redisBusDriver, redisDriver } from "bentocache/drivers/redis";
import { Cacheable } from "cacheable";
import { Keyv } from "keyv";
import type { User } from "../load.js";
import { us } from "../scenario.js";
import { openShared } from "./ours.js";

/** A cache in Redis with copies in the process, in one of the processes that share it. */
export interface Sharer {
  get(key: string): Promise<User | undefined>;
  put(key: string, user: User): Promise<unknown>;
  close(): Promise<unknown>;
}

/** Entries, all of which have room in each process. */
export const sharedEntries = 10_000;

type Open = (port: number) => Promise<Sharer>;

const openOurs: Open = async (port) => {
  const near = { maxEntries: sharedEntries };
  const { cache, close } = await openShared(port, "near", { near });
  return {
    get: (key) => cache.get(key),
    put: (key, user) => cache.put(key, user),
    close,
  };
};

const openBento: Open = async (port) => {
  const connection = { host: "127.0.0.1", port };
  const bento = new BentoCache({
    default: "tiers",
    stores: {
      tiers: bentostore()
        .useL1Layer(memoryDriver({ maxItems: sharedEntries }))
        .useL2Layer(redisDriver({ connection }))
        .useBus(redisBusDriver({ connection })),
    },
  });
  return {
    get: (key) => bento.get<User>({ key }),
    put: (key, value) => bento.set({ key, value }),
    close: () => bento.disconnectAll(),
  };
};

const openCacheable: Open = async (port) => {
  const secondary = new Keyv({ store: new KeyvRedis(`redis://127.0.0.1:${port}`) });
  const cache = new Cacheable({ secondary });
  return {
    get: (key) => cache.get<User>(key),
    put: (key, user) => cache.set(key, user),
    close: () => cache.disconnect(),
  };
};

export const sharers: Readonly<Record<string, Open>> = {
  [us]: openOurs,
  "bentocache, memory + redis + bus": openBento,
  "cacheable, memory + @keyv/redis": openCacheable,
};
