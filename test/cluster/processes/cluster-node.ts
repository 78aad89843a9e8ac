import {
  actor,
  type ActorRef,
  type Cache,
  type CacheEntryEvent,
  defineCache,
  getStream,
  handlerPool,
  type PubSub,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "../../../src/index.js";
import { natsPubSub } from "../../../src/nats.js";
import { redisPubSub } from "../../../src/redis.js";
import { NearCache } from "./near-cache.js";
import type {
  NearReport,
  NodeApi,
  NodeConfig,
  NodeStatus,
  PlainEvent,
  SeenOrigin,
  WriterReport,
} from "./protocol.js";
import { Witness } from "./witness.js";
import { Writer } from "./writer.js";

/** A node in a process of its own: a cache, its stream over a broker, and recording handlers. */
export class ClusterNode implements NodeApi {
  readonly #config: NodeConfig;
  readonly #cache = defineCache<unknown, unknown>({ name: "shared" });
  readonly #pubsub: PubSub;
  readonly #witness = new Witness();
  readonly #events: PlainEvent[] = [];
  readonly #read: unknown[] = [];
  readonly #near: NearCache | undefined;
  #writer: Writer | undefined;
  #tree!: Supervisor;
  #reader: ActorRef | undefined;

  private constructor(config: NodeConfig) {
    this.#config = config;
    this.#pubsub = pubsubOf(config);
    if (config.near !== undefined)
      this.#near = new NearCache(config.near, this.#pubsub, config.partitions);
  }

  static async start(config: NodeConfig): Promise<ClusterNode> {
    const node = new ClusterNode(config);
    await node.#start();
    return node;
  }

  status(): NodeStatus {
    const caches = [this.#cache, ...(this.#near === undefined ? [] : [this.#near.cache])];
    const known = caches.map((cache) =>
      getStream(cache as Cache<unknown, unknown>)
        .nodes()
        .filter(({ silent }) => !silent)
        .map(({ node }) => node),
    );
    return {
      pubsub: this.#pubsub.status,
      nodes: (known[0] ?? []).filter((node) => known.every((nodes) => nodes.includes(node))),
      written: this.#writer?.written ?? 0,
      memory: process.memoryUsage.rss(),
    };
  }

  write(rate: number): void {
    this.#needWriter().write(rate);
  }

  rest(): void {
    this.#needWriter().rest();
  }

  report(): WriterReport {
    return this.#needWriter().report(getStream(this.#cache).epoch);
  }

  seen(): SeenOrigin[] {
    return this.#witness.seen();
  }

  near(): NearReport {
    return this.#near?.report() ?? { held: 0, stale: [] };
  }

  command(...[name, args]: Parameters<NodeApi["command"]>): unknown {
    const does = this.#cache[name] as (...args: unknown[]) => unknown;
    return does.apply(this.#cache, args);
  }

  events(): PlainEvent[] {
    return this.#events;
  }

  async startReader(): Promise<void> {
    this.#reader = await this.#tree.startChild(
      actor<null, CacheEntryEvent>({
        id: "reader",
        init: (ctx) => {
          this.#cache.subscribe(ctx.self, { partition: "all" });
          return null;
        },
        receive: (state, { target }) => {
          if (target.kind === "key") this.#read.push(target.key);
          return state;
        },
      }),
    );
  }

  putFromReader(key: unknown, value: unknown): void {
    this.#cache.from(this.#reader as ActorRef).put(key, value);
  }

  readByReader(): unknown[] {
    return this.#read;
  }

  async stop(): Promise<void> {
    this.#writer?.close();
    await this.#tree.stop();
  }

  async #start(): Promise<void> {
    const { capacity, include, broadcastFun, partitions, events, writer } = this.#config;
    const { keepsEvents = false } = this.#config;
    this.#tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [
        this.#pubsub,
        this.#cache,
        streamServer({
          cache: this.#cache,
          pubsub: this.#pubsub,
          ...given({ capacity, include, broadcastFun, partitions }),
        }),
        handlerPool({
          cache: this.#cache,
          ...given({ events }),
          handler: {
            handle: (event) => {
              this.#witness.event(event);
              if (keepsEvents) this.#events.push(plain(event));
            },
            onGap: (gap) => this.#witness.gap(gap),
          },
        }),
        ...(this.#near?.children() ?? []),
      ],
    });
    if (writer === undefined) return;
    const cache = this.#cache as Cache<string, number>;
    this.#writer = new Writer(cache, partitions ?? 1, writer, () => this.#near?.live());
  }

  #needWriter(): Writer {
    if (this.#writer === undefined) throw new Error("this process has no writer");
    return this.#writer;
  }
}

function pubsubOf(config: NodeConfig): PubSub {
  const { engine, node, address, namespace, codec, heartbeat } = config;
  const { host, port } = address;
  const common = { nodeName: node, ...given({ namespace, codec, heartbeat }) };
  return engine === "redis"
    ? redisPubSub({ url: `redis://${host}:${port}`, ...common })
    : natsPubSub({ servers: `${host}:${port}`, ...common });
}

/** Options, without those that are not given. */
function given<T extends object>(options: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}

function plain({ type, command, target, value, values, metadata }: CacheEntryEvent): PlainEvent {
  const { node, epoch, partition, sequence, topic, fill } = metadata;
  return {
    type,
    command,
    target,
    node,
    epoch,
    partition,
    sequence,
    topic,
    fill,
    ...(value === undefined ? {} : { value }),
    ...(values === undefined ? {} : { values }),
  };
}
