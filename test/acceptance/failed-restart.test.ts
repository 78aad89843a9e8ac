import { describe, expect, test } from "@jest/globals";
import {
  dynamicSupervisor,
  startSupervisor,
  SupervisorError,
  supervisorOf,
} from "nebulex-streams/actor";
import { caught, eventually, one, quiet, Stage } from "./stage.js";

const endless = { maxRestarts: 1_000_000, maxSeconds: 1 };

/** A root whose child has crashed and does not come up again, as often as it is tried. */
async function failing(stage: Stage, more: ReturnType<Stage["worker"]>[] = []) {
  let mended = false;
  const child = stage.fickle("x", (n) => (n === 1 || mended ? "up" : "fail"));
  const sup = await startSupervisor({ ...one, ...endless, children: [child, ...more] });
  await stage.ref("x").kill();
  await eventually(() => stage.read().includes("fail x"));
  return { sup, mend: () => (mended = true) };
}

test.each([0, 1, 2, 5])(
  "a start that always fails is tried maxRestarts = %d times, then the supervisor gives up",
  async (maxRestarts) => {
    const stage = new Stage();
    const child = stage.fickle("x", (n) => (n === 1 ? "up" : "fail"));
    const sup = await startSupervisor({
      ...one,
      maxRestarts,
      children: [stage.worker("a"), child],
    });
    stage.read();
    await stage.ref("x").kill();
    expect(await sup.exited).toBe("shutdown");
    expect(stage.read()).toEqual([...Array<string>(maxRestarts).fill("fail x"), "down a shutdown"]);
  },
);

describe("while a child is restarting", () => {
  test("requests are served between two tries, and the event loop turns", async () => {
    const stage = new Stage();
    const { sup } = await failing(stage, [stage.worker("a")]);
    for (let n = 0; n < 5; n++) {
      expect(await sup.whichChildren()).toEqual([
        { id: "x", ref: "restarting", type: "worker" },
        { id: "a", ref: stage.ref("a"), type: "worker" },
      ]);
    }
    expect(await sup.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });
    await new Promise(setImmediate);
    await sup.stop();
    const after = stage.read();
    await quiet();
    expect(stage.read()).toEqual([]);
    expect(after.at(-1)).toBe("down a shutdown");
  });

  test("its id is taken, and it can be neither started nor deleted", async () => {
    const stage = new Stage();
    const { sup } = await failing(stage);
    const asked = [
      [() => sup.startChild(stage.worker("x")), "already_present"],
      [() => sup.restartChild("x"), "restarting"],
      [() => sup.deleteChild("x"), "restarting"],
    ] as const;
    for (const [ask, reason] of asked) {
      const error = await caught(ask);
      expect(error).toBeInstanceOf(SupervisorError);
      expect(error).toMatchObject({ reason, childId: "x" });
    }
    await sup.stop();
    expect(stage.lives("x")).toBe(1);
  });

  test("terminateChild cancels it; then it can be brought back, or deleted and another put in its place", async () => {
    const stage = new Stage();
    const { sup, mend } = await failing(stage);
    await sup.terminateChild("x");
    stage.read();
    await quiet();
    expect(stage.read()).toEqual([]);
    expect(await sup.whichChildren()).toEqual([{ id: "x", ref: undefined, type: "worker" }]);
    expect(await caught(sup.restartChild("x"))).toMatchObject({ reason: "failed_to_start_child" });
    mend();
    expect(await sup.restartChild("x")).toBe(stage.ref("x"));
    await sup.terminateChild("x");
    await sup.deleteChild("x");
    const another = await sup.startChild(stage.worker("x"));
    await quiet();
    expect(stage.ref("x")).toBe(another);
    expect(another?.alive).toBe(true);
    await sup.stop();
  });

  test.each(["stop", "kill"] as const)("%s of the supervisor ends the tries", async (how) => {
    const stage = new Stage();
    const { sup } = await failing(stage);
    await sup.ref[how]();
    stage.read();
    await quiet();
    expect(stage.read()).toEqual([]);
  });
});

test("rest_for_one goes on from the one that failed to start, whoever crashed", async () => {
  const stage = new Stage();
  const c = stage.fickle("c", (n) => (n === 2 || n === 3 ? "fail" : "up"));
  await using sup = await startSupervisor({
    strategy: "rest_for_one",
    maxRestarts: 3,
    children: [stage.worker("a"), stage.worker("b"), c, stage.worker("d")],
  });
  stage.read();
  await stage.end("b", { throw: new Error("b") });
  await eventually(() => stage.lives("d") === 2);
  expect(stage.read()).toEqual([
    "down b b",
    "down d shutdown",
    "down c shutdown",
    "up b",
    "fail c",
    "fail c",
    "up c",
    "up d",
  ]);
  expect(await sup.countChildren()).toMatchObject({ active: 4 });
});

test("one_for_all ends who came up before the failing start, and begins again from the first", async () => {
  const stage = new Stage();
  const b = stage.fickle("b", (n) => (n === 2 ? "fail" : "up"));
  await using _sup = await startSupervisor({
    strategy: "one_for_all",
    maxRestarts: 2,
    children: [stage.worker("a"), b, stage.worker("c")],
  });
  stage.read();
  await stage.end("c", { throw: new Error("c") });
  await eventually(() => stage.lives("c") === 2);
  expect(stage.read()).toEqual([
    "down c c",
    "down b shutdown",
    "down a shutdown",
    "up a",
    "fail b",
    "down a shutdown",
    "up a",
    "up b",
    "up c",
  ]);
});

test("ignore on a restart is the end of it: static keeps a dead slot, dynamic drops the child", async () => {
  const stage = new Stage();
  const spec = (id: string) => stage.fickle(id, (n) => (n === 1 ? "up" : "ignore"));
  await using sup = await startSupervisor({
    ...one,
    children: [spec("s"), dynamicSupervisor({ id: "dynamic" })],
  });
  const dynamic = supervisorOf((await sup.whichChildren())[1]?.ref as never);
  await dynamic.startChild(spec("d"));
  await stage.ref("s").kill();
  await stage.ref("d").kill();
  await quiet();
  expect((await sup.whichChildren())[0]).toEqual({ id: "s", ref: undefined, type: "worker" });
  expect(await dynamic.countChildren()).toEqual({
    specs: 0,
    active: 0,
    supervisors: 0,
    workers: 0,
  });
});

test("a dynamic child goes by its old ref, and terminating that cancels the tries", async () => {
  const stage = new Stage();
  await using root = await startSupervisor({
    ...one,
    children: [dynamicSupervisor({ id: "dynamic", ...endless, maxChildren: 1 })],
  });
  const dynamic = supervisorOf((await root.whichChildren())[0]?.ref as never);
  const ref = await dynamic.startChild(stage.fickle("x", (n) => (n === 1 ? "up" : "fail")));
  await ref?.kill();
  await eventually(() => stage.read().includes("fail x"));
  expect(await dynamic.whichChildren()).toEqual([{ id: "x", ref: "restarting", type: "worker" }]);
  expect(await dynamic.countChildren()).toEqual({
    specs: 1,
    active: 0,
    supervisors: 0,
    workers: 1,
  });
  expect(await dynamic.getChildSpec(ref as never)).toMatchObject({ id: "x" });
  expect(await caught(dynamic.startChild(stage.worker("y")))).toMatchObject({
    reason: "max_children",
  });
  await dynamic.terminateChild(ref as never);
  stage.read();
  await quiet();
  expect(stage.read()).toEqual([]);
  expect(await caught(dynamic.terminateChild(ref as never))).toMatchObject({
    reason: "not_found",
    ref,
  });
});
