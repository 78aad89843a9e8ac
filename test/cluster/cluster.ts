import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type Cache,
  type ChildLike,
  createHub,
  defineCache,
  type GapEvent,
  getStream,
  type Hub,
  type HubMessage,
  localAdapter,
  localPubSub,
  type LocalPubSubOptions,
  type PubSub,
  startSupervisor,
  streamServer,
  type StreamMessage,
  type StreamServerOptions,
  type SubscribeOptions,
  type Supervisor,
} from "../../src/index.js";
import { unframe } from "../../src/pubsub/frame.js";
import { type Bus, busOf, type PubSubWithBus } from "../../src/pubsub/types.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { until } from "../helpers/actors.js";

export type Message = StreamMessage<unknown, unknown>;
export type Event = Exclude<Message, GapEvent>;
export type Store = Cache<unknown, unknown>;

export const heartbeat = 300;

export interface NodeOptions {
  readonly stream?: Omit<Partial<StreamServerOptions<unknown, unknown>>, "cache">;
  readonly pubsub?: Omit<LocalPubSubOptions, "hub" | "nodeName">;
  readonly cacheName?: string;
  /** A pubsub in place of the hub's. */
  readonly over?: PubSub;
  /** Children after the stream server. */
  readonly children?: (cache: Store) => ChildLike[];
}

/** A system with a cache, its stream, and a pubsub that connects it with others. */
export class ClusterNode {
  readonly name: string;
  readonly cache: Store;
  readonly pubsub: PubSub;
  readonly sup: Supervisor;

  constructor(name: string, cache: Store, pubsub: PubSub, sup: Supervisor) {
    this.name = name;
    this.cache = cache;
    this.pubsub = pubsub;
    this.sup = sup;
  }

  get bus(): Bus {
    return (this.pubsub as PubSubWithBus)[busOf];
  }

  get epoch(): string {
    return getStream(this.cache).epoch;
  }

  /** Collects what a reader of all partitions receives. */
  read(options: Partial<SubscribeOptions> = {}): Reader {
    const reader = new Reader();
    const { partitions } = getStream(this.cache);
    this.cache.subscribe((message) => void reader.messages.push(message as Message), {
      gaps: true,
      ...(partitions === null || options.group !== undefined ? {} : { partition: "all" }),
      ...options,
    });
    return reader;
  }
}

/** What a reader has received. */
export class Reader {
  readonly messages: Message[] = [];

  get events(): Event[] {
    return this.messages.filter((it): it is Event => it.type !== "gap");
  }

  get gaps(): GapEvent[] {
    return this.messages.filter((it): it is GapEvent => it.type === "gap");
  }

  /** The keys of a node's events about one key. */
  keysFrom(node: string): unknown[] {
    return this.events
      .filter(({ metadata }) => metadata.node === node)
      .map(({ target }) => (target.kind === "key" ? target.key : target));
  }

  /** Gaps of a node's events, as `from..to`. */
  gapsOf(node: string): string[] {
    return this.gaps.filter((gap) => gap.node === node).map(({ from, to }) => `${from}..${to}`);
  }
}

/** Nodes on one hub, with a simulated clock. */
export class Cluster implements AsyncDisposable {
  readonly hub: Hub = createHub();
  readonly clock = new SimulatedClock(1_700_000_000_000);
  readonly nodes = new Set<ClusterNode>();

  /** Starts a node; time passes meanwhile. */
  async start(name: string, options: NodeOptions = {}): Promise<ClusterNode> {
    const { stream, children, cacheName = "users" } = options;
    const pubsub =
      options.over ?? localPubSub({ hub: this.hub, nodeName: name, heartbeat, ...options.pubsub });
    const cache: Store = defineCache({
      name: cacheName,
      adapter: localAdapter({ sweepInterval: 3_600_000 }),
    });
    const sup = await this.passing(
      startSupervisor({
        strategy: "rest_for_one",
        clock: this.clock,
        maxRestarts: 10_000,
        children: [
          pubsub,
          cache,
          streamServer({ cache, pubsub, ...stream }),
          ...(children?.(cache) ?? []),
        ],
      }),
    );
    const node = new ClusterNode(name, cache, pubsub, sup);
    this.nodes.add(node);
    return node;
  }

  /** Starts nodes, one after the other. */
  async startAll(names: readonly string[], options: NodeOptions = {}): Promise<ClusterNode[]> {
    const nodes: ClusterNode[] = [];
    for (const name of names) nodes.push(await this.start(name, options));
    return nodes;
  }

  /** Waits for something that takes time. */
  async passing<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    promise.then(
      () => (isDone = true),
      () => (isDone = true),
    );
    for (let turn = 0; !isDone; turn++) {
      await nextTurn();
      if (turn % 20 === 19) await this.clock.advance(10);
      if (turn > 20_000) throw new Error("takes for ever");
    }
    return promise;
  }

  /** Waits for a condition, while time passes. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let turn = 0; turn < 5_000; turn++) {
      if (await condition()) return;
      if (turn % 10 === 9) await this.clock.advance(10);
      await nextTurn();
    }
    throw new Error(`never came true: ${condition.toString()}`);
  }

  /** Lets all messages in flight arrive; no time passes. */
  async rest(turns = 60): Promise<void> {
    for (let turn = 0; turn < turns; turn++) await nextTurn();
  }

  /** Stops a node in order. */
  async stop(node: ClusterNode): Promise<void> {
    this.nodes.delete(node);
    await this.passing(node.sup.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) {
      this.hub.resume(node.name);
      await this.stop(node);
    }
  }

  /** Kills or crashes a node's stream server and waits for the next one. */
  async hit(node: ClusterNode, id: string, how: "kill" | "crash"): Promise<void> {
    const find = async (): Promise<unknown> =>
      // A supervisor that waits for a child to start answers when it has.
      (await this.passing(node.sup.whichChildren())).find((child) => child.id === id)?.ref;
    const before = (await find()) as { kill(): Promise<void>; stop(why: Error): Promise<void> };
    if (how === "kill") void before.kill();
    else void before.stop(new Error("a fault of the test"));
    await this.until(async () => {
      const now = await find();
      return now !== before && typeof now === "object";
    });
  }
}

/** A message of a stream, as its fields; undefined for anything else. */
export function fieldsOf({ payload }: HubMessage): unknown[] | undefined {
  const fields = unframe(payload, Infinity);
  return Array.isArray(fields) ? fields : undefined;
}

export function isData(message: HubMessage): boolean {
  return message.channel.includes(":data:");
}

/** Waits until each node has heard all others: from then on, readers are owed all events. */
export async function warmUp(
  cluster: Cluster,
  nodes: readonly ClusterNode[],
  readers: readonly Reader[],
): Promise<void> {
  await cluster.rest();
  for (const node of nodes) node.cache.put(`warm ${node.name}`, 0);
  await until(() =>
    readers.every((reader) => nodes.every(({ name }) => reader.keysFrom(name).length > 0)),
  );
  for (const reader of readers) reader.messages.length = 0;
}
