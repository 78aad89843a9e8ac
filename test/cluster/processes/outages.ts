import { setTimeout as sleep } from "node:timers/promises";
import type { SeededRandom } from "../../../src/testing/random.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import type { Cluster } from "./cluster.js";

/** The outages' ids. */
export const outageIds = ["a", "b", "c", "d", "e", "f"] as const;
export type OutageId = (typeof outageIds)[number];

/** How large they are. */
export interface OutageSizes {
  readonly seed: number;
  /** Events a second that each process writes. */
  readonly rate: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** How often connections are cut, and nodes killed. */
  readonly times: number;
  /** Events that a partition keeps in (f). */
  readonly capacity: number;
}

/** What is done to a cluster while it writes. */
export interface Outage {
  readonly name: string;
  /** Whether others must, may or must not receive gaps for events that they are not given. */
  readonly losses: "some" | "possible" | "none";
  /** Whether little is kept of what can't be sent. */
  readonly small?: boolean;
  /** How many times as much is written as elsewhere. Default 1. */
  readonly haste?: number;
  readonly strike: (cluster: Cluster, sizes: OutageSizes, random: SeededRandom) => Promise<void>;
}

export const outages: Readonly<Record<OutageId, Outage>> = {
  a: { name: "none", losses: "none", strike: (cluster, { rate }) => cluster.writesOn(2 * rate) },
  b: {
    name: "broker killed (SIGKILL), restarted",
    losses: "possible",
    strike: async (cluster, { rate }) => {
      await cluster.broker.kill();
      await disconnected(cluster);
      await cluster.writesOn(rate);
      await cluster.broker.restart();
    },
  },
  c: {
    name: "broker stopped (SIGSTOP) for 2 heartbeats, then until it is given up",
    losses: "possible",
    strike: async (cluster, { heartbeat, rate }) => {
      await cluster.broker.freeze();
      await sleep(2 * heartbeat);
      cluster.broker.thaw();
      await cluster.acquainted();
      await cluster.writesOn(rate / 2);
      await cluster.broker.freeze();
      await disconnected(cluster);
      cluster.broker.thaw();
    },
  },
  d: {
    name: "connections cut",
    losses: "possible",
    strike: async (cluster, { times, rate }, random) => {
      for (let left = times; left > 0; left--) {
        cluster.proxy.cut();
        await sleep(random.below(50));
        await cluster.acquainted();
        await cluster.writesOn(rate / 4);
      }
    },
  },
  e: {
    name: "node killed (SIGKILL) while it writes, started again",
    // Of what was not sent yet, nothing need have been.
    losses: "possible",
    strike: async (cluster, { times, rate, heartbeat }, random) => {
      const names = cluster.running.map(({ name }) => name);
      for (let turn = 0; turn < times; turn++) {
        const name = random.pick(names) as string;
        await sleep(random.below(100));
        await cluster.kill(name);
        // Before, and after, the others have noticed.
        if (turn % 2 === 1) await sleep(1.5 * heartbeat);
        await cluster.startNode(name);
        await cluster.acquainted();
        await cluster.write(rate);
        await cluster.writesOn(rate / 2);
      }
    },
  },
  f: {
    name: "broker gone until more is written than is kept",
    losses: "some",
    small: true,
    haste: 3,
    strike: async (cluster, { capacity, rate }) => {
      const partitions = 4;
      await cluster.proxy.refuse();
      await disconnected(cluster);
      await cluster.writesOn(partitions * capacity + rate);
      await cluster.proxy.restore();
    },
  },
};

async function disconnected(cluster: Cluster): Promise<void> {
  await waitFor(
    async () => (await cluster.statuses()).every(({ pubsub }) => pubsub === "reconnecting"),
    { timeout: 60_000, interval: 20, message: "all processes notice the outage" },
  );
}
