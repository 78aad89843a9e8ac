import { createPubSub, handlerPool, type Hub, type HubMessage } from "../../src/index.js";
import type { LocalHub } from "../../src/pubsub/hub.js";
import { SeededRandom } from "../../src/testing/random.js";
import { faultsOf, idOf, Written } from "./account.js";
import { Cluster, type ClusterNode, heartbeat, Reader } from "./cluster.js";
import { LaggingTransport } from "./lagging-transport.js";
import { nodeNames, type Op, type Setup, type Write } from "./ledger-ops.js";

/** A fault on the messages of one node to another. */
interface Affected {
  readonly kind: "lost" | "twice";
  readonly from: string;
  readonly to: string;
  messages: number;
}

/** Nodes that write and read, faults between them, and the faults in what the readers received. */
export class LedgerRun implements AsyncDisposable {
  readonly readers: { readonly reader: Reader; readonly own: string }[] = [];
  readonly #setup: Setup;
  readonly #cluster = new Cluster();
  readonly #written = new Written();
  readonly #owed = new Map<string, number>();
  readonly #nodes = new Map<string, ClusterNode>();
  readonly #transports = new Map<string, LaggingTransport>();
  readonly #affected: Affected[] = [];
  #value = 0;

  constructor(setup: Setup) {
    this.#setup = setup;
  }

  async start(): Promise<void> {
    for (const name of nodeNames) this.#nodes.set(name, await this.#startNode(name));
    for (const node of this.#nodes.values()) this.#add(node.name, node.read());
    await this.#cluster.rest();
    // Now all nodes have heard each other: from here on, readers are owed all events.
    await this.#writeEverywhere();
    for (const { reader } of this.readers)
      for (const { metadata } of reader.events)
        if (!this.#owed.has(idOf(metadata))) this.#owed.set(idOf(metadata), metadata.sequence);
    this.#cluster.hub.intercept((message) => this.#fate(message));
  }

  async do(op: Op): Promise<void> {
    const { hub, clock } = this.#cluster;
    if ("times" in op) {
      this.#write(this.#node(op.node), op);
      return;
    }
    switch (op.kind) {
      case "turns":
        return this.#cluster.rest(op.count);
      case "time":
        return clock.advance(op.ms);
      case "lost":
      case "twice":
        this.#affected.push({ ...op });
        return;
      case "disconnect":
      case "connect":
      case "pause":
      case "resume":
        hub[op.kind](op.node);
        return;
      case "hold":
      case "release":
        this.#transports.get(op.node)?.[op.kind]();
        return;
      case "kill":
      case "crash":
        return this.#cluster.hit(this.#node(op.node), "users:stream", op.kind);
      case "worker":
        return this.#cluster.hit(this.#node(op.node), "users:handlers", "kill");
      case "cache":
        return this.#cluster.hit(this.#node(op.node), "users", "kill");
      case "replace":
        return this.#replace(this.#node(op.node));
    }
  }

  /** Ends all faults, and lets all gaps be reported. */
  async heal(): Promise<void> {
    const { hub, clock } = this.#cluster;
    this.#affected.length = 0;
    for (const name of nodeNames) {
      hub.resume(name);
      hub.connect(name);
      this.#transports.get(name)?.release();
    }
    await this.#cluster.rest(100);
    await clock.advance(3 * heartbeat);
    await this.#writeEverywhere();
    await clock.advance(3 * heartbeat);
    await this.#cluster.rest(100);
  }

  /** The faults in what the readers received. */
  faults(): string[] {
    return this.readers.flatMap(({ reader, own }) =>
      faultsOf(reader, own, this.#written.counts(), this.#owed).map(
        (fault) => `reader on ${own}: ${fault}`,
      ),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of nodeNames) {
      this.#cluster.hub.resume(name);
      this.#transports.get(name)?.release();
    }
    this.#written[Symbol.dispose]();
    await this.#cluster[Symbol.asyncDispose]();
  }

  #startNode(name: string): Promise<ClusterNode> {
    const { partitions, capacity, ordered, seed } = this.#setup;
    const reader = new Reader();
    this.#add(name, reader);
    const random = new SeededRandom(seed);
    const pubsub = createPubSub(
      ({ nodeName }) => {
        const inner = (this.#cluster.hub as Hub as LocalHub).transport(nodeName);
        const transport = new LaggingTransport(inner, ordered, random);
        this.#transports.set(name, transport);
        return transport;
      },
      { nodeName: name, heartbeat },
    );
    return this.#cluster.start(name, {
      over: pubsub,
      stream: {
        ...(partitions === undefined ? {} : { partitions }),
        ...(capacity === undefined ? {} : { capacity, retain: 10 }),
      },
      children: (cache) => [
        handlerPool<unknown, unknown, unknown>({
          cache,
          maxRestarts: 10_000,
          handler: {
            handle: (event) => void reader.messages.push(event),
            onGap: (gap) => void reader.messages.push(gap),
          },
        }),
      ],
    });
  }

  #add(own: string, reader: Reader): void {
    this.readers.push({ reader, own });
  }

  #node(name: string): ClusterNode {
    return this.#nodes.get(name) as ClusterNode;
  }

  async #writeEverywhere(): Promise<void> {
    for (const { cache } of this.#nodes.values())
      for (let key = 0; key < 30; key++) cache.put(`k${key}`, this.#value++);
    await this.#cluster.rest(300);
  }

  #write({ cache }: ClusterNode, op: Write): void {
    // A cache that has died cannot be written to until it is back.
    try {
      for (let n = 0; n < op.times; n++) this.#writeOnce(cache, op.kind, op.key + n);
    } catch (error) {
      if ((error as { code?: string }).code !== "E_CACHE_NOT_STARTED") throw error;
    }
  }

  #writeOnce(cache: ClusterNode["cache"], what: string, key: number): void {
    if (what === "put") cache.put(`k${key}`, this.#value++);
    else if (what === "delete") cache.delete(`k${key}`);
    else if (what === "prefix") cache.deleteAll({ prefix: `k${key}` });
    else if (what === "all") cache.deleteAll();
    else cache.putAll([0, 1, 2].map((more) => [`k${key + more}`, this.#value++]));
  }

  async #replace(node: ClusterNode): Promise<void> {
    await this.#cluster.passing(node.sup.terminateChild("users:stream"));
    await this.#cluster.rest(2);
    await this.#cluster.passing(node.sup.restartChild("users:stream"));
  }

  #fate({ from, to, payload }: HubMessage): "deliver" | "drop" | Uint8Array[] {
    const affected = this.#affected.find(
      (it) => it.messages > 0 && it.from === from && it.to === to,
    );
    if (affected === undefined) return "deliver";
    affected.messages--;
    return affected.kind === "lost" ? "drop" : [payload, payload];
  }
}
