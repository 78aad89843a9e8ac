import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  dynamicSupervisor,
  type DynamicSupervisorOptions,
  OptionError,
  spawn,
  startSupervisor,
  supervisor,
  type Supervisor,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Gate, Listener, Log, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;
const never = (): Promise<never> => new Promise(() => {});

interface Tree {
  root: Supervisor;
  dynamic: Supervisor;
}

async function tree(
  options: Partial<DynamicSupervisorOptions> = {},
  clock?: SimulatedClock,
): Promise<Tree> {
  const root = await startSupervisor({
    ...one,
    ...(clock === undefined ? {} : { clock }),
    children: [dynamicSupervisor({ id: "d", ...options })],
  });
  const ref = (await root.whichChildren())[0]?.ref as ActorRef;
  return { root, dynamic: supervisorOf(ref) };
}

describe("children come and go", () => {
  test("it begins without any, and children of one id may stand side by side", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    expect(await dynamic.whichChildren()).toEqual([]);
    const refs = [];
    for (let n = 0; n < 3; n++) refs.push(await dynamic.startChild(log.worker("w")));
    await dynamic.startChild(supervisor({ id: "s", ...one, children: [] }));
    expect(refs).toEqual(log.refs.get("w"));
    expect(await dynamic.countChildren()).toEqual({
      specs: 4,
      active: 4,
      supervisors: 1,
      workers: 3,
    });
    expect((await dynamic.whichChildren()).slice(0, 3)).toEqual(
      refs.map((ref) => ({ id: "w", ref, type: "worker" })),
    );
    await root.stop();
  });

  test("terminateChild takes the ref of a living child, and nothing else", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    await dynamic.startChild(log.worker("w"));
    const ref = log.ref("w");
    const stranger = await spawn(root.system, log.behavior("stranger"));
    const sibling = await dynamic.startChild(log.worker("w"));
    for (const other of [stranger, "w", root.ref, dynamic.ref, undefined as never])
      for (const ask of ["terminateChild", "getChildSpec"] as const)
        expect(await failure(dynamic[ask](other))).toMatchObject({ reason: "not_found" });
    await dynamic.terminateChild(ref);
    expect([ref.alive, sibling?.alive]).toEqual([false, true]);
    for (const ask of ["terminateChild", "getChildSpec"] as const)
      expect(await failure(dynamic[ask](ref))).toMatchObject({ reason: "not_found", ref });
    expect(await dynamic.countChildren()).toMatchObject({ specs: 1 });
    await root.stop();
  });

  test("restartChild and deleteChild are not for it", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    const ref = await dynamic.startChild(log.worker("w"));
    for (const id of ["w", ref as never])
      for (const asked of [dynamic.restartChild(id), dynamic.deleteChild(id)])
        expect(await failure(asked)).toMatchObject({ reason: "simple_one_for_one" });
    await root.stop();
    for (const asked of [dynamic.restartChild("w"), dynamic.deleteChild("w")])
      expect(await failure(asked)).toMatchObject({ reason: "noproc" });
  });

  test("a start that fails, or is ignored, leaves nothing behind", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    expect(await failure(dynamic.startChild(log.fickle("w", () => "fail")))).toMatchObject({
      reason: "failed_to_start_child",
      childId: "w",
      cause: new Error("start 1 of w failed"),
    });
    expect(await dynamic.startChild(log.fickle("w", () => "ignore"))).toBeUndefined();
    const none = { specs: 0, active: 0, supervisors: 0, workers: 0 };
    expect(await dynamic.countChildren()).toEqual(none);
    await root.stop();
  });

  test.each([
    ["permanent", "stop", true],
    ["transient", "stop", false],
    ["transient", "crash", true],
    ["temporary", "crash", false],
  ] as const)(
    "a %s child that ends by a %s: restarted: %p, else removed",
    async (restart, order, again) => {
      const log = new Log();
      const { root, dynamic } = await tree();
      const before = (await dynamic.startChild(log.worker("a", { restart }))) as ActorRef;
      const other = await dynamic.startChild(log.worker("b"));
      log.ref("a").dispatch(order);
      await until(() => !before.alive);
      await rest();
      expect(log.refs.get("a")).toHaveLength(again ? 2 : 1);
      const refs = (await dynamic.whichChildren()).map(({ ref }) => ref);
      expect(new Set(refs)).toEqual(new Set(again ? [log.ref("a"), other] : [other]));
      expect(await failure(dynamic.terminateChild(before))).toMatchObject({
        reason: "not_found",
        ref: before,
      });
      await root.stop();
    },
  );

  test("a significant child is refused, a wrong spec too", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    const significant = log.worker("w", { restart: "transient", significant: true });
    expect(await failure(dynamic.startChild(significant))).toMatchObject({
      reason: "bad_combination",
      childId: "w",
    });
    expect(await failure(dynamic.startChild({ id: "w" } as never))).toBeInstanceOf(OptionError);
    expect(await dynamic.countChildren()).toMatchObject({ specs: 0 });
    await root.stop();
  });

  test("getChildSpec by ref, with the defaults", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    const spec = log.worker("w");
    await dynamic.startChild({ id: "w", start: spec.start });
    expect(await dynamic.getChildSpec(log.ref("w"))).toEqual({
      id: "w",
      start: spec.start,
      restart: "permanent",
      shutdown: 5000,
      type: "worker",
      significant: false,
    });
    await root.stop();
  });
});

