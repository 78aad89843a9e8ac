import {
  type Adapter,
  type AsyncAdapter,
  type AsyncCache,
  type Cache,
  type ChildLike,
  type Clock,
  createHub,
  defineCache,
  type Hub,
  type HubMessage,
  invalidator,
  type InvalidatorOptions,
  localAdapter,
  localPubSub,
  startSupervisor,
  type Strategy,
  streamServer,
  type StreamServerOptions,
  type Supervisor,
  whenIdle,
} from "nebulex-streams";
import { systemClock } from "../../src/clock.js";
import { streamOf, slotFor } from "../../src/stream/streams.js";
import type { Replicator } from "../../src/cluster/replicator.js";
import type { Stream } from "../../src/stream/stream.js";
import { rest, until } from "../helpers/actors.js";
import { Notes, Tree } from "../helpers/streams.js";

export const shapes = [undefined, 1, 4] as const;

/**
 * A clock that stands still until time passes, and a wall clock that can be set. Timers are real.
 */
export class Wall implements Clock {
  readonly setTimeout = systemClock.setTimeout;
  readonly clearTimeout = systemClock.clearTimeout;
  #now = 0;
  #offset: number;

  constructor(time: number) {
    this.#offset = time;
  }

  now(): number {
    return this.#now;
  }

  wallTime(): number {
    return this.#now + this.#offset;
  }

  pass(milliseconds: number): void {
    this.#now += milliseconds;
  }

  /** Somebody sets the wall clock: forward, or back where `milliseconds` is below 0. */
  set(milliseconds: number): void {
    this.#offset += milliseconds;
  }
}

/** A clock that goes twenty times as fast as the real one. */
export const fast: Clock = {
  now: () => systemClock.now() * 20,
  setTimeout: (fn, ms) => systemClock.setTimeout(fn, ms / 20),
  clearTimeout: (handle) => systemClock.clearTimeout(handle),
};

export interface NodeOptions {
  partitions?: number | undefined;
  heartbeat?: number;
  clock?: Clock;
  adapter?: Adapter | AsyncAdapter;
  stream?: Partial<StreamServerOptions<string, number>>;
  /** Null: none. */
  invalidator?: Partial<InvalidatorOptions<string, number>> | null;
  children?: ChildLike[];
  strategy?: Strategy;
}

/** A node with a near cache `users`. */
export class Node {
  readonly name: string;
  readonly users: Cache<string, number>;
  readonly tree: Tree;
  readonly notes = new Notes();

  constructor(name: string, users: Cache<string, number>, sup: Supervisor) {
    this.name = name;
    this.users = users;
    this.tree = new Tree(sup, users);
    users.subscribe(this.notes.note, { partition: "all" });
  }

  /** The same cache, where its store is elsewhere. */
  get elsewhere(): AsyncCache<string, number> {
    return this.users as unknown as AsyncCache<string, number>;
  }

  get stream(): Stream {
    return streamOf(slotFor(this.users));
  }

  /** What its readers have received since the last call. */
  take(): string[] {
    return this.notes.messages.splice(0).map((message) => {
      const { command, metadata, target } = message as Exclude<typeof message, { type: "gap" }>;
      const what =
        target.kind === "query"
          ? `${target.query?.prefix ?? ""}*`
          : target.kind === "key"
            ? target.key
            : target.keys.join("+");
      return `${message.type} ${command} ${what}${metadata.invalidation === true ? " !" : ""}`;
    });
  }
}

/** Some nodes on one hub. To be disposed. */
export class Nodes implements AsyncDisposable {
  readonly hub: Hub = createHub();
  readonly all: Node[] = [];
  /** Data messages that went from node to node. */
  sent = 0;
  /** What becomes of a data message; undefined: it is delivered. */
  fate: ((message: HubMessage) => "deliver" | "drop" | undefined) | undefined;

  constructor() {
    this.hub.intercept((message) => {
      if (!message.channel.includes(":data:")) return "deliver";
      this.sent++;
      return this.fate?.(message) ?? "deliver";
    });
  }

  async start(name: string, options: NodeOptions = {}): Promise<Node> {
    const { partitions, heartbeat = 60_000, clock, adapter = localAdapter() } = options;
    const pubsub = localPubSub({ nodeName: name, hub: this.hub, heartbeat });
    const users = defineCache<string, number>({ name: "users", adapter: adapter as Adapter });
    const sup = await startSupervisor({
      strategy: options.strategy ?? "rest_for_one",
      maxRestarts: 1000,
      children: [
        pubsub,
        users,
        streamServer<string, number>({
          cache: users,
          pubsub,
          ...(partitions === undefined ? {} : { partitions }),
          ...options.stream,
        }),
        ...(options.invalidator === null
          ? []
          : [invalidator({ cache: users, maxRestarts: 1000, ...options.invalidator })]),
        ...(options.children ?? []),
      ],
      ...(clock === undefined ? {} : { clock }),
    });
    const node = new Node(name, users, sup);
    this.all.push(node);
    await node.stream.replicator?.listening();
    return node;
  }

  /**
   * Has the data messages lost that `fn` sends; the others notice with the next one, which reports
   * no change.
   */
  async losing(from: Node, key: string, fn: () => void): Promise<void> {
    this.fate = () => "drop";
    fn();
    await this.quiet();
    this.fate = undefined;
    from.users.put(key, 0, { fill: true });
    await this.quiet();
  }

  /** Settles when nothing is under way any more. */
  async quiet(): Promise<void> {
    let before = -1;
    await until(async () => {
      for (const { users } of this.all) await whenIdle(users);
      await rest(12);
      const now = this.#progress();
      const isQuiet = now === before;
      before = now;
      return isQuiet;
    });
    for (const { users } of this.all) await whenIdle(users);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { tree } of this.all) await tree.sup.stop();
  }

  #progress(): number {
    return this.all.reduce(
      (sum, { stream }) =>
        sum +
        (stream.replicator as Replicator).outboxes.waiting * 1e6 +
        stream.logs.reduce((events, log) => events + log.next, 0),
      0,
    );
  }
}
