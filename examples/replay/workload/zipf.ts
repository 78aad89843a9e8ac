import { BATCH_SIZE } from "../request.js";
import type { Batch, Request } from "../request.js";
import { seededRandom } from "./random.js";
import type { Random } from "./random.js";

/** What the generated workload is made of. */
export const WORKLOAD = Object.freeze({
  requests: 200_000,
  /** Distinct keys, `item:1` the most popular. */
  keys: 50_000,
  /** The key of rank r is asked for in proportion to 1 / r^skew. */
  skew: 0.9,
  /** Shares of the operations; the rest, 2 %, are deletes. */
  reads: 0.8,
  writes: 0.18,
});

/**
 * Generates requests whose keys follow Zipf's law, as those to a web cache do. No entry has a TTL, so
 * that the outcome depends on the seed alone and not on how fast it is replayed.
 *
 * @param seed an integer from 0 to 2^32 - 1; the same seed gives the same requests
 */
export function* zipfWorkload(seed: number): Generator<Batch> {
  const random = seededRandom(seed);
  const pickRank = zipfRanks(WORKLOAD.keys, WORKLOAD.skew, random);
  for (let made = 0; made < WORKLOAD.requests;) {
    const size = Math.min(BATCH_SIZE, WORKLOAD.requests - made);
    const requests = Array.from({ length: size }, (): Request => ({
      op: pickOperation(random()),
      key: `item:${pickRank()}`,
    }));
    made += size;
    yield { requests, progress: made / WORKLOAD.requests };
  }
}

function pickOperation(draw: number): Request["op"] {
  if (draw < WORKLOAD.reads) return "read";
  return draw < WORKLOAD.reads + WORKLOAD.writes ? "write" : "delete";
}

/** Draws ranks from 1 to `count` by looking a random number up in the cumulated weights. */
function zipfRanks(count: number, skew: number, random: Random): () => number {
  const cumulated = new Float64Array(count);
  let total = 0;
  for (let rank = 1; rank <= count; rank += 1) {
    total += rank ** -skew;
    cumulated[rank - 1] = total;
  }
  return () => {
    const draw = random() * total;
    let low = 0;
    let high = count - 1;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((cumulated[middle] ?? total) > draw) high = middle;
      else low = middle + 1;
    }
    return low + 1;
  };
}