describe("restarts", () => {
  test("one_for_one, and the new incarnation is known by its own ref", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    await dynamic.startChild(log.worker("a"));
    await dynamic.startChild(log.worker("b"));
    const [old, b] = [log.ref("a"), log.ref("b")];
    await log.crash("a");
    expect(await failure(dynamic.getChildSpec(old))).toMatchObject({ reason: "not_found" });
    expect(await dynamic.getChildSpec(log.ref("a"))).toMatchObject({ id: "a" });
    expect(log.ref("b")).toBe(b);
    await root.stop();
  });

  test("it gives up at the fourth within five seconds, of all children together", async () => {
    const log = new Log();
    using gaveUp = new Listener<{ childId: string }>("nebulex.supervisor.gave_up");
    const clock = new SimulatedClock();
    const { root, dynamic } = await tree({}, clock);
    await dynamic.startChild(log.worker("a"));
    await dynamic.startChild(log.worker("b"));
    await log.crash("a");
    await log.crash("b");
    await clock.advance(5001);
    for (let restart = 1; restart <= 3; restart++) await log.crash("a");
    log.ref("b").dispatch("crash");
    expect(await dynamic.exited).toBe("shutdown");
    expect(log.ref("a").alive).toBe(false);
    expect(gaveUp.messages.map(({ childId }) => childId)).toEqual(["b"]);
    // A restarted supervisor begins from its children list: a dynamic one without children.
    await until(async () => (await root.countChildren()).active === 1);
    const next = supervisorOf((await root.whichChildren())[0]?.ref as ActorRef);
    expect(await next.whichChildren()).toEqual([]);
    await root.stop();
  });

  test("a restarting child goes by its old ref, and terminating it cancels the restart", async () => {
    const log = new Log();
    const { root, dynamic } = await tree({ maxRestarts: 1_000_000 });
    const x = log.fickle("x", (start) => (start > 1 ? "fail" : "up"));
    await dynamic.startChild(x);
    const ref = log.ref("x");
    await ref.kill();
    await until(() => x.starts() > 3);
    expect(await dynamic.whichChildren()).toEqual([{ id: "x", ref: "restarting", type: "worker" }]);
    expect(await dynamic.countChildren()).toEqual({
      specs: 1,
      active: 0,
      supervisors: 0,
      workers: 1,
    });
    expect(await dynamic.getChildSpec(ref)).toMatchObject({ id: "x" });
    await dynamic.terminateChild(ref);
    const starts = x.starts();
    await rest();
    expect(x.starts()).toBe(starts);
    expect(await dynamic.whichChildren()).toEqual([]);
    await root.stop();
  });

  test("a start that always fails is tried as often as is allowed", async () => {
    const log = new Log();
    const { root, dynamic } = await tree({ maxRestarts: 4 });
    const x = log.fickle("x", (start) => (start > 1 ? "fail" : "up"));
    await dynamic.startChild(x);
    await log.ref("x").kill();
    expect(await dynamic.exited).toBe("shutdown");
    expect(x.starts()).toBe(5);
    await root.stop();
  });

  test("ignore on a restart drops the child", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    await dynamic.startChild(log.fickle("x", (start) => (start > 1 ? "ignore" : "up")));
    await log.ref("x").kill();
    await until(async () => (await dynamic.countChildren()).specs === 0);
    expect(dynamic.ref.alive).toBe(true);
    await root.stop();
  });

  test("a stop ends a restart loop, and one that hangs", async () => {
    const log = new Log();
    const { root, dynamic } = await tree({ maxRestarts: 1_000_000 });
    const x = log.fickle("x", (start) => (start > 1 ? "fail" : "up"));
    const y = log.fickle("y", (start) => (start > 1 ? never() : "up"));
    for (const child of [x, y]) await dynamic.startChild(child);
    await log.ref("x").kill();
    await until(() => x.starts() > 3);
    await log.ref("y").kill();
    await until(() => y.starts() > 1);
    await dynamic.ref.stop();
    const starts = x.starts();
    await rest();
    expect(x.starts()).toBe(starts);
    await root.stop();
  });
});

