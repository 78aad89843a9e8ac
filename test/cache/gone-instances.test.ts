import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { Built } from "../helpers/built.js";
import { runOk } from "../helpers/run.js";

let built: Built;

beforeAll(async () => {
  built = await Built.make();
});
afterAll(() => built[Symbol.asyncDispose]());

/** Starts and ends the trees of many instances; prints how many of what they had was collected. */
const program = (index: string, partitions: number, tenants: number): string => `
  import { setImmediate as nextTurn } from "node:timers/promises";
  const {
    createHub, defineCache, dynamicSupervisor, handlerPool, invalidator, localPubSub,
    startSupervisor, streamServer, supervisor, supervisorOf, whenIdle,
  } = await import(${JSON.stringify(index)});
  const users = defineCache({ name: "users" });
  const pubsub = localPubSub({ nodeName: "node", hub: createHub() });
  const root = await startSupervisor({
    strategy: "one_for_one",
    children: [pubsub, dynamicSupervisor({ id: "tenants" })],
  });
  const tenants = supervisorOf((await root.whichChildren())[1].ref);
  const collected = { handles: 0, trees: 0, values: 0 };
  const registry = new FinalizationRegistry((what) => collected[what]++);
  const start = async (name) => {
    const value = { name };
    const cache = users.instance(name);
    const ref = await tenants.startChild(
      supervisor({
        id: name,
        strategy: "rest_for_one",
        restart: "temporary",
        children: [
          cache,
          streamServer({ cache, pubsub, partitions: ${partitions} }),
          handlerPool({ cache, handler: () => {} }),
          invalidator({ cache }),
        ],
      }),
    );
    cache.put("k", value);
    await whenIdle(cache);
    registry.register(value, "values");
    registry.register(cache, "handles");
    registry.register(ref, "trees");
    return ref;
  };
  // One runs, and its handle is not held; the other one's handle is held, and it does not run.
  const running = await start("running");
  const held = users.instance("held");
  await tenants.terminateChild(await start("held"));
  const count = ${tenants};
  // A function of its own, since the frame of this module holds its variables to the end.
  const startAndEnd = async (i) => {
    const ref = await start("tenant-" + i);
    if (i % 2 === 0) await tenants.terminateChild(ref);
    else await ref.kill();
  };
  for (let i = 0; i < count; i++) await startAndEnd(i);
  for (let i = 0; i < 1000 && Object.values(collected).some((n) => n < count); i++) {
    await nextTurn();
    gc();
  }
  const found = users.instance("running").get("k").name;
  const same = users.instance("held") === held;
  await start("held");
  console.log(JSON.stringify({ ...collected, found, same, again: held.get("k").name }));
  await root.stop();
`;

test.each([
  [2, 1000],
  [64, 100],
])(
  "nothing is kept of instances that are gone: %i partitions",
  async (partitions, tenants) => {
    const index = pathToFileURL(join(built.folder, "index.js")).href;
    const source = program(index, partitions, tenants);
    const args = ["--expose-gc", "--input-type=module", "--eval", source];
    expect(JSON.parse(await runOk(process.execPath, args))).toEqual({
      handles: tenants,
      // Those of the one that is held by its handle only are gone too.
      trees: tenants + 1,
      values: tenants + 1,
      found: "running",
      same: true,
      again: "held",
    });
  },
  120_000,
);
