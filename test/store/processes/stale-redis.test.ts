import { expect, test } from "@jest/globals";
import { describeWith } from "../../helpers/brokers/describe-with.js";
import { defaultStaleSizes, runStaleOutage } from "./stale-run.js";

const sizes = { ...defaultStaleSizes, heartbeats: 1.5 };

describeWith("redis-server")("local copies of a shared store", () => {
  test.each([
    ["their packets are lost", "l"],
    ["the broker begins again empty", "i"],
  ] as const)(
    "are not served beyond one heartbeat when %s",
    async (_name, id) => {
      const results = await runStaleOutage(id, sizes);
      expect(results.flatMap(({ problems }) => problems)).toEqual([]);
    },
    90_000,
  );
});
