import {
  type Cache,
  type CacheEntryEvent,
  defineCache,
  handlerPool,
  type HandlerPoolOptions,
  localAdapter,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { Feed, type Load, type Peer, type Rig, type User, userOf } from "./load.js";

/** What of ours is to be set up beside the load. */
export interface Setup {
  /** Whether there is a stream. Default true. */
  stream?: boolean;
  partitions?: number;
  include?: readonly ["value"];
  /** Callbacks that subscribe; default for one reader: a handler pool. */
  callbacks?: boolean;
  /** Further options of the pool. */
  pool?: Partial<HandlerPoolOptions<string, User>>;
}

let instances = 0;

class OurRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: Cache<string, User>;
  readonly #tree: Supervisor;

  constructor(feed: Feed, cache: Cache<string, User>, tree: Supervisor) {
    this.#feed = feed;
    this.#cache = cache;
    this.#tree = tree;
  }

  put(): void {
    const id = this.#feed.next();
    this.#cache.put(this.#feed.keys[id] as string, userOf(id));
  }

  burst(puts: number): void {
    for (let n = 0; n < puts; n++) this.put();
  }

  close(): Promise<void> {
    return this.#tree.stop();
  }
}

async function open(load: Load, setup: Setup): Promise<Rig> {
  const { entries, readers, handle, bystanders = 0 } = load;
  const feed = new Feed(entries);
  const cache = defineCache<string, User>({
    name: `bench-${++instances}`,
    adapter: localAdapter({ maxEntries: entries }),
  });
  const tree = await startSupervisor({ strategy: "rest_for_one", children: [cache] });
  const rig = new OurRig(feed, cache, tree);
  rig.burst(entries);
  if (setup.stream === false) return rig;
  const { partitions, include = [] } = setup;
  const stream = partitions === undefined ? { cache, include } : { cache, include, partitions };
  await tree.startChild(streamServer(stream));
  const handler = ({ target }: CacheEntryEvent<string, User>): void => {
    if (target.kind === "key") handle(target.key);
  };
  if (readers === 1 && setup.callbacks !== true)
    await tree.startChild(handlerPool({ cache, handler, ...setup.pool }));
  else for (let n = 0; n < readers; n++) subscribe(cache, load, setup);
  for (let n = 0; n < bystanders; n++)
    cache.subscribe(handler, { partition: "all", events: ["deleted"] });
  return rig;
}

/** A function of its own for each reader, as users have them. */
function subscribe(cache: Cache<string, User>, { handle }: Load, { partitions }: Setup): void {
  const options = partitions === undefined ? {} : { partition: "all" as const };
  cache.subscribe(({ target }) => {
    if (target.kind === "key") handle(target.key);
  }, options);
}

/** Our package as a contestant. */
export const ours = (setup: Setup = {}): Peer => ({
  name: "ours",
  lacks: "",
  open: (load) => open(load, setup),
});
