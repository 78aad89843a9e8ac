import { type AsyncCache, defineCache, localAdapter, startSupervisor } from "nebulex-streams";
import { redisAdapter, type RedisAdapterOptions, redisJournal } from "nebulex-streams/redis";
import { Feed, type User, userOf } from "../load.js";
import { entries, type SharedRig } from "./rig.js";

/** Milliseconds: a busy machine does not end the benchmark. */
const commandTimeout = 30_000;

/** A shared store, without a stream server: who wants its events reads the journal elsewhere. */
export async function openShared(
  port: number,
  name: string,
  options: Omit<RedisAdapterOptions, "journal"> = {},
): Promise<{ cache: AsyncCache<string, User>; close: () => Promise<void> }> {
  const journal = redisJournal({ url: `redis://127.0.0.1:${port}` });
  const cache = defineCache<string, User>({
    name,
    adapter: redisAdapter({ journal, commandTimeout, ...options }),
  });
  const tree = await startSupervisor({ strategy: "rest_for_one", children: [journal, cache] });
  return { cache, close: () => tree.stop() };
}

export async function openOurs(
  port: number,
  name: string,
  options?: Omit<RedisAdapterOptions, "journal">,
): Promise<SharedRig> {
  const { cache, close } = await openShared(port, name, options);
  const [writes, reads] = [new Feed(entries), new Feed(entries)];
  return {
    put: (count) =>
      Promise.all(
        Array.from({ length: count }, () => {
          const id = writes.next();
          return cache.put(writes.keys[id] as string, userOf(id));
        }),
      ),
    get: (count) =>
      Promise.all(
        Array.from({ length: count }, () => cache.get(reads.keys[reads.next()] as string)),
      ),
    close,
  };
}

/** A cache in this process alone, behind promises: the ceiling of a near hit. */
export async function openLocal(): Promise<SharedRig> {
  const cache = defineCache<string, User>({ name: "local", adapter: localAdapter() });
  const tree = await startSupervisor({ strategy: "one_for_one", children: [cache] });
  const [writes, reads] = [new Feed(entries), new Feed(entries)];
  const put = async (): Promise<void> => {
    const id = writes.next();
    cache.put(writes.keys[id] as string, userOf(id));
  };
  const get = async (): Promise<User | undefined> => cache.get(reads.keys[reads.next()] as string);
  return {
    put: (count) => Promise.all(Array.from({ length: count }, put)),
    get: (count) => Promise.all(Array.from({ length: count }, get)),
    close: () => tree.stop(),
  };
}
