import {
  type CacheEntryEvent,
  type ChildLike,
  type Clock,
  createJournalHub,
  defineCache,
  type GapEvent,
  handlerPool,
  type HandlerContext,
  type HandlerPoolOptions,
  type Journal,
  type JournalHub,
  localJournal,
  type LocalJournalOptions,
  startSupervisor,
  streamServer,
  type StreamServerOptions,
  type Supervisor,
} from "../../src/index.js";
import { systemClock } from "../../src/clock.js";
import { decodeEntry } from "../../src/cluster/entry.js";
import type { GroupView, JournalEngine } from "../../src/journal/engine.js";
import type { LocalJournalHub } from "../../src/journal/journal-hub.js";

const stream = { cache: "orders", name: "orders" };
const address = { namespace: "nebulex", ...stream };

export type Orders = ReturnType<typeof ordersCache>;

function ordersCache() {
  return defineCache<string, number>({ name: "orders" });
}

/** What a handler was called with, on whatever node. */
export interface Handled {
  readonly node: string;
  readonly fence: number;
  readonly key: string;
  readonly position: number;
  readonly event: CacheEntryEvent<string, number>;
}

export interface NodeOptions {
  readonly clock?: Clock;
  readonly journal?: Omit<LocalJournalOptions, "hub" | "nodeName">;
  /** In place of a local journal. */
  readonly makeJournal?: (nodeName: string) => Journal;
  readonly stream?: Omit<Partial<StreamServerOptions<string, number>>, "cache" | "journal">;
  readonly pool?: Partial<HandlerPoolOptions<string, number>>;
  /** Instead of noting the event. */
  readonly handle?: (event: CacheEntryEvent<string, number>, ctx: HandlerContext) => unknown;
  readonly maxRestarts?: number;
  readonly children?: (cache: Orders) => ChildLike[];
}

/** Nodes in one process, each with a cache `orders` of its own and a pool `mailer`. */
export class GroupLab implements AsyncDisposable {
  readonly hub: JournalHub = createJournalHub();
  readonly handled: Handled[] = [];
  readonly gaps: (GapEvent & { readonly on: string })[] = [];
  readonly nodes = new Map<string, GroupNode>();
  readonly options: NodeOptions;

  constructor(options: NodeOptions = {}) {
    this.options = options;
  }

  async start(nodeName: string, own: NodeOptions = {}): Promise<GroupNode> {
    const options = { ...this.options, ...own };
    const cache = ordersCache();
    const journal =
      options.makeJournal?.(nodeName) ??
      localJournal({ ...options.journal, hub: this.hub, nodeName });
    const note = (event: CacheEntryEvent<string, number>, ctx: HandlerContext): void => {
      const key = event.target.kind === "key" ? event.target.key : event.target.kind;
      const position = event.metadata.position as number;
      this.handled.push({ node: nodeName, fence: ctx.fence, key, position, event });
    };
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      ...(options.maxRestarts === undefined ? undefined : { maxRestarts: options.maxRestarts }),
      children: [
        cache,
        journal,
        streamServer({ cache, journal, partitions: 4, ...options.stream }),
        handlerPool<string, number>({
          cache,
          id: "mailer",
          scope: "cluster",
          from: "earliest",
          handler: {
            handle: async (event, _state, ctx) => {
              await options.handle?.(event, ctx);
              note(event, ctx);
            },
            onGap: (gap) => void this.gaps.push({ ...gap, on: nodeName }),
          },
          ...this.options.pool,
          ...own.pool,
        } as HandlerPoolOptions<string, number>),
        ...(options.children?.(cache) ?? []),
      ],
      ...(options.clock === undefined ? undefined : { clock: options.clock }),
    });
    const node = new GroupNode(this, nodeName, cache, sup);
    this.nodes.set(nodeName, node);
    return node;
  }

  keysOf(node?: string): string[] {
    return this.handled
      .filter((it) => node === undefined || it.node === node)
      .map(({ key }) => key);
  }

  node(name: string): GroupNode {
    const node = this.nodes.get(name);
    if (node === undefined) throw new Error(`no such node: ${name}`);
    return node;
  }

  /** How many partitions each node owns. */
  async ownedBy(group = "mailer"): Promise<Record<string, number>> {
    const owned: Record<string, number> = {};
    for (const { owner } of (await this.view(group)).partitions)
      if (owner !== null) owned[owner] = (owned[owner] ?? 0) + 1;
    return owned;
  }

  /** The group, as the engine has it. */
  async view(group = "mailer"): Promise<GroupView> {
    const engine = await this.#engine();
    const view = await engine.viewGroup({ ...stream, group });
    await engine.close();
    return view;
  }

  /** Notes, from now on, the positions of the markers in each partition. */
  async noteMarkers(partitions: number): Promise<ReadonlySet<number>[]> {
    const engine = await this.#engine();
    return Array.from({ length: partitions }, (_, partition) => {
      const markers = new Set<number>();
      engine.tail({ ...stream, partition }, 0, {
        entries: (entries) => {
          for (const entry of entries)
            if (decodeEntry(entry, Infinity, address, partition, "").kind === "loss")
              markers.add(entry.position);
        },
      });
      return markers;
    });
  }

  async #engine(): Promise<JournalEngine> {
    const { clock = systemClock } = this.options;
    const engine = (this.hub as LocalJournalHub).engine({
      nodeName: "audit",
      namespace: address.namespace,
      retain: 1,
      retainFor: undefined,
      capacity: 1,
      random: () => 0,
      clock,
    });
    await engine.open({ status: () => {} });
    return engine;
  }

  /** All keys that have been written. */
  written(): string[] {
    return this.#written;
  }

  readonly #written: string[] = [];

  wrote(key: string): void {
    this.#written.push(key);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { sup } of this.nodes.values()) await sup.stop();
  }
}

export class GroupNode {
  readonly name: string;
  readonly cache: Orders;
  readonly sup: Supervisor;
  readonly #lab: GroupLab;

  constructor(lab: GroupLab, name: string, cache: Orders, sup: Supervisor) {
    this.#lab = lab;
    this.name = name;
    this.cache = cache;
    this.sup = sup;
  }

  /** Writes one order after the other: keys `o<from>` to `o<to>`. */
  put(from: number, to: number): void {
    for (let n = from; n <= to; n++) {
      this.cache.put(`o${n}`, n);
      this.#lab.wrote(`o${n}`);
    }
  }

  /** In order: it gives its partitions back. */
  async stop(): Promise<void> {
    await this.sup.stop();
    this.#lab.nodes.delete(this.name);
  }

  /** As a process that is killed: the engine does not hear of it any more. */
  async kill(): Promise<void> {
    this.#lab.hub.disconnect(this.name);
    this.#lab.nodes.delete(this.name);
    await this.sup.ref.kill();
  }
}

export const range = (from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, index) => `o${from + index}`);
