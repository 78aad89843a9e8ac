import { describe, expect, test } from "@jest/globals";
import {
  dynamicSupervisor,
  type ExitReason,
  startSupervisor,
  type Supervisor,
  supervisor,
  supervisorOf,
} from "nebulex-streams/actor";
import { SimulatedClock } from "nebulex-streams/testing";
import { eventually, one, quiet, Stage } from "./stage.js";

/** Kills a child so many times, waiting for each restart. */
async function kill(stage: Stage, id: string, times: number): Promise<void> {
  for (let n = 0; n < times; n++) {
    const lives = stage.lives(id);
    await stage.ref(id).kill();
    await eventually(() => stage.lives(id) > lives);
  }
}

async function exitOf(sup: Supervisor, stage: Stage, id: string): Promise<ExitReason> {
  await stage.ref(id).kill();
  return await sup.exited;
}

describe("the window", () => {
  test("three in five seconds by default", async () => {
    const stage = new Stage();
    const clock = new SimulatedClock();
    const sup = await startSupervisor({ ...one, clock, children: [stage.worker("a")] });
    await kill(stage, "a", 3);
    await clock.advance(5001);
    await kill(stage, "a", 3);
    expect(await exitOf(sup, stage, "a")).toBe("shutdown");
    expect(stage.lives("a")).toBe(7);
  });

  test("slides, and what is exactly as old as it still counts", async () => {
    const stage = new Stage();
    const clock = new SimulatedClock(1000);
    const options = { ...one, clock, maxRestarts: 2, maxSeconds: 1 };
    const sup = await startSupervisor({ ...options, children: [stage.worker("a")] });
    await kill(stage, "a", 1);
    await clock.advance(600);
    await kill(stage, "a", 1);
    await clock.advance(401);
    await kill(stage, "a", 1);
    await clock.advance(599);
    expect(await exitOf(sup, stage, "a")).toBe("shutdown");
  });

  test("of 0 restarts ends with the first that is due", async () => {
    const stage = new Stage();
    const children = [stage.worker("a"), stage.worker("b")];
    const sup = await startSupervisor({ ...one, maxRestarts: 0, children });
    stage.read();
    expect(await exitOf(sup, stage, "a")).toBe("shutdown");
    expect(stage.read()).toEqual(["down b shutdown"]);
  });

  test("is shared by all children; requests and exits without a restart add nothing", async () => {
    const stage = new Stage();
    const sup = await startSupervisor({
      ...one,
      maxRestarts: 2,
      children: [stage.worker("a"), stage.worker("b"), stage.worker("t", { restart: "transient" })],
    });
    for (let n = 0; n < 5; n++) {
      await sup.terminateChild("b");
      await sup.restartChild("b");
      await stage.end("t", { end: "normal" });
      await eventually(async () => (await sup.countChildren()).active === 2);
      await sup.restartChild("t");
    }
    await kill(stage, "a", 1);
    await kill(stage, "b", 1);
    expect(await exitOf(sup, stage, "t")).toBe("shutdown");
  });

  test("a group restart counts once, whatever its size", async () => {
    const stage = new Stage();
    const children = Array.from({ length: 20 }, (_, n) => stage.worker(`w${n}`));
    const sup = await startSupervisor({ strategy: "one_for_all", maxRestarts: 2, children });
    await kill(stage, "w3", 2);
    await eventually(() => stage.lives("w19") === 3);
    expect(await exitOf(sup, stage, "w3")).toBe("shutdown");
  });
});

describe("giving up", () => {
  test("ends the others newest first, without a group restart before", async () => {
    const stage = new Stage();
    const children = ["a", "b", "c"].map((id) => stage.worker(id));
    const sup = await startSupervisor({ strategy: "one_for_all", maxRestarts: 0, children });
    stage.read();
    await stage.end("b", { throw: new Error("b") });
    await sup.exited;
    expect(stage.read()).toEqual(["down b b", "down c shutdown", "down a shutdown"]);
  });

  test.each([
    ["permanent", 2, ["up"]],
    ["transient", 1, ["dead slot"]],
    ["temporary", 1, []],
  ] as const)(
    "of a %s supervisor: %d lives, and its own then has %j",
    async (restart, lives, slots) => {
      const stage = new Stage();
      const nested = { id: "nested", ...one, maxRestarts: 0, restart };
      await using sup = await startSupervisor({
        ...one,
        children: [supervisor({ ...nested, children: [stage.worker("a")] })],
      });
      const before = (await sup.whichChildren())[0]?.ref;
      await stage.ref("a").kill();
      await quiet();
      expect(stage.lives("a")).toBe(lives);
      const after = (await sup.whichChildren()).map(({ ref }) => ref);
      expect(after.map((ref) => (ref === undefined ? "dead slot" : "up"))).toEqual(slots);
      expect(after).not.toContain(before);
    },
  );

  test("goes up level by level, to the root", async () => {
    const stage = new Stage();
    const nest = (id: string, child: ReturnType<Stage["worker"]>) =>
      supervisor({ id, ...one, maxRestarts: 1, children: [child] });
    const children = [nest("1", nest("2", stage.worker("a")))];
    const sup = await startSupervisor({ ...one, maxRestarts: 1, children });
    // Each level restarts its child once: two times two times two lives.
    await kill(stage, "a", 7);
    expect(await exitOf(sup, stage, "a")).toBe("shutdown");
    expect(stage.lives("a")).toBe(8);
  });

  test("a restarted supervisor begins from its list, with an empty window and without what was added", async () => {
    const stage = new Stage();
    const list = { ...one, maxRestarts: 1, children: [stage.worker("a"), stage.worker("b")] };
    await using root = await startSupervisor({
      ...one,
      children: [
        supervisor({ id: "nested", ...list }),
        dynamicSupervisor({ id: "dynamic", maxRestarts: 0 }),
      ],
    });
    const [nested, dynamic] = (await root.whichChildren()).map(({ ref }) =>
      supervisorOf(ref as never),
    );
    await nested?.startChild(stage.worker("added"));
    await nested?.terminateChild("b");
    await dynamic?.startChild(stage.worker("d"));
    await kill(stage, "a", 1);
    await stage.ref("a").kill();
    await nested?.exited;
    await stage.ref("d").kill();
    await dynamic?.exited;
    await eventually(async () => (await root.countChildren()).active === 2);
    const [again, empty] = (await root.whichChildren()).map(({ ref }) =>
      supervisorOf(ref as never),
    );
    expect((await again?.whichChildren())?.map(({ id }) => id)).toEqual(["a", "b"]);
    expect(await again?.countChildren()).toMatchObject({ active: 2 });
    expect(await empty?.countChildren()).toMatchObject({ specs: 0 });
    await kill(stage, "a", 1);
    expect(again?.ref.alive).toBe(true);
  });
});
