import {
  type Cache,
  type ChildLike,
  createJournalHub,
  defineCache,
  type Journal,
  localAdapter,
  localJournal,
  type LocalJournalOptions,
  startSupervisor,
  streamServer,
  type StreamServerOptions,
  type SubscribeOptions,
  type Supervisor,
} from "../../src/index.js";
import { type JournalPort, journalPort, type JournalWithPort } from "../../src/journal/types.js";
import { Cluster, type Message, Reader } from "../cluster/cluster.js";

export const heartbeat = 300;
export type Store = Cache<unknown, unknown>;

export interface JournalNodeOptions {
  readonly stream?: Omit<Partial<StreamServerOptions<unknown, unknown>>, "cache">;
  readonly journal?: Omit<LocalJournalOptions, "hub" | "nodeName">;
  /** Children after the stream server. */
  readonly children?: (cache: Store) => ChildLike[];
}

/** A system with a cache and its stream over a journal. */
export interface JournalNode {
  readonly name: string;
  readonly cache: Store;
  readonly journal: Journal;
  readonly sup: Supervisor;
}

/** Nodes that share a journal, with a simulated clock. */
export class JournalCluster implements AsyncDisposable {
  readonly hub = createJournalHub();
  readonly time = new Cluster();
  readonly nodes = new Set<JournalNode>();

  /** Starts a node; time passes meanwhile. */
  async start(name: string, options: JournalNodeOptions = {}): Promise<JournalNode> {
    const journal = localJournal({
      hub: this.hub,
      nodeName: name,
      heartbeat,
      ...options.journal,
    });
    const cache: Store = defineCache({
      name: "users",
      adapter: localAdapter({ sweepInterval: 3_600_000 }),
    });
    const sup = await this.time.passing(
      startSupervisor({
        strategy: "rest_for_one",
        clock: this.time.clock,
        maxRestarts: 10_000,
        children: [
          journal,
          cache,
          streamServer({ cache, journal, ...options.stream }),
          ...(options.children?.(cache) ?? []),
        ],
      }),
    );
    const node = { name, cache, journal, sup };
    this.nodes.add(node);
    return node;
  }

  /** Collects what a reader of all partitions receives from now on. */
  async read(node: JournalNode, options: Partial<SubscribeOptions> = {}): Promise<Reader> {
    const reader = new Reader();
    node.cache.subscribe((message) => void reader.messages.push(message as Message), {
      gaps: true,
      ...options,
    });
    await this.time.rest();
    return reader;
  }

  until(condition: () => boolean | Promise<boolean>): Promise<void> {
    return this.time.until(condition);
  }

  /** A node that dies: it does nothing more, and nobody hears why. */
  async kill(node: JournalNode): Promise<void> {
    this.nodes.delete(node);
    this.hub.disconnect(node.name);
    await this.time.passing(node.sup.stop());
  }

  /** Stops a node in order. */
  async stop(node: JournalNode): Promise<void> {
    this.nodes.delete(node);
    await this.time.passing(node.sup.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const node of this.nodes) await this.stop(node);
  }
}

export function portOf({ journal }: JournalNode): JournalPort {
  return (journal as JournalWithPort)[journalPort];
}