describe("maxChildren", () => {
  test.each([0, 1, 3])("%d", async (maxChildren) => {
    const log = new Log();
    const { root, dynamic } = await tree({ maxChildren });
    for (let n = 0; n < maxChildren; n++) await dynamic.startChild(log.worker("w"));
    const extra = log.fickle("w", () => "up");
    expect(await failure(dynamic.startChild(extra))).toMatchObject({
      name: "SupervisorError",
      reason: "max_children",
    });
    expect(extra.starts()).toBe(0);
    if (maxChildren > 0) {
      await dynamic.terminateChild(log.ref("w"));
      await dynamic.startChild(extra);
    }
    await root.stop();
  });

  test("a place is free when a child has died for good, and not when it is restarted", async () => {
    const log = new Log();
    const { root, dynamic } = await tree({ maxChildren: 2 });
    await dynamic.startChild(log.worker("a"));
    const b = await dynamic.startChild(log.worker("b", { restart: "temporary" }));
    await log.crash("a");
    expect(await failure(dynamic.startChild(log.worker("c")))).toMatchObject({
      reason: "max_children",
    });
    await b?.kill();
    expect(await dynamic.startChild(log.worker("c"))).toBe(log.ref("c"));
    await root.stop();
  });

  test("restarting ones count, and a restart never needs a free place", async () => {
    const log = new Log();
    let broken = true;
    const { root, dynamic } = await tree({ maxChildren: 1, maxRestarts: 1_000_000 });
    const x = log.fickle("x", (start) => (start > 1 && broken ? "fail" : "up"));
    await dynamic.startChild(x);
    await log.ref("x").kill();
    await until(() => x.starts() > 2);
    expect(await failure(dynamic.startChild(log.worker("w")))).toMatchObject({
      reason: "max_children",
    });
    await log.reborn("x", () => (broken = false));
    expect(await dynamic.countChildren()).toMatchObject({ active: 1 });
    await root.stop();
  });
});

describe("a parallel end", () => {
  test("all are asked at once, and those that do not obey are killed when their own time is up", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const { root, dynamic } = await tree({}, clock);
    const ended: [string, unknown, number][] = [];
    const settings = [
      { id: "slow 300", shutdown: 300 },
      { id: "slow 100", shutdown: 100 },
      { id: "slow 200", shutdown: 200 },
    ];
    for (const { id, shutdown } of settings)
      await dynamic.startChild(log.worker(id, { shutdown, terminate: never }));
    await dynamic.startChild(log.worker("quick"));
    await dynamic.startChild(log.worker("brutal", { shutdown: "brutal_kill" }));
    for (const { ref } of await dynamic.whichChildren())
      (ref as ActorRef).monitor((down) => ended.push([down.ref.id, down.reason, clock.now()]));
    const stopping = root.stop();
    await clock.advance(300);
    await stopping;
    expect(ended).toEqual([
      ["brutal", "killed", 0],
      ["quick", "shutdown", 0],
      ["slow 100", "killed", 100],
      ["slow 200", "killed", 200],
      ["slow 300", "killed", 300],
    ]);
    expect(clock.pending).toBe(0);
  });

  test("a kill takes them all along", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    for (let n = 0; n < 5; n++) await dynamic.startChild(log.worker("w"));
    void dynamic.ref.kill();
    expect(log.refs.get("w")?.map(({ alive }) => alive)).toEqual(Array(5).fill(false));
    await root.stop();
  });
});

describe("thousands of children", () => {
  test("the start of a temporary child is not kept", async () => {
    const log = new Log();
    const { root, dynamic } = await tree();
    const spec = log.worker("t", { restart: "temporary" });
    await dynamic.startChild(spec);
    const { start, ...kept } = await dynamic.getChildSpec(log.ref("t"));
    expect(start).not.toBe(spec.start);
    await expect(start(undefined as never)).rejects.toMatchObject({ reason: "not_found" });
    expect(kept).toEqual({
      id: "t",
      restart: "temporary",
      shutdown: 5000,
      type: "worker",
      significant: false,
    });
    await root.stop();
  });
});

test("a stop in the middle of a start abandons it, and asks the others", async () => {
  const log = new Log();
  const gate = new Gate<never>();
  const { root, dynamic } = await tree();
  await dynamic.startChild(log.worker("w"));
  const added = failure(dynamic.startChild({ id: "x", start: () => gate.promise }));
  await rest();
  await dynamic.stop();
  expect(await added).toMatchObject({ reason: "noproc" });
  expect(log.take().slice(0, 2)).toEqual(["+w", "-w:shutdown"]);
  gate.fail(new Error("late"));
  await root.stop();
});
