import {
  type AsyncCache,
  type CacheEntryEvent,
  type ChildLike,
  defineCache,
  type Include,
  startSupervisor,
  type StreamMessage,
  streamServer,
  type StreamServerOptions,
  type Supervisor,
} from "../../src/index.js";
import {
  redisAdapter,
  type RedisAdapterOptions,
  redisJournal,
  type RedisJournalOptions,
} from "../../src/redis.js";
import { waitFor } from "../../src/testing/wait-for.js";

export type Store = AsyncCache<unknown, unknown>;

export interface StoreNodeOptions {
  readonly name?: string;
  readonly cache?: string;
  readonly adapter?: Omit<RedisAdapterOptions, "journal">;
  readonly journal?: RedisJournalOptions;
  /** False: no stream server. */
  readonly stream?: Omit<Partial<StreamServerOptions<unknown, unknown>>, "cache"> | false;
  readonly children?: (cache: Store) => ChildLike[];
}

let names = 0;

/** What one process is elsewhere: a system with a shared cache, and what its stream has brought. */
export class StoreNode implements AsyncDisposable {
  readonly cache: Store;
  readonly sup: Supervisor;
  readonly events: CacheEntryEvent[] = [];
  readonly gaps: StreamMessage[] = [];

  constructor(cache: Store, sup: Supervisor) {
    this.cache = cache;
    this.sup = sup;
  }

  static async start(options: StoreNodeOptions): Promise<StoreNode> {
    const { name = `node${names++}`, stream = {}, children = () => [] } = options;
    const journal = redisJournal({ nodeName: name, connectionTimeout: 20_000, ...options.journal });
    // No test but those of outages depends on how fast the server answers.
    const adapter = redisAdapter({ journal, commandTimeout: 20_000, ...options.adapter });
    const cache: Store = defineCache({ name: options.cache ?? "products", adapter });
    const include: Include[] = ["value", "previous"];
    const server = stream === false ? [] : [streamServer({ cache, include, ...stream })];
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [journal, cache, ...server, ...children(cache)],
    });
    const node = new StoreNode(cache, sup);
    if (stream !== false) node.#read();
    return node;
  }

  #read(): void {
    this.cache.subscribe(
      (message) => void (message.type === "gap" ? this.gaps : this.events).push(message as never),
      { gaps: true },
    );
  }

  /** Waits until so many events have come. */
  async has(count: number): Promise<readonly CacheEntryEvent[]> {
    await waitFor(() => this.events.length >= count, {
      timeout: 10_000,
      message: `${count} events, there are ${this.events.length}`,
    });
    return this.events;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.sup.stop();
  }
}

/** What an event says, shortly: its type, key or keys, value, previous value. */
export function shortly(event: CacheEntryEvent): unknown[] {
  const { type, target, value, previous, values, previousValues } = event;
  const about =
    target.kind === "key" ? target.key : target.kind === "keys" ? target.keys : target.query;
  return [
    type,
    about,
    values === undefined ? value : Object.fromEntries(values as Map<string, unknown>),
    previousValues === undefined
      ? previous
      : Object.fromEntries(previousValues as Map<string, unknown>),
  ];
}
