import {
  type AsyncCache,
  type ChildSpec,
  defineCache,
  type HandlerPoolOptions,
  handlerPool,
  type Journal,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { redisAdapter, redisJournal } from "nebulex-streams/redis";
import type { Key } from "../request.js";
import { group, type Place, type WriteNumber } from "./messages.js";

/** A process's part of the whole: its journal, the cache that all processes share, and a pool. */
export interface SharedTree {
  readonly cache: AsyncCache<Key, WriteNumber>;
  readonly journal: Journal;
  readonly tree: Supervisor;
}

type Handling = Pick<
  HandlerPoolOptions<Key, WriteNumber>,
  "handler" | "maxAttempts" | "maxRestarts"
>;

/** @param handling absent: this process looks on, and handles nothing */
export async function startSharedTree(
  { url, namespace, partitions }: Place,
  nodeName: string,
  handling?: Handling,
): Promise<SharedTree> {
  const journal = redisJournal({ url, namespace, nodeName });
  // A replay uses all the processors there are: an answer may be late.
  const adapter = redisAdapter({ journal, partitions, commandTimeout: 30_000 });
  const cache = defineCache<Key, WriteNumber>({ name: "replay", adapter });
  const children: (ChildSpec | Journal | AsyncCache<Key, WriteNumber>)[] = [
    journal,
    cache,
    // It takes journal and partitions from the cache's adapter.
    streamServer({ cache, include: ["value", "previous"] }),
  ];
  if (handling !== undefined)
    children.push(
      handlerPool({
        cache,
        group,
        scope: "cluster",
        from: "earliest",
        onError: "restart",
        ...handling,
      }),
    );
  const tree = await startSupervisor({ strategy: "rest_for_one", children });
  return { cache, journal, tree };
}
