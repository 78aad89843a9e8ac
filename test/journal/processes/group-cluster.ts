import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { ClusterGroupStatus } from "../../../src/index.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import type { EngineName, WriterReport } from "../../cluster/processes/protocol.js";
import { RemoteProcess } from "../../cluster/processes/remote-process.js";
import type { Broker } from "../../helpers/brokers/broker.js";
import { Proxy } from "../../helpers/brokers/proxy.js";
import {
  deleteJetStreamStore,
  startNats,
  startRedis,
  tellRedis,
} from "../../helpers/brokers/servers.js";
import { sharedNow } from "./bookkeeper.js";
import { Books, type GroupAccount, type Takeover, type WrittenPart } from "./books.js";
import type { GroupNodeApi, GroupNodeConfig, GroupNodeStatus } from "./protocol.js";

export interface GroupClusterOptions {
  readonly engine: EngineName;
  readonly seed: number;
  readonly partitions: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  readonly leaseTime: number;
  /** Keys written to. */
  readonly keys: number;
  /** Whether all that the engine has taken is on the disk: Redis is slower then. */
  readonly persistent: boolean;
  /** Whether connections go through the proxy, which takes the time of this process for each message. */
  readonly proxied: boolean;
}

/** One epoch of a node, from its start to its end. */
interface Life {
  readonly process: RemoteProcess<GroupNodeApi>;
  readonly notes: string;
  readonly epoch: string;
  state: "running" | "frozen" | "stopped" | "killed";
}

const program = fileURLToPath(new URL("./group-main.ts", import.meta.url));
const patience = { timeout: 60_000, interval: 20 };

