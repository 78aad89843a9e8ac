import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import type { Cluster } from "./cluster.js";
import { servers } from "./engines.js";
import { startCluster, strike } from "./outage-run.js";
import { type OutageId, outages, type OutageSizes } from "./outages.js";
import type { EngineName } from "./protocol.js";

const sizes: OutageSizes = { seed: 7, rate: 1500, heartbeat: 600, times: 2, capacity: 6000 };
const minutes = 60_000;

/** Short versions of all outages, one after the other in one cluster of three processes. */
export function outageSuite(engine: EngineName): void {
  describeWith(servers[engine])(`three processes that write over ${engine}`, () => {
    let cluster: Cluster;
    beforeAll(async () => {
      cluster = await startCluster(engine, sizes, true);
    }, minutes);
    afterAll(() => cluster[Symbol.asyncDispose]());

    const ids: OutageId[] = ["a", "b", "c", "d", "e", "f"];
    test.each(ids.map((id) => [outages[id].name, id] as const))(
      "keep what is promised: %s",
      async (_name, id) => {
        const { problems, remote, local } = await strike(cluster, id, sizes);
        expect(problems).toEqual([]);
        expect(remote.received).toBeGreaterThan(0);
        expect(local.received).toBeGreaterThan(0);
      },
      minutes,
    );
  });
}
