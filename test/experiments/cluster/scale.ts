import { performance } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { waitFor } from "../../../src/testing/wait-for.js";
import { NodeProcess } from "../../cluster/processes/node-process.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import { type Broker, freePort } from "../../helpers/brokers/broker.js";
import { startNats, startRedis, tellRedis } from "../../helpers/brokers/servers.js";

/** What a cluster of some size costs. */
export interface ScaleResult {
  readonly engine: EngineName;
  readonly processes: number;
  /** Seconds from the start of the last process until all know each other. */
  readonly acquainted: number;
  readonly idle: Traffic;
  /** Puts a second that were done, over all processes. */
  readonly load: number;
  readonly loaded: Traffic;
  /** Bytes, the mean of the processes. */
  readonly memory: number;
}

/** A second of a broker's life. */
export interface Traffic {
  readonly messagesIn: number;
  readonly messagesOut: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

export interface ScaleSizes {
  readonly partitions: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** Puts a second, over all processes. */
  readonly load: number;
  /** Seconds for which traffic is counted. */
  readonly seconds: number;
}

interface Meter {
  readonly broker: Broker;
  read(): Promise<Traffic>;
}

/** Starts so many processes on one broker, and counts what they send while they are idle, and while all of them write. */
export async function measureScale(
  engine: EngineName,
  processes: number,
  { partitions, heartbeat, load, seconds }: ScaleSizes,
): Promise<ScaleResult> {
  const meter = await startMeter(engine);
  const { broker } = meter;
  const nodes: NodeProcess[] = [];
  try {
    const start = (index: number): Promise<NodeProcess> =>
      NodeProcess.start({
        node: `n${index}`,
        engine,
        address: { host: broker.host, port: broker.port },
        partitions,
        heartbeat,
        writer: { seed: index, keys: 5000, notes: "/dev/null" },
      });
    for (let index = 0; index < processes; index++) nodes.push(await start(index));
    const began = performance.now();
    const knowsAll = async (node: NodeProcess): Promise<boolean> =>
      (await node.call("status")).nodes.length === processes - 1;
    await waitFor(async () => (await Promise.all(nodes.map(knowsAll))).every(Boolean), {
      timeout: 60_000,
      message: "all processes know each other",
    });
    const acquainted = (performance.now() - began) / 1000;
    await sleep(heartbeat);
    const idle = await traffic(meter, seconds);
    await Promise.all(nodes.map((node) => node.call("write", load / processes)));
    await sleep(1000);
    const before = await written(nodes);
    const loaded = await traffic(meter, seconds);
    const done = (await written(nodes)) - before;
    const statuses = await Promise.all(nodes.map((node) => node.call("status")));
    const memory = statuses.reduce((sum, status) => sum + status.memory, 0) / processes;
    return { engine, processes, acquainted, idle, load: done / seconds, loaded, memory };
  } finally {
    await Promise.all(nodes.map((node) => node.kill()));
    await broker.stop();
  }
}

async function written(nodes: readonly NodeProcess[]): Promise<number> {
  const statuses = await Promise.all(nodes.map((node) => node.call("status")));
  return statuses.reduce((sum, status) => sum + status.written, 0);
}

async function traffic({ read }: Meter, seconds: number): Promise<Traffic> {
  const before = await read();
  const began = performance.now();
  await sleep(seconds * 1000);
  const after = await read();
  const rate = (name: keyof Traffic): number =>
    ((after[name] - before[name]) * 1000) / (performance.now() - began);
  return {
    messagesIn: rate("messagesIn"),
    messagesOut: rate("messagesOut"),
    bytesIn: rate("bytesIn"),
    bytesOut: rate("bytesOut"),
  };
}

function startMeter(engine: EngineName): Promise<Meter> {
  return engine === "redis" ? redisMeter() : natsMeter();
}

async function redisMeter(): Promise<Meter> {
  const broker = await startRedis();
  const read = async (): Promise<Traffic> => {
    const info = await tellRedis(broker, "INFO stats", "INFO commandstats");
    const number = (pattern: RegExp): number => Number(pattern.exec(info)?.[1] ?? 0);
    return {
      messagesIn: number(/cmdstat_publish:calls=(\d+)/),
      // It does not count what it sends on.
      messagesOut: NaN,
      bytesIn: number(/total_net_input_bytes:(\d+)/),
      bytesOut: number(/total_net_output_bytes:(\d+)/),
    };
  };
  return { broker, read };
}

async function natsMeter(): Promise<Meter> {
  const port = await freePort();
  const broker = await startNats({ args: ["-m", String(port)] });
  const read = async (): Promise<Traffic> => {
    const response = await fetch(`http://127.0.0.1:${port}/varz`);
    const values = (await response.json()) as Record<string, number>;
    const number = (name: string): number => values[name] ?? 0;
    return {
      messagesIn: number("in_msgs"),
      messagesOut: number("out_msgs"),
      bytesIn: number("in_bytes"),
      bytesOut: number("out_bytes"),
    };
  };
  return { broker, read };
}
