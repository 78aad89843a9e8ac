import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "@jest/globals";
import { actor, type ActorRef, createSystem, spawn, startSupervisor } from "../../src/actor.js";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

async function usedHeap(): Promise<number> {
  for (let round = 0; round < 3; round++) {
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
  }
  return process.memoryUsage().heapUsed;
}

/** Bytes that each of so many cycles leaves behind, after a warm-up. */
async function bytesPerCycle(
  cycles: number,
  run: (times: number) => Promise<void>,
): Promise<number> {
  await run(5000);
  const before = await usedHeap();
  await run(cycles);
  return ((await usedHeap()) - before) / cycles;
}

const cycles = 100_000;

test("100,000 actors spawned and stopped leave nothing behind", async () => {
  const system = createSystem();
  const left = await bytesPerCycle(cycles, async (times) => {
    for (let done = 0; done < times; done += 100) {
      const refs = await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          spawn(system, { receive: () => {} }, { name: `worker ${n}` }),
        ),
      );
      for (const ref of refs) ref.monitor(() => {});
      await Promise.all(refs.map((ref) => ref.stop()));
    }
  });
  expect(left).toBeLessThan(4);
  await system.stop();
}, 120_000);

test("100,000 restarts leave nothing behind", async () => {
  let arrived: () => void = () => {};
  const sup = await startSupervisor({
    strategy: "one_for_all",
    maxRestarts: 1_000_000_000,
    maxSeconds: 1,
    children: [
      actor({
        id: "a",
        init: (ctx) => void ctx.monitor(ctx.self, () => {}),
        receive: () => {
          throw new Error("crash");
        },
      }),
      actor({ id: "b", init: () => arrived(), receive: () => {} }),
    ],
  });
  const crash = async (): Promise<void> => {
    const up = new Promise<void>((resolve) => {
      arrived = resolve;
    });
    const [a] = (await sup.whichChildren()) as [{ ref: ActorRef }, unknown];
    a.ref.dispatch("crash");
    await up;
  };
  const left = await bytesPerCycle(cycles, async (times) => {
    for (let done = 0; done < times; done++) await crash();
  });
  expect(left).toBeLessThan(4);
  await sup.stop();
}, 120_000);
