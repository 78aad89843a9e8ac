import { readFileSync } from "node:fs";
import TestSequencer from "@jest/test-sequencer";

const root = new URL("../", import.meta.url);
const lists = JSON.parse(readFileSync(new URL("slow-tests.json", root), "utf8"));
const slow = new Set(
  Object.values(lists)
    .flat()
    .map((path) => new URL(path, root).pathname),
);

/**
 * First the tests that collect garbage, while the heaps of the workers are small: each collection
 * takes as long as the heap is large. Then those that are known to be slow, so that none of them
 * is still running when the others have ended.
 */
export default class Sequencer extends TestSequencer {
  sort(tests) {
    const rank = ({ path }) => {
      if (readFileSync(path, "utf8").includes("/census.js")) return 0;
      return slow.has(path) ? 1 : 2;
    };
    const ranks = new Map(tests.map((test) => [test, rank(test)]));
    return super.sort(tests).sort((a, b) => ranks.get(a) - ranks.get(b));
  }
}
