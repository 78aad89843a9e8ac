import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import {
  type ActorRef,
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
  /** An inspector in the tree: without a page, or with one that is open. */
  inspector?: "closed" | "open";
  /** Further options of the pool. */
  pool?: Partial<HandlerPoolOptions<string, User>>;
}

let instances = 0;

class OurRig implements Rig {
  readonly #feed: Feed;
  readonly #cache: Cache<string, User>;
  readonly #tree: Supervisor;
  page: ChildProcess | undefined;

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
    this.page?.kill();
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
  if (setup.inspector !== undefined) rig.page = await inspect(tree, setup.inspector);
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

/** The page is a process of its own, which throws away what it is sent. */
async function inspect(
  tree: Supervisor,
  page: "closed" | "open",
): Promise<ChildProcess | undefined> {
  const { inspector, inspectorAddress } = await import("nebulex-streams/inspector");
  const ref = (await tree.startChild(inspector({ port: 0 }))) as ActorRef;
  if (page === "closed") return undefined;
  const { url } = inspectorAddress(ref);
  const program = `const { body } = await fetch(${JSON.stringify(`${url}events`)});
    let isFirst = true;
    for await (const _ of body) if (isFirst) isFirst = process.stdout.write("open") && false;`;
  const args = ["--input-type=module", "--eval", program];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  return child;
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
