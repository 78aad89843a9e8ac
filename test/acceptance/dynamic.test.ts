import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  dynamicSupervisor,
  type DynamicSupervisorOptions,
  startSupervisor,
  supervisorOf,
} from "nebulex-streams/actor";
import { SimulatedClock } from "nebulex-streams/testing";
import { caught, eventually, forever, one, quiet, Stage } from "./stage.js";

async function pool(options: Omit<DynamicSupervisorOptions, "id"> = {}) {
  const clock = new SimulatedClock();
  const root = await startSupervisor({
    ...one,
    clock,
    children: [dynamicSupervisor({ id: "dynamic", ...options })],
  });
  const current = async () => supervisorOf((await root.whichChildren())[0]?.ref as ActorRef);
  return { root, clock, dynamic: await current(), current, stage: new Stage() };
}

test("children go by their refs: one id may stand many times, and ids are not asked for", async () => {
  const { root, dynamic, stage } = await pool();
  const refs = [];
  for (let n = 0; n < 3; n++) refs.push(await dynamic.startChild(stage.worker("same")));
  expect(new Set(refs).size).toBe(3);
  expect(await dynamic.countChildren()).toEqual({
    specs: 3,
    active: 3,
    supervisors: 0,
    workers: 3,
  });
  expect((await dynamic.whichChildren()).map(({ ref }) => ref)).toEqual(refs);
  await dynamic.terminateChild(refs[1] as ActorRef);
  expect(refs.map((ref) => ref?.alive)).toEqual([true, false, true]);
  expect(await dynamic.getChildSpec(refs[0] as ActorRef)).toMatchObject({
    id: "same",
    restart: "permanent",
    shutdown: 5000,
    type: "worker",
    significant: false,
  });
  for (const wrong of [refs[1], "same", undefined, root.ref, dynamic.ref]) {
    expect(await caught(dynamic.terminateChild(wrong as never))).toMatchObject({
      reason: "not_found",
    });
    expect(await caught(dynamic.getChildSpec(wrong as never))).toMatchObject({
      reason: "not_found",
    });
  }
  for (const ask of ["restartChild", "deleteChild"] as const)
    for (const id of ["same", refs[0] as never])
      expect(await caught(dynamic[ask](id))).toMatchObject({ reason: "simple_one_for_one" });
  await root.stop();
});

test.each([
  ["permanent", { end: "normal" }, true],
  ["transient", { end: "normal" }, false],
  ["transient", { throw: new Error("crash") }, true],
  ["temporary", { throw: new Error("crash") }, false],
] as const)("a %s child that gets %j: restarted: %p, else removed", async (restart, cue, again) => {
  const { root, dynamic, stage } = await pool();
  const before = await dynamic.startChild(stage.worker("a", { restart }));
  const other = await dynamic.startChild(stage.worker("b"));
  await stage.end("a", cue);
  if (again) await eventually(() => stage.lives("a") === 2);
  await quiet();
  const refs = (await dynamic.whichChildren()).map(({ ref }) => ref);
  expect(refs).toHaveLength(again ? 2 : 1);
  expect(refs).toEqual(expect.arrayContaining(again ? [stage.ref("a"), other] : [other]));
  expect(await caught(dynamic.terminateChild(before as ActorRef))).toMatchObject({
    reason: "not_found",
    ref: before,
  });
  await root.stop();
});

test("a start that fails or is ignored leaves nothing; a significant child is refused", async () => {
  const { root, dynamic, stage } = await pool();
  expect(await caught(dynamic.startChild(stage.fickle("a", () => "fail")))).toMatchObject({
    reason: "failed_to_start_child",
    childId: "a",
    cause: new Error("start 1 of a"),
  });
  expect(await dynamic.startChild(stage.fickle("a", () => "ignore"))).toBeUndefined();
  const significant = stage.worker("s", { restart: "transient", significant: true });
  expect(await caught(dynamic.startChild(significant))).toMatchObject({
    reason: "bad_combination",
    childId: "s",
  });
  expect(await dynamic.countChildren()).toEqual({
    specs: 0,
    active: 0,
    supervisors: 0,
    workers: 0,
  });
  await root.stop();
});

test("three restarts in five seconds by default, for all of them together; then its own supervisor restarts it", async () => {
  const { root, dynamic, stage, clock, current } = await pool();
  for (const id of ["a", "b"]) await dynamic.startChild(stage.worker(id));
  await stage.reborn("a");
  await stage.reborn("b");
  await clock.advance(5001);
  for (let n = 0; n < 3; n++) await stage.reborn("a");
  await stage.ref("b").kill();
  expect(await dynamic.exited).toBe("shutdown");
  expect(stage.ref("a").alive).toBe(false);
  const next = await current();
  expect(await next.whichChildren()).toEqual([]);
  await root.stop();
});

test("maxChildren: 0 refuses all; a place is free when a child has gone", async () => {
  const none = await pool({ maxChildren: 0 });
  expect(await caught(none.dynamic.startChild(none.stage.worker("a")))).toMatchObject({
    name: "SupervisorError",
    reason: "max_children",
  });
  expect(none.stage.read()).toEqual([]);
  await none.root.stop();

  const { root, dynamic, stage } = await pool({ maxChildren: 2 });
  await dynamic.startChild(stage.worker("a"));
  const b = await dynamic.startChild(stage.worker("b", { restart: "temporary" }));
  expect(await caught(dynamic.startChild(stage.worker("c")))).toMatchObject({
    reason: "max_children",
  });
  await stage.reborn("a");
  await b?.kill();
  await dynamic.startChild(stage.worker("c"));
  await root.stop();
});

describe("the end", () => {
  test("is parallel: it takes as long as the slowest, each by its own setting", async () => {
    const { dynamic, stage, clock } = await pool();
    for (let n = 0; n < 20; n++)
      await dynamic.startChild(
        stage.worker(`slow ${n}`, { shutdown: 100 * (n + 1), terminate: forever }),
      );
    await dynamic.startChild(stage.worker("brutal", { shutdown: "brutal_kill" }));
    await dynamic.startChild(stage.worker("obeys"));
    stage.read();
    const stopping = dynamic.stop("shutdown");
    await clock.advance(0);
    expect(stage.read()).toEqual(["down obeys shutdown"]);
    await clock.advance(1999);
    expect([stage.ref("slow 18").alive, stage.ref("slow 19").alive]).toEqual([false, true]);
    await clock.advance(1);
    await stopping;
    expect(stage.ref("slow 19").alive).toBe(false);
  });
});

test("10,000 children start, crash and end", async () => {
  const size = 10_000;
  const { root, dynamic } = await pool({ maxRestarts: size });
  const refs: (ActorRef | undefined)[] = [];
  for (let n = 0; n < size; n++)
    refs.push(
      await dynamic.startChild(actor({ id: "same", receive: () => {}, restart: "transient" })),
    );
  for (let n = 0; n < size; n += 2) void refs[n]?.stop();
  for (let n = 1; n < size; n += 4) void refs[n]?.kill();
  await eventually(async () => (await dynamic.countChildren()).active === size / 2);
  expect(await dynamic.countChildren()).toMatchObject({ specs: size / 2, workers: size / 2 });
  await root.stop();
});
