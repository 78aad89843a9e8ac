import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../../src/testing/random.js";
import type { StoreCluster } from "./store-cluster.js";

export const storeFaultIds = ["a", "b", "c", "d", "e", "f"] as const;
export type StoreFaultId = (typeof storeFaultIds)[number];

/** How large the experiments are. */
export interface StoreSizes {
  readonly seed: number;
  /** Commands a second that each process issues, and as many reads. */
  readonly rate: number;
  readonly keys: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** How often processes are killed or stopped, and connections cut. */
  readonly times: number;
}

/** What is done to a shared store while its processes write. */
export interface StoreFault {
  readonly name: string;
  /** Whether the engine comes to harm, and keeps all that it has taken. */
  readonly persistent?: boolean;
  strike(cluster: StoreCluster, sizes: StoreSizes, random: SeededRandom): Promise<void>;
}

type Harm = (cluster: StoreCluster, sizes: StoreSizes, random: SeededRandom) => Promise<void>;

const kill: Harm = async (cluster, { rate }, random) => {
  await sleep(random.below(100));
  const name = random.pick(cluster.names) as string;
  await cluster.kill(name);
  await cluster.startNode(name);
  await cluster.goesOn(rate / 4);
};

/** For longer than a command may take. */
const freeze: Harm = async (cluster, { rate }, random) => {
  await sleep(random.below(100));
  const thaw = cluster.freeze(random.pick(cluster.names) as string);
  await sleep(1500 + random.below(1000));
  thaw();
  await cluster.goesOn(rate / 4);
};

const cut: Harm = async (cluster, { rate }, random) => {
  await sleep(random.below(100));
  cluster.proxy.cut();
  await sleep(random.below(50));
  await cluster.connected();
  await cluster.goesOn(rate / 4);
};

const again =
  (harm: Harm): Harm =>
  async (cluster, sizes, random) => {
    for (let left = sizes.times; left > 0; left--) await harm(cluster, sizes, random);
  };

export const storeFaults: Readonly<Record<StoreFaultId, StoreFault>> = {
  a: { name: "nothing happens", strike: (cluster, { rate }) => cluster.goesOn(3 * rate) },
  b: { name: "writers killed (SIGKILL), started again", strike: again(kill) },
  c: { name: "writers stopped (SIGSTOP) for 1.5 to 2.5 s, continued", strike: again(freeze) },
  d: { name: "connections cut", strike: again(cut) },
  e: {
    name: "engine killed (SIGKILL), restarted with its data",
    persistent: true,
    strike: async (cluster, { rate }) => {
      await cluster.broker.kill();
      await cluster.disconnected();
      await cluster.goesOn(rate / 2);
      await cluster.broker.restart();
      await cluster.connected();
      await cluster.goesOn(rate / 2);
    },
  },
  f: {
    name: "writers killed and stopped, connections cut, at once",
    strike: again((...all) => Promise.all([kill, freeze, cut].map((harm) => harm(...all))).then()),
  },
};
