import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { CacheInfo } from "../../../src/index.js";
import { RedisKeys } from "../../../src/journal/redis-keys.js";
import type { RedisAdapterOptions } from "../../../src/redis.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import { RemoteProcess } from "../../cluster/processes/remote-process.js";
import type { Broker } from "../../helpers/brokers/broker.js";
import { Proxy } from "../../helpers/brokers/proxy.js";
import { startRedis, tellRedis } from "../../helpers/brokers/servers.js";
import type { Noted } from "./commands.js";
import { StoreLedger } from "./ledger.js";
import { readNotes } from "./notes.js";
import type { StoreNodeApi, StoreNodeConfig, StoreNodeStatus, Value } from "./protocol.js";
import type { ReadCounts } from "./read-check.js";
import { cacheName, startStore, type StartedStore } from "./start-store.js";

export interface StoreClusterOptions {
  readonly seed: number;
  readonly partitions: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  readonly keys: number;
  /** Whether all that the engine has taken is on the disk. */
  readonly persistent: boolean;
  /** Options of the writers' adapters. */
  readonly adapter: Omit<RedisAdapterOptions, "journal" | "partitions">;
}

/** One life of a writer, from its start to its end. */
interface Life {
  readonly process: RemoteProcess<StoreNodeApi>;
  readonly notes: string;
  state: "starting" | "running" | "frozen" | "killed";
}

const program = fileURLToPath(new URL("./store-main.ts", import.meta.url));
const patience = { timeout: 60_000, interval: 20 };

/**
 * Processes that write to a shared store, and read from it, over a proxy; and this process, which
 * reads the stream from its start, comes to no harm, and keeps the ledger. To be disposed.
 */
