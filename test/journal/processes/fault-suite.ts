import { expect, test } from "@jest/globals";
import { servers } from "../../cluster/processes/engines.js";
import type { EngineName } from "../../cluster/processes/protocol.js";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import { runFault } from "./fault-run.js";
import { type FaultId, faults, type FaultSizes } from "./faults.js";

/** A busy machine may hold up any process for a while: that must not end a lease. */
const sizes: FaultSizes = { seed: 7, rate: 300, heartbeat: 1000, leaseTime: 4000, times: 1 };
const minutes = 180_000;

/** Short versions of faults, each in processes of its own. */
export function faultSuite(engine: EngineName, ids: readonly FaultId[]): void {
  describeWith(servers[engine])(`a cluster group of processes over ${engine}`, () => {
    test.each(ids.map((id) => [faults[id].name, id] as const))(
      "keeps what is promised: %s",
      async (_name, id) => {
        const { problems, handled } = await runFault(engine, id, sizes);
        expect(problems).toEqual([]);
        expect(handled).toBeGreaterThan(0);
      },
      minutes,
    );
  });
}
