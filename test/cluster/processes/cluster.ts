import { closeSync, ftruncateSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { waitFor } from "../../../src/testing/wait-for.js";
import type { Broker } from "../../helpers/brokers/broker.js";
import { Proxy } from "../../helpers/brokers/proxy.js";
import { type Account, accountOf, type Written } from "./account.js";
import { startBroker } from "./engines.js";
import { NodeProcess } from "./node-process.js";
import type { EngineName, NodeConfig, NodeStatus, SeenOrigin, WriterReport } from "./protocol.js";

export interface ClusterOptions {
  readonly engine: EngineName;
  readonly names: readonly string[];
  readonly seed: number;
  readonly partitions: number;
  readonly heartbeat: number;
  readonly capacity?: number;
  /** Keys written to; and keys of the caches before the source of truth. */
  readonly keys: number;
}

/** One epoch of a node: what it wrote, and what the others were owed of it. */
interface Life {
  readonly process: NodeProcess;
  readonly notes: string;
  readonly epoch: string;
  /** What the running epochs had written when this one began, by epoch and partition. */
  readonly before: ReadonlyMap<string, readonly number[]>;
  killed: boolean;
}

const bytes = 8;
const patience = { timeout: 60_000, interval: 20 };

/** Processes that write, over a broker of their own, and the account of it. To be disposed. */
export class Cluster implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: Proxy;
  readonly #options: ClusterOptions;
  readonly #folder: string;
  readonly #lives: Life[] = [];

  private constructor(options: ClusterOptions, broker: Broker, proxy: Proxy) {
    this.#options = options;
    this.broker = broker;
    this.proxy = proxy;
    this.#folder = mkdtempSync(join(tmpdir(), "nebulex-streams-cluster-"));
    const file = openSync(this.#truth, "w");
    ftruncateSync(file, options.keys * bytes);
    closeSync(file);
  }

  /** Settles when all have heard each other. */
  static async start(options: ClusterOptions): Promise<Cluster> {
    const broker = await startBroker(options.engine);
    const cluster = new Cluster(options, broker, await Proxy.start(broker));
    try {
      await Promise.all(options.names.map((name) => cluster.startNode(name)));
      await cluster.acquainted();
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
    return cluster;
  }

  get engine(): EngineName {
    return this.#options.engine;
  }

  /** The running processes. */
  get running(): NodeProcess[] {
    return this.#lives.filter(({ killed }) => !killed).map(({ process }) => process);
  }

  async startNode(node: string): Promise<void> {
    const { engine, names, seed, partitions, heartbeat, capacity, keys } = this.#options;
    const notes = join(this.#folder, `life-${this.#lives.length}-${node}`);
    const share = names.indexOf(node);
    const config: NodeConfig = {
      node,
      engine,
      partitions,
      heartbeat,
      address: { host: this.proxy.host, port: this.proxy.port },
      writer: { seed: seed + 1000 * share + this.#lives.length, keys, notes },
      near: {
        truth: this.#truth,
        keys,
        share,
        shares: names.length,
        // These have far fewer events.
        ...(capacity === undefined ? {} : { capacity: Math.ceil(capacity / 64) }),
      },
      ...(capacity === undefined ? {} : { capacity }),
    };
    const process = await NodeProcess.start(config);
    const { epoch } = await process.call("report");
    const reports = await Promise.all(this.running.map((other) => other.call("report")));
    const before = new Map(reports.map((report) => [report.epoch, report.counts]));
    this.#lives.push({ process, notes, epoch, before, killed: false });
  }

  /** Sends SIGKILL. */
  async kill(node: string): Promise<void> {
    const life = this.#lives.findLast(({ process }) => process.name === node) as Life;
    await life.process.kill();
    life.killed = true;
  }

  /** Settles when each process hears all others, in both caches, and is connected. */
  async acquainted(): Promise<void> {
    const others = this.running.length - 1;
    await waitFor(
      async () =>
        (await this.statuses()).every(
          ({ pubsub, nodes }) => pubsub === "connected" && nodes.length === others,
        ),
      { ...patience, message: "all processes know each other" },
    );
  }

  statuses(): Promise<NodeStatus[]> {
    return Promise.all(this.running.map((process) => process.call("status")));
  }

  async write(rate: number): Promise<void> {
    await Promise.all(this.running.map((process) => process.call("write", rate)));
  }

  async rest(): Promise<void> {
    await Promise.all(this.running.map((process) => process.call("rest")));
  }

  /** Settles when each process has written so much more. */
  async writesOn(events: number): Promise<void> {
    const before = await this.statuses();
    const more = (status: NodeStatus, index: number): boolean =>
      status.written >= (before[index]?.written ?? 0) + events;
    await waitFor(async () => (await this.statuses()).every(more), {
      ...patience,
      message: `each process writes ${events} more events`,
    });
  }

  reports(): Promise<WriterReport[]> {
    return Promise.all(this.running.map((process) => process.call("report")));
  }

  /** What happened to all events written: to each process's own, and to those of others. */
  async accounts(): Promise<{ written: number; local: Account[]; remote: Account[] }> {
    const counts = new Map(this.#lives.map((life) => [life, this.#countsOf(life)] as const));
    const written = [...counts.values()].flat().reduce((total, count) => total + count, 0);
    const local: Account[] = [];
    const remote: Account[] = [];
    for (const reader of this.#lives) {
      if (reader.killed) continue;
      const seen = await reader.process.call("seen");
      for (const [writer, parts] of counts)
        for (const [partition, count] of parts.entries()) {
          const { epoch, killed } = writer;
          const owedFrom = this.#owedFrom(reader, writer, partition);
          const account = accountOf(find(seen, epoch, partition), { count, owedFrom, killed });
          (writer === reader ? local : remote).push(account);
        }
    }
    return { written, local, remote };
  }

  /** Copies held, and wrong ones among them. */
  async near(): Promise<{ held: number; stale: number }> {
    const reports = await Promise.all(this.running.map((process) => process.call("near")));
    const total = { held: 0, stale: 0 };
    for (const { held, stale } of reports) {
      total.held += held;
      total.stale += stale.length;
    }
    return total;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.running.map((process) => process.kill()));
    await this.proxy[Symbol.asyncDispose]();
    await this.broker.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #truth(): string {
    return join(this.#folder, "truth");
  }

  /** By partition; from a file, since a killed process cannot be asked. */
  #countsOf({ notes }: Life): number[] {
    const { buffer, byteOffset, length } = readFileSync(notes);
    return [...new Float64Array(buffer.slice(byteOffset, byteOffset + length))];
  }

  #owedFrom(reader: Life, writer: Life, partition: number): Written["owedFrom"] {
    if (this.#lives.indexOf(writer) >= this.#lives.indexOf(reader)) return 0;
    // A process that had ended by then owes nothing.
    return reader.before.get(writer.epoch)?.[partition] ?? Infinity;
  }
}

function find(
  seen: readonly SeenOrigin[],
  epoch: string,
  partition: number,
): Pick<SeenOrigin, "runs" | "gaps"> {
  const found = seen.find((origin) => origin.epoch === epoch && origin.partition === partition);
  return found ?? { runs: [], gaps: [] };
}