export class StoreCluster implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: Proxy;
  readonly ledger: StoreLedger;
  readonly options: StoreClusterOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "nebulex-streams-store-"));
  readonly #lives: Life[] = [];
  #observer: StartedStore | undefined;
  #rate = 0;

  private constructor(options: StoreClusterOptions, broker: Broker, proxy: Proxy) {
    this.options = options;
    this.broker = broker;
    this.proxy = proxy;
    this.ledger = new StoreLedger(options.partitions);
  }

  /** Settles when all writers are connected. */
  static async start(
    options: StoreClusterOptions,
    names: readonly string[],
  ): Promise<StoreCluster> {
    const broker = await startRedis({ persistent: options.persistent });
    const cluster = new StoreCluster(options, broker, await Proxy.start(broker));
    try {
      await cluster.#observe();
      await Promise.all(names.map((name) => cluster.startNode(name)));
      await cluster.connected();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get names(): string[] {
    return this.#running.map(({ process }) => process.name);
  }

  /** Settles when it is running; it writes as the others do. */
  async startNode(node: string): Promise<void> {
    const { seed, heartbeat, keys, partitions, adapter } = this.options;
    const life = this.#lives.length;
    const notes = join(this.#folder, `life-${life}-${node}`);
    const config: StoreNodeConfig = {
      node,
      address: { host: this.proxy.host, port: this.proxy.port },
      heartbeat,
      adapter: { ...adapter, partitions },
      writer: { seed: seed + life, life, keys, notes },
    };
    const process = new RemoteProcess<StoreNodeApi>(node, program, config);
    const started: Life = { process, notes, state: "starting" };
    this.#lives.push(started);
    await process.ready();
    started.state = "running";
    if (this.#rate > 0) await process.call("write", this.#rate);
  }

  /** Sends SIGKILL. */
  async kill(node: string): Promise<void> {
    const life = this.#find(node);
    life.state = "killed";
    await life.process.kill();
  }

  /** Sends SIGSTOP; what it gives sends SIGCONT, unless the process was killed meanwhile. */
  freeze(node: string): () => void {
    const life = this.#find(node);
    life.state = "frozen";
    life.process.signal("SIGSTOP");
    return () => {
      if (life.state !== "frozen") return;
      life.process.signal("SIGCONT");
      life.state = "running";
    };
  }

  /** All issue so many commands a second, also those that are started later. */
  async write(rate: number): Promise<void> {
    this.#rate = rate;
    await Promise.all(this.#running.map(({ process }) => process.call("write", rate)));
  }

  async rest(): Promise<void> {
    this.#rate = 0;
    await Promise.all(this.#running.map(({ process }) => process.call("rest")));
  }

  /** Settles when all running writers are connected. */
  async connected(): Promise<void> {
    await waitFor(async () => await this.#every(({ journal }) => journal === "connected"), {
      ...patience,
      message: "all writers are connected",
    });
  }

  /** Settles when all running writers have noticed that the engine is away. */
  async disconnected(): Promise<void> {
    await waitFor(async () => await this.#every(({ journal }) => journal === "reconnecting"), {
      ...patience,
      message: "all writers notice the outage",
    });
  }

  /** Settles when so many more commands and reads of each running writer have settled. */
  async goesOn(commands: number): Promise<void> {
    const before = await this.#statuses();
    await waitFor(
      () =>
        this.#every(({ settled }, life) => {
          return settled >= (before.get(life)?.settled ?? 0) + 2 * commands;
        }),
      { ...patience, message: `each writer settles ${commands} more commands` },
    );
  }

  /**
   * Settles when nobody writes any more, all entries that have a TTL have expired, and all events
   * have been received; not for ever.
   */
  async quiet(): Promise<void> {
    await this.rest();
    const isQuiet = async (): Promise<boolean> => {
      if (this.ledger.hasDeadlines) return false;
      const ends = await this.#ends();
      return this.ledger.positions.every((position, at) => position + 1 >= (ends[at] as number));
    };
    await waitFor(isQuiet, { timeout: 15_000, interval: 50 }).catch(() => {});
  }

  commands(): Noted[] {
    return this.#lives.flatMap(({ process, notes }, life) => readNotes(notes, process.name, life));
  }

  /** What the store has. */
  contents(): Promise<Map<string, Value>> {
    return (this.#observer as StartedStore).cache.getAll();
  }

  /** What each running writer reads, key by key. */
  contentsByNode(): Promise<Map<string, Value>[]> {
    return Promise.all(this.#running.map(({ process }) => process.call("contents")));
  }

  reads(): Promise<ReadCounts[]> {
    return Promise.all(this.#running.map(({ process }) => process.call("reads")));
  }

  infos(): Promise<CacheInfo[]> {
    return Promise.all(this.#running.map(({ process }) => process.call("info")));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#lives.filter(({ state }) => state !== "killed").map(({ process }) => process.kill()),
    );
    await this.#observer?.tree.stop();
    await this.proxy[Symbol.asyncDispose]();
    await this.broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  /** Whether that holds for all running writers. */
  async #every(isSo: (status: StoreNodeStatus, life: Life) => boolean): Promise<boolean> {
    return [...(await this.#statuses())].every(([life, status]) => isSo(status, life));
  }

  /** Of all writers that run, and are not killed meanwhile. */
  async #statuses(): Promise<ReadonlyMap<Life, StoreNodeStatus>> {
    const statuses = new Map<Life, StoreNodeStatus>();
    const ask = async (life: Life): Promise<void> => {
      try {
        statuses.set(life, await life.process.call("status"));
      } catch (error) {
        if (life.state !== "killed") throw error;
      }
    };
    await Promise.all(this.#running.map(ask));
    return statuses;
  }

  async #observe(): Promise<void> {
    const { heartbeat, partitions } = this.options;
    const { host, port } = this.broker;
    // It leaves the sweep to those that come to harm.
    const adapter = { partitions, sweepInterval: 3_600_000 };
    const address = { host, port };
    this.#observer = await startStore({ node: "observer", address, heartbeat, adapter });
    this.#observer.cache.subscribe(
      (message) => {
        if (message.type === "gap") this.ledger.gap(message);
        else this.ledger.event(message, Date.now());
      },
      { gaps: true },
    );
  }

  /** By partition: the position of the event to come. */
  async #ends(): Promise<number[]> {
    const keys = new RedisKeys("nebulex");
    const commands = Array.from({ length: this.options.partitions }, (_, partition) => {
      const { meta } = keys.partition({ cache: cacheName, name: cacheName, partition });
      return `HGET ${meta} next`;
    });
    const answer = await tellRedis(this.broker, ...commands);
    return [...answer.matchAll(/^\$(?:-1|\d+\r\n(\d+))/gm)].map(([, next]) => Number(next ?? 0));
  }

  get #running(): Life[] {
    return this.#lives.filter(({ state }) => state === "running");
  }

  #find(node: string): Life {
    return this.#lives.findLast(({ process }) => process.name === node) as Life;
  }
}
