import { describe, expect, test } from "@jest/globals";
import { formatJson, formatTables } from "../../../examples/replay/report.js";

const result = {
  requests: 12_345,
  hits: 3_000,
  misses: 1_000,
  events: { inserted: 6_000, updated: 2_000, deleted: 500, expired: 0, evicted: 1_500 },
  partitions: [2_500, 7_500],
  handled: 10_000,
  lost: 1,
  outOfOrder: 2,
  restarts: 3,
  seconds: 1.234_567,
  eventsPerSecond: 8_100.4,
  crashesLeft: 0,
};

describe("a report", () => {
  test("as JSON is one line with these fields in this order", () => {
    expect(formatJson({ trace: "a.csv", seed: 1, result })).toBe(
      '{"trace":"a.csv","requests":12345,"hits":3000,"misses":1000,' +
        '"events":{"inserted":6000,"updated":2000,"deleted":500,"expired":0,"evicted":1500},' +
        '"handled":10000,"lost":1,"outOfOrder":2,"restarts":3,"partitions":[2500,7500],' +
        '"seconds":1.235,"eventsPerSecond":8100}',
    );
  });

  test("as JSON has null for the trace of a generated workload", () => {
    expect(JSON.parse(formatJson({ trace: null, seed: 1, result }))).toMatchObject({ trace: null });
  });

  test("in tables shows the events by type and by partition, and the rest", () => {
    const cells = formatTables({ trace: "a.csv", seed: 1, result })
      .split("\n")
      .filter((line) => line.includes("│"))
      .map((line) =>
        line
          .split("│")
          .slice(1, -1)
          .map((cell) => cell.trim()),
      );
    expect(cells).toEqual([
      ["event type", "events", "share"],
      ["inserted", "6,000", "60.0 %"],
      ["updated", "2,000", "20.0 %"],
      ["deleted", "500", "5.0 %"],
      ["expired", "0", "0.0 %"],
      ["evicted", "1,500", "15.0 %"],
      ["total", "10,000", "100.0 %"],
      ["partition", "events", "share"],
      ["0", "2,500", "25.0 %"],
      ["1", "7,500", "75.0 %"],
      ["total", "10,000", "100.0 %"],
      ["trace", "a.csv"],
      ["requests", "12,345"],
      ["hits", "3,000 (75.0 % of reads)"],
      ["misses", "1,000"],
      ["events handled", "10,000"],
      ["lost", "1"],
      ["out of order", "2"],
      ["handler restarts", "3"],
      ["seconds", "1.235"],
      ["events/s", "8,100"],
    ]);
  });

  test("in tables names the seed of a generated workload", () => {
    expect(formatTables({ trace: null, seed: 7, result })).toContain(
      "generated Zipf workload, seed 7",
    );
  });
});
