import { describe, expect, test } from "@jest/globals";
import { BATCH_SIZE } from "../../../examples/replay/request.js";
import { seededRandom } from "../../../examples/replay/workload/random.js";
import { WORKLOAD, zipfWorkload } from "../../../examples/replay/workload/zipf.js";

const batches = [...zipfWorkload(42)];
const requests = batches.flatMap((batch) => batch.requests);
const share = (count: number) => count / requests.length;

describe("the random numbers", () => {
  test("are those of mulberry32", () => {
    const random = seededRandom(0);
    const firstOfSeed0 = [1_144_304_738, 1_416_247, 958_946_056, 627_933_444];
    expect(firstOfSeed0.map(() => random() * 2 ** 32)).toEqual(firstOfSeed0);
  });
});

describe("the generated workload", () => {
  test("is the same for the same seed", () => {
    expect([...zipfWorkload(42)]).toEqual(batches);
  });

  test("is another for another seed", () => {
    const [first] = zipfWorkload(43);
    expect(first?.requests).not.toEqual(batches[0]?.requests);
  });

  test("has 200,000 requests, in batches whose progress rises to 1", () => {
    expect(requests).toHaveLength(200_000);
    expect(batches.every((batch) => batch.requests.length <= BATCH_SIZE)).toBe(true);
    const progress = batches.map((batch) => batch.progress);
    expect(progress).toEqual(progress.toSorted((one, other) => one - other));
    expect(progress.at(-1)).toBe(1);
  });

  test("has the shares of reads, writes and deletes that it says", () => {
    const of = (op: string) => share(requests.filter((request) => request.op === op).length);
    expect(of("read")).toBeCloseTo(WORKLOAD.reads, 2);
    expect(of("write")).toBeCloseTo(WORKLOAD.writes, 2);
    expect(of("delete")).toBeCloseTo(1 - WORKLOAD.reads - WORKLOAD.writes, 2);
  });

  test("asks for keys by Zipf's law", () => {
    const of = (rank: number) => share(requests.filter(({ key }) => key === `item:${rank}`).length);
    const weights = Array.from(
      { length: WORKLOAD.keys },
      (_, index) => (index + 1) ** -WORKLOAD.skew,
    );
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    for (const rank of [1, 2, 3, 10]) {
      expect({ rank, share: of(rank) }).toEqual({
        rank,
        share: expect.closeTo(rank ** -WORKLOAD.skew / total, 2),
      });
    }
    expect(of(1) / of(10)).toBeCloseTo(10 ** WORKLOAD.skew, 0);
  });

  test("has no TTL, so that time has no part in its outcome", () => {
    expect(requests.some((request) => "ttl" in request)).toBe(false);
  });
});
