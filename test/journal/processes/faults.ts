import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../../src/testing/random.js";
import type { GroupCluster } from "./group-cluster.js";

export const faultIds = ["a", "b", "c", "d", "e", "f", "g", "h"] as const;
export type FaultId = (typeof faultIds)[number];

/** How large the experiments are. */
export interface FaultSizes {
  readonly seed: number;
  /** Events a second that each process writes. */
  readonly rate: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  readonly leaseTime: number;
  /** How often nodes are killed or stopped, and connections cut. */
  readonly times: number;
}

/** Milliseconds for which partitions were not handled; one for each partition and occasion. */
export interface Interruptions {
  /** From a signal until another node has handled an event. */
  readonly failOvers: number[];
  /** From the beginning of an orderly stop until another node has handled an event. */
  readonly handOvers: number[];
}

/** What is done to a group while its nodes write. */
export interface Fault {
  readonly name: string;
  /** The nodes at the start. */
  readonly nodes: readonly string[];
  /** Whether the engine keeps all that it has taken. */
  readonly persistent?: boolean;
  /** Whether connections are cut. */
  readonly cuts?: boolean;
  /** Whether an event may be handled twice: owners end without a commit. */
  readonly repeats: boolean;
  /** Whether the journal begins a new generation: its positions come again. */
  readonly renews?: boolean;
  strike(
    cluster: GroupCluster,
    sizes: FaultSizes,
    random: SeededRandom,
    interruptions: Interruptions,
  ): Promise<void>;
}

const three = ["x", "y", "z"];

export const faults: Readonly<Record<FaultId, Fault>> = {
  a: {
    name: "nothing happens",
    nodes: three,
    repeats: false,
    strike: (cluster, { rate }) => cluster.writesOn(3 * rate),
  },
  b: {
    name: "owner killed (SIGKILL), started again",
    nodes: three,
    repeats: true,
    strike: async (cluster, { times, rate }, random, { failOvers }) => {
      for (let left = times; left > 0; left--) {
        const name = random.pick(cluster.names) as string;
        await sleep(random.below(100));
        const at = await cluster.kill(name);
        failOvers.push(...(await cluster.takenOver(name, at)));
        await cluster.startNode(name);
        await cluster.shared();
        await cluster.writesOn(rate / 4);
      }
    },
  },
  c: {
    name: "owner stopped (SIGSTOP) for 2 leases, continued",
    nodes: three,
    repeats: true,
    strike: async (cluster, { times, rate, leaseTime }, random, { failOvers }) => {
      for (let left = times; left > 0; left--) {
        const name = random.pick(cluster.names) as string;
        await sleep(random.below(100));
        const at = cluster.freeze(name);
        await sleep(2 * leaseTime);
        failOvers.push(...(await cluster.takenOver(name, at)));
        cluster.thaw(name);
        await cluster.shared();
        await cluster.writesOn(rate / 4);
      }
    },
  },
  d: {
    name: "rolling restart of all three",
    nodes: three,
    repeats: false,
    strike: async (cluster, { rate }, _random, { handOvers }) => {
      for (const name of three) {
        const at = await cluster.stop(name);
        handOvers.push(...(await cluster.takenOver(name, at)));
        await cluster.startNode(name);
        await cluster.shared();
        await cluster.writesOn(rate / 4);
      }
    },
  },
  e: {
    name: "1 node, then 3, then 1",
    nodes: ["x"],
    repeats: false,
    strike: async (cluster, { rate }, _random, { handOvers }) => {
      await cluster.startNode("y");
      await cluster.startNode("z");
      await cluster.shared();
      await cluster.writesOn(rate);
      for (const name of ["y", "z"]) {
        const at = await cluster.stop(name);
        handOvers.push(...(await cluster.takenOver(name, at)));
      }
      await cluster.shared(["x"]);
    },
  },
  f: {
    name: "engine killed (SIGKILL), restarted with its data",
    nodes: three,
    persistent: true,
    repeats: true,
    strike: async (cluster, { rate }) => {
      await cluster.broker.kill();
      await cluster.disconnected();
      await cluster.writesOn(rate);
      await cluster.broker.restart();
      await cluster.connected();
      await cluster.writesOn(rate);
    },
  },
  g: {
    name: "connections cut",
    nodes: three,
    cuts: true,
    repeats: true,
    strike: async (cluster, { times, rate }, random) => {
      for (let left = times; left > 0; left--) {
        cluster.proxy.cut();
        await sleep(random.below(50));
        await cluster.connected();
        await cluster.writesOn(rate / 2);
      }
    },
  },
  h: {
    name: "engine loses everything",
    nodes: three,
    repeats: true,
    renews: true,
    strike: async (cluster, { rate, heartbeat }) => {
      await cluster.flush();
      await cluster.connected();
      await sleep(heartbeat);
      await cluster.writesOn(rate);
    },
  },
};