/** Processes that write, and share a group, over an engine of their own. To be disposed. */
export class GroupCluster implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: Proxy;
  readonly books: Books;
  readonly options: GroupClusterOptions;
  readonly #folder: string;
  readonly #lives: Life[] = [];
  #rate = 0;

  private constructor(options: GroupClusterOptions, broker: Broker, proxy: Proxy) {
    this.options = options;
    this.broker = broker;
    this.proxy = proxy;
    this.#folder = mkdtempSync(join(tmpdir(), "nebulex-streams-group-"));
    this.books = new Books(this.#bookFile);
  }

  /** Settles when all nodes are connected. */
  static async start(
    options: GroupClusterOptions,
    names: readonly string[],
  ): Promise<GroupCluster> {
    const { engine, persistent } = options;
    const broker = await (engine === "redis"
      ? startRedis({ persistent })
      : startNats({ jetStream: true }));
    const cluster = new GroupCluster(options, broker, await Proxy.start(broker));
    try {
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
    const { engine, seed, partitions, heartbeat, leaseTime, keys, proxied } = this.options;
    const { host, port } = proxied ? this.proxy : this.broker;
    const notes = join(this.#folder, `life-${this.#lives.length}-${node}`);
    const config: GroupNodeConfig = {
      node,
      engine,
      partitions,
      heartbeat,
      leaseTime,
      address: { host, port },
      books: this.#bookFile,
      writer: { seed: seed + this.#lives.length, keys, notes },
    };
    const process = await new RemoteProcess<GroupNodeApi>(node, program, config).ready();
    const { epoch } = await process.call("report");
    this.#lives.push({ process, notes, epoch, state: "running" });
    if (this.#rate > 0) await process.call("write", this.#rate);
  }

  /** Sends SIGKILL; gives when. */
  async kill(node: string): Promise<number> {
    const life = this.#find(node);
    const at = sharedNow();
    life.state = "killed";
    await life.process.kill();
    return at;
  }

  /** Ends a node in order; gives when that began. */
  async stop(node: string): Promise<number> {
    const life = this.#find(node);
    const at = sharedNow();
    await life.process.call("stop");
    life.state = "stopped";
    await life.process.kill();
    return at;
  }

  /** Sends SIGSTOP; gives when. */
  freeze(node: string): number {
    const life = this.#find(node);
    life.state = "frozen";
    const at = sharedNow();
    life.process.signal("SIGSTOP");
    return at;
  }

  /** Sends SIGCONT. */
  thaw(node: string): void {
    const life = this.#find(node);
    life.process.signal("SIGCONT");
    life.state = "running";
  }

  /** Deletes all that the engine has. */
  async flush(): Promise<void> {
    if (this.options.engine === "redis") {
      await tellRedis(this.broker, "FLUSHALL");
      return;
    }
    await this.broker.kill();
    await deleteJetStreamStore(this.broker);
    await this.broker.restart();
  }

  /** All write so many events a second, also those that are started later. */
  async write(rate: number): Promise<void> {
    this.#rate = rate;
    await Promise.all(this.#running.map(({ process }) => process.call("write", rate)));
  }

  async rest(): Promise<void> {
    this.#rate = 0;
    await Promise.all(this.#running.map(({ process }) => process.call("rest")));
  }

  /** Settles when all running nodes are connected. */
  async connected(): Promise<void> {
    await waitFor(
      async () => (await this.statuses()).every(({ journal }) => journal === "connected"),
      { ...patience, message: "all nodes are connected" },
    );
  }

  /** Settles when all running nodes have noticed that the engine is away. */
  async disconnected(): Promise<void> {
    await waitFor(
      async () => (await this.statuses()).every(({ journal }) => journal === "reconnecting"),
      { ...patience, message: "all nodes notice the outage" },
    );
  }

  statuses(): Promise<GroupNodeStatus[]> {
    return Promise.all(this.#running.map(({ process }) => process.call("status")));
  }

  /** Settles when each running node has written so much more. */
  async writesOn(events: number): Promise<void> {
    const before = await this.statuses();
    const more = ({ written }: GroupNodeStatus, index: number): boolean =>
      written >= (before[index]?.written ?? 0) + events;
    await waitFor(async () => (await this.statuses()).every(more), {
      ...patience,
      message: `each node writes ${events} more events`,
    });
  }

  /** Settles when these nodes, and no others, have handled events as the last ones of partitions. */
  async shared(names: readonly string[] = this.names): Promise<void> {
    const { partitions } = this.options;
    const isShared = (): boolean => {
      this.books.read();
      const owners = this.books.owners();
      const nodes = new Set(owners.map(({ node }) => node));
      return (
        owners.length === partitions &&
        nodes.size === names.length &&
        names.every((name) => nodes.has(name))
      );
    };
    await waitFor(isShared, {
      ...patience,
      message: `each of ${names.join(", ")} handles partitions`,
    });
  }

  /**
   * Settles when others handle each partition that a node handled at some time; gives how long after
   * that time they began to, in milliseconds.
   */
  async takenOver(node: string, since: number): Promise<number[]> {
    this.books.read();
    const partitions = Array.from({ length: this.options.partitions }, (_, index) => index);
    const left = partitions.flatMap((partition) => {
      const owner = this.books.takeovers(partition).findLast(({ at }) => at <= since);
      return owner?.node === node ? [owner] : [];
    });
    const next = ({ partition, fence }: Takeover): Takeover | undefined =>
      this.books.takeovers(partition).find((it) => it.fence > fence && it.node !== node);
    await waitFor(
      () => {
        this.books.read();
        return left.every(next);
      },
      { ...patience, message: `others handle what ${node} did` },
    );
    return left.map((takeover) => Math.max(0, (next(takeover)?.at ?? NaN) - since));
  }

  reports(): Promise<WriterReport[]> {
    return Promise.all(this.#running.map(({ process }) => process.call("report")));
  }

  async group(): Promise<ClusterGroupStatus[]> {
    return await (this.#running[0] as Life).process.call("group");
  }

  account(): GroupAccount {
    this.books.read();
    return this.books.account(this.#parts());
  }

  /** How many events of running nodes have not been handled, be they announced or not. */
  unhandled(): number {
    this.books.read();
    const parts = this.#running.flatMap((life) => this.#partsOf(life));
    const { written, handled } = this.books.account(parts);
    return written - handled;
  }

  /** What is neither handled nor announced, by writer and partition. */
  missing(): string[] {
    return this.#parts().flatMap((part) => this.books.missingOf(part) ?? []);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#lives
        .filter(({ state }) => state === "running" || state === "frozen")
        .map(({ process }) => process.kill()),
    );
    await this.proxy[Symbol.asyncDispose]();
    await this.broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #bookFile(): string {
    return join(this.#folder, "books");
  }

  get #running(): Life[] {
    return this.#lives.filter(({ state }) => state === "running");
  }

  #find(node: string): Life {
    return this.#lives.findLast(({ process }) => process.name === node) as Life;
  }

  #parts(): WrittenPart[] {
    return this.#lives.flatMap((life) => this.#partsOf(life));
  }

  /** From a file, since a killed process cannot be asked. */
  #partsOf({ process, notes, epoch, state }: Life): WrittenPart[] {
    const { buffer, byteOffset, length } = readFileSync(notes);
    const counts = new Float64Array(buffer.slice(byteOffset, byteOffset + length));
    const writer = `${process.name} (${state})`;
    return Array.from(counts, (count, partition) => ({ epoch, partition, count, writer }));
  }
}
