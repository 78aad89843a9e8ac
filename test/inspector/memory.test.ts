import { setImmediate as nextTurn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import {
  actor,
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";
import { ProcessSource } from "../../src/inspector/process-source.js";
import { follow } from "../../src/inspector/reports.js";
import { maxTimeline } from "../../src/inspector/snapshot.js";
import { ChangeDetector } from "../../src/inspector/update.js";
import { until } from "../helpers/actors.js";
import { recordWarnings } from "../helpers/warnings.js";

/** The looks of an hour, one a second. */
const looks = 3600;

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function heap(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await nextTurn();
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

recordWarnings();

test("an hour of looking at what crashes, lags and is written takes no memory", async () => {
  const users = defineCache<number, number>({ name: "users" });
  const fragile = actor({
    id: "fragile",
    receive: () => {
      throw new Error("crash");
    },
  });
  const tree = await startSupervisor({
    strategy: "one_for_one",
    maxRestarts: 1_000_000,
    children: [
      users,
      streamServer({ cache: users, partitions: 4 }),
      handlerPool({ cache: users, handler: () => {} }),
      fragile,
    ],
  });
  const source = new ProcessSource(tree.system, tree.ref);
  const unfollow = follow(tree.system, source.timeline);
  const changes = new ChangeDetector();
  let sent = 0;
  const look = async (count: number): Promise<void> => {
    users.put(count % 1000, count);
    if (count % 100 === 0) {
      const before = (await tree.whichChildren()).at(-1)?.ref;
      if (typeof before === "object") (before as { dispatch(text: string): void }).dispatch("now");
      await until(async () => (await tree.whichChildren()).at(-1)?.ref !== before);
    }
    sent += changes.changes(source.read()).length;
    source.timeline.since(source.timeline.lastId - 1);
  };
  const quarter = looks / 4;
  for (let count = 0; count < quarter; count++) await look(count);
  const before = await heap();
  for (let count = quarter; count < looks; count++) await look(count);
  await whenIdle(users);
  const after = await heap();
  expect(after - before).toBeLessThan(2_000_000);
  expect(sent).toBeGreaterThan(looks * 100);
  expect(source.timeline.since(0).length).toBeLessThanOrEqual(maxTimeline);

  source.end();
  changes.forget();
  expect(changes.all).not.toContain("users");
  unfollow();
  await tree.stop();
});
