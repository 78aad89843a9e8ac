import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  createRegistry,
  createSystem,
  dynamicSupervisor,
  spawn,
  startSupervisor,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { until } from "../helpers/actors.js";
import { countSteps } from "../helpers/steps.js";

const sizes = [200, 2000] as const;

/** Ten times as many cost ten times as many steps: a cost that grew with their square would be a hundred times. */
async function expectLinear(run: (size: number) => Promise<number>): Promise<void> {
  const [few, many] = [await run(sizes[0]), await run(sizes[1])];
  expect(few).toBeGreaterThan(0);
  expect(many / few).toBeLessThan(15);
}

test("counted are the items that iterators give and the lengths that methods go through", async () => {
  const list = [1, 2, 3];
  const counted = await countSteps(() => {
    let sum = 0;
    for (const [, item] of new Map([[1, 1]])) sum += item;
    return sum + list.indexOf(3);
  });
  expect(counted).toBeGreaterThanOrEqual(4);
  expect(await countSteps(() => list.length)).toBe(0);
});

describe("the cost of a dynamic supervisor's child does not grow with their number", () => {
  const steps = {
    "children start": async () => {},
    "children end, one after the other": async (refs: ActorRef[]) => {
      for (const ref of refs) await ref.stop();
    },
    "children crash together and are restarted": async (refs: ActorRef[]) => {
      for (const ref of refs) void ref.kill();
    },
  };
  const kinds = Object.keys(steps) as (keyof typeof steps)[];

  test.each(kinds)("%s", async (kind) => {
    await expectLinear(async (size) => {
      const root = await startSupervisor({
        strategy: "one_for_one",
        clock: new SimulatedClock(),
        children: [dynamicSupervisor({ id: "pool", maxRestarts: size })],
      });
      const dynamic = supervisorOf((await root.whichChildren())[0]?.ref as ActorRef);
      const refs: ActorRef[] = [];
      let starts = 0;
      const start = async (): Promise<void> => {
        const spec = actor({
          id: "child",
          restart: "transient",
          init: () => void starts++,
          receive: () => {},
        });
        for (let n = 0; n < size; n++) refs.push((await dynamic.startChild(spec)) as ActorRef);
      };
      const change = async (): Promise<void> => {
        await steps[kind](refs);
        await until(() => (kind.includes("crash") ? starts === 2 * size : true));
      };
      if (kind !== "children start") await start();
      const counted = await countSteps(kind === "children start" ? start : change);
      const { active } = await dynamic.countChildren();
      expect(active).toBe(kind.includes("end,") ? 0 : size);
      await root.stop();
      return counted;
    });
  });
});

test.each([
  ["one key", () => "topic"],
  ["keys of their own", (n: number) => n],
])(
  "the cost of an entry in a registry does not grow with their number: under %s",
  async (_what, keyOf) => {
    await expectLinear(async (size) => {
      const system = createSystem();
      const registry = createRegistry(system, { keys: "duplicate" });
      const refs: ActorRef[] = [];
      for (let n = 0; n < size; n++)
        refs.push((await spawn(system, { receive: () => {} })) as ActorRef);
      const counted = await countSteps(() => {
        for (const [n, ref] of refs.entries()) registry.register(keyOf(n), ref);
        for (const [n, ref] of refs.entries())
          if (n % 2 === 0) registry.unregister(keyOf(n), ref);
          else void ref.kill();
      });
      expect(registry.count()).toBe(0);
      await system.stop();
      return counted;
    });
  },
);

test.each([
  ["one key", () => "topic"],
  ["keys of their own", (n: number) => n],
])("20,000 actors under %s are gone from a registry when they have died", async (_what, keyOf) => {
  const system = createSystem();
  const registry = createRegistry(system, { keys: "duplicate" });
  const spawned = Array.from({ length: 20_000 }, () => spawn(system, { receive: () => {} }));
  const refs = await Promise.all(spawned);
  for (const [n, ref] of refs.entries()) registry.register(keyOf(n), ref);
  expect(registry.count()).toBe(20_000);
  for (const ref of refs) void ref.kill();
  expect(registry.count()).toBe(0);
  await system.stop();
});

test("10,000 children of a dynamic supervisor start, crash and end", async () => {
  const size = 10_000;
  const root = await startSupervisor({
    strategy: "one_for_one",
    clock: new SimulatedClock(),
    children: [dynamicSupervisor({ id: "pool", maxRestarts: size })],
  });
  const dynamic = supervisorOf((await root.whichChildren())[0]?.ref as ActorRef);
  const refs: (ActorRef | undefined)[] = [];
  const child = actor({ id: "same", receive: () => {}, restart: "transient" });
  for (let n = 0; n < size; n++) refs.push(await dynamic.startChild(child));
  for (let n = 0; n < size; n += 2) void refs[n]?.stop();
  for (let n = 1; n < size; n += 4) void refs[n]?.kill();
  await until(async () => (await dynamic.countChildren()).active === size / 2);
  expect(await dynamic.countChildren()).toMatchObject({ specs: size / 2, workers: size / 2 });
  await root.stop();
});
