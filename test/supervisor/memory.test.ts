import { expect, test } from "@jest/globals";
import { actor, type ActorRef, createSystem, spawn, startSupervisor } from "../../src/actor.js";
import { Census } from "../helpers/census.js";

const cycles = 500;

test("actors that are spawned and stopped leave nothing of themselves behind", async () => {
  const system = createSystem();
  const census = new Census();
  const spawnAndStop = async (): Promise<void> => {
    const refs = await Promise.all(
      Array.from({ length: 100 }, (_, n) =>
        spawn(
          system,
          { init: () => census.add({}), receive: census.add((state: object) => state) },
          { name: `worker ${n}` },
        ),
      ),
    );
    for (const ref of refs) census.add(ref).monitor(census.add(() => {}));
    await Promise.all(refs.map((ref) => ref.stop()));
  };
  for (let done = 0; done < cycles; done += 100) await spawnAndStop();
  expect(await census.count()).toBe(0);
  await system.stop();
});

test("restarts leave nothing behind of the lives before", async () => {
  const census = new Census();
  let arrived: () => void = () => {};
  const sup = await startSupervisor({
    strategy: "one_for_all",
    maxRestarts: 1_000_000_000,
    maxSeconds: 1,
    children: [
      actor({
        id: "a",
        init: (ctx) => {
          census.add(ctx.self).monitor(census.add(() => {}));
          ctx.monitor(
            ctx.self,
            census.add(() => {}),
          );
          return census.add({});
        },
        receive: () => {
          throw census.add(new Error("crash"));
        },
      }),
      actor({ id: "b", init: () => arrived(), receive: () => {} }),
    ],
  });
  for (let done = 0; done < cycles; done++) {
    const up = new Promise<void>((resolve) => (arrived = resolve));
    const [a] = (await sup.whichChildren()) as [{ ref: ActorRef }, unknown];
    a.ref.dispatch("crash");
    await up;
  }
  // The incarnation that lives, with its two monitors; the supervisor may still handle the last crash.
  expect(await census.count()).toBeLessThanOrEqual(8);
  await sup.stop();
  expect(await census.count()).toBeLessThanOrEqual(8);
});
