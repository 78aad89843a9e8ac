import { expect, test } from "@jest/globals";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import { runStoreFault } from "./ledger-run.js";

/** Small enough for a busy machine. */
const sizes = { seed: 7, rate: 60, keys: 60, heartbeat: 1000, times: 1 };

describeWith("redis-server")("a shared store of processes", () => {
  test("keeps what is promised when writers are killed and stopped, and connections cut", async () => {
    const { problems, expired } = await runStoreFault("f", sizes, true);
    expect(problems).toEqual([]);
    expect(expired).toBeGreaterThan(0);
  }, 180_000);
});
