import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  actor,
  createSystem,
  startSupervisor,
  type StartContext,
  supervisor,
  SupervisorError,
  supervisorOf,
} from "nebulex-streams/actor";
import { caught, eventually, forever, gate, one, quiet, Stage } from "./stage.js";

describe("starting", () => {
  test("is in the order of the list, each after the one before is up", async () => {
    const stage = new Stage();
    const hold = gate();
    const starting = startSupervisor({
      ...one,
      children: [
        stage.worker("a", { init: () => hold.promise.then(() => 0) }),
        stage.worker("b"),
        stage.worker("c"),
      ],
    });
    await quiet();
    expect(stage.read()).toEqual([]);
    hold.open();
    await using sup = await starting;
    expect(stage.read()).toEqual(["up a", "up b", "up c"]);
    expect((await sup.whichChildren()).map(({ ref }) => ref)).toEqual(
      ["a", "b", "c"].map((id) => stage.ref(id)),
    );
  });

  test("that fails ends those that are up, newest first, and is not tried again", async () => {
    const stage = new Stage();
    const hold = gate();
    const starting = startSupervisor({
      ...one,
      children: [
        stage.worker("a", { terminate: () => hold.promise }),
        stage.worker("b", { shutdown: "brutal_kill" }),
        stage.worker("c"),
        stage.fickle("bad", () => "fail"),
        stage.worker("never"),
      ],
    });
    const failure = caught(starting);
    let settled = false;
    void failure.then(() => (settled = true));
    await eventually(() => stage.lives("b") === 1 && !stage.ref("b").alive);
    await quiet();
    expect(settled).toBe(false);
    hold.open();
    const error = await failure;
    expect(error).toBeInstanceOf(SupervisorError);
    expect(error).toMatchObject({
      name: "SupervisorError",
      code: "E_SUPERVISOR",
      reason: "failed_to_start_child",
      childId: "bad",
      cause: new Error("start 1 of bad"),
    });
    expect(stage.read()).toEqual([
      "up a",
      "up b",
      "up c",
      "fail bad",
      "down c shutdown",
      "down a shutdown",
    ]);
  });

  test("that fails below tells level by level, and restarts nothing on the way", async () => {
    const stage = new Stage();
    const inner = supervisor({ id: "inner", ...one, children: [stage.fickle("x", () => "fail")] });
    const outer = supervisor({ id: "outer", ...one, children: [stage.worker("o"), inner] });
    const error = await caught(startSupervisor({ ...one, children: [stage.worker("r"), outer] }));
    const failed = { code: "E_SUPERVISOR", reason: "failed_to_start_child" };
    expect(error).toMatchObject({
      ...failed,
      childId: "outer",
      cause: { ...failed, childId: "inner", cause: { ...failed, childId: "x" } },
    });
    expect(stage.read()).toEqual(["up r", "up o", "fail x", "down o shutdown", "down r shutdown"]);
  });

  test("ignore keeps the slot, dead, and that of a temporary child not", async () => {
    const stage = new Stage();
    await using sup = await startSupervisor({
      ...one,
      children: [
        stage.fickle("kept", (n) => (n === 1 ? "ignore" : "up")),
        stage.fickle("gone", () => "ignore", { restart: "temporary" }),
        stage.worker("z"),
      ],
    });
    expect((await sup.whichChildren()).map(({ id, ref }) => [id, ref])).toEqual([
      ["kept", undefined],
      ["z", stage.ref("z")],
    ]);
    expect(await sup.restartChild("kept")).toBe(stage.ref("kept"));
  });

  const rubbish: [string, () => unknown][] = [
    ["undefined", () => undefined],
    ["null", () => null],
    ["a word", () => "ok"],
    ["a symbol", () => Symbol("ref")],
    ["an object without a prototype", () => Object.create(null) as unknown],
    ["what looks like a ref", () => ({ id: "a", alive: true, stop() {}, kill() {}, monitor() {} })],
    ["a list", () => []],
  ];

  test.each(rubbish)("an answer that is %s is a bad return", async (_name, start) => {
    const error = await caught(
      startSupervisor({ ...one, children: [{ id: "a", start: async () => start() as never }] }),
    );
    expect(error).toMatchObject({
      reason: "failed_to_start_child",
      childId: "a",
      cause: { name: "SupervisorError", reason: "bad_return" },
    });
  });

  const thrown: [string, unknown][] = [
    ["an error", new Error("no")],
    ["undefined", undefined],
    ["null", null],
    ["a symbol", Symbol("no")],
    ["false", false],
    ["an object without a prototype", Object.create(null)],
  ];

  test.each(thrown)("%s that is thrown, at once or later, is the cause", async (_name, cause) => {
    const ways = [
      () => {
        // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
        throw cause;
      },
      // oxlint-disable-next-line prefer-promise-reject-errors, typescript/prefer-promise-reject-errors
      () => Promise.reject(cause as Error),
    ];
    for (const start of ways) {
      const error = await caught(startSupervisor({ ...one, children: [{ id: "a", start }] }));
      expect(error).toMatchObject({ reason: "failed_to_start_child", childId: "a" });
      expect(Object.hasOwn(error as object, "cause")).toBe(true);
      expect((error as Error).cause).toBe(cause);
    }
  });

  test("what only looks like a promise will do, and one that throws in then fails the start", async () => {
    const stage = new Stage();
    const spec = stage.worker("a");
    const thenable = {
      ...spec,
      start: (parent: StartContext) => ({
        // oxlint-disable-next-line unicorn/no-thenable
        then: (resolve: (ref: unknown) => void) => void spec.start(parent).then(resolve),
      }),
    } as never;
    await using sup = await startSupervisor({ ...one, children: [thenable] });
    const hostile = {
      id: "h",
      start: () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        get then() {
          throw new Error("then");
        },
      }),
    } as never;
    expect(await caught(sup.startChild(hostile))).toMatchObject({ cause: new Error("then") });
    expect(await sup.countChildren()).toMatchObject({ specs: 1, active: 1 });
  });

  test("in a system that has stopped fails", async () => {
    const system = createSystem({ name: "over" });
    await system.stop();
    expect(await caught(startSupervisor({ ...one, system, children: [] }))).toMatchObject({
      code: "E_ACTOR_EXIT",
      reason: "noproc",
    });
  });
});

describe("a start that hangs", () => {
  test("is abandoned when the signal aborts: what is up ends in order, with the signal's reason", async () => {
    const stage = new Stage();
    const controller = new AbortController();
    let parent: StartContext | undefined;
    const starting = startSupervisor({
      ...one,
      signal: controller.signal,
      children: [
        stage.worker("a"),
        stage.worker("b"),
        {
          id: "hangs",
          start: (context) => {
            parent = context;
            return forever();
          },
        },
      ],
    });
    await eventually(() => parent !== undefined);
    const reason = new Error("too slow");
    controller.abort(reason);
    expect(await caught(starting)).toBe(reason);
    expect(stage.read()).toEqual(["up a", "up b", "down b shutdown", "down a shutdown"]);
    expect(parent?.signal.aborted).toBe(true);
  });

  test("does not begin with a signal that has been aborted", async () => {
    const stage = new Stage();
    const signal = AbortSignal.abort("never mind");
    const starting = startSupervisor({ ...one, signal, children: [stage.worker("a")] });
    expect(await caught(starting)).toBe("never mind");
    expect(stage.read()).toEqual([]);
  });

  test.each(["stop", "kill"] as const)(
    "is overtaken by %s of the supervisor; its late child is killed",
    async (how) => {
      const stage = new Stage();
      const hold = gate();
      const spec = stage.worker("late");
      await using sup = await startSupervisor({ ...one, children: [stage.worker("a")] });
      const asked = caught(
        sup.startChild({
          ...spec,
          start: async (parent) => {
            await hold.promise;
            return spec.start(parent);
          },
        }),
      );
      const queued = caught(sup.whichChildren());
      await quiet();
      await sup.ref[how]();
      expect(await asked).toMatchObject({ code: "E_SUPERVISOR", reason: "noproc" });
      expect(await queued).toMatchObject({ code: "E_SUPERVISOR", reason: "noproc", ref: sup.ref });
      expect(await sup.exited).toBe(how === "stop" ? "normal" : "killed");
      hold.open();
      await quiet();
      expect(stage.lives("late")).toBe(0);
    },
  );

  test("answers too late: with an actor of the system itself, which is killed", async () => {
    const system = createSystem({ name: "late" });
    const stage = new Stage();
    const hold = gate();
    const sup = await startSupervisor({ ...one, system, children: [] });
    const spec = stage.worker("late");
    const asked = caught(
      sup.startChild({
        ...spec,
        start: async () => {
          await hold.promise;
          return spec.start(system as never);
        },
      }),
    );
    await quiet();
    await sup.stop();
    await asked;
    hold.open();
    await eventually(() => stage.lives("late") === 1 && !stage.ref("late").alive);
    expect(stage.read()).toEqual(["up late"]);
    await system.stop();
  });

  test("what its start spawns afterwards is refused", async () => {
    const hold = gate();
    const late = gate<unknown>();
    const sup = await startSupervisor({ ...one, children: [] });
    const spec = actor({ id: "x", receive: () => {} });
    const asked = caught(
      sup.startChild({
        ...spec,
        start: async (parent) => {
          await hold.promise;
          late.open(await caught(spec.start(parent)));
          return "ignore";
        },
      }),
    );
    await quiet();
    await sup.ref.kill();
    await asked;
    hold.open();
    expect(await late.promise).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
  });
});

test("a root has a system of its own, which ends with it, and with all that was spawned in it", async () => {
  let beside: ActorRef | undefined;
  const sup = await startSupervisor({
    ...one,
    children: [
      actor({
        id: "a",
        init: async (ctx) => {
          const spec = actor({ id: "beside", receive: () => {} });
          beside = (await spec.start(ctx.system as never)) as ActorRef;
        },
        receive: () => {},
      }),
    ],
  });
  expect(beside?.alive).toBe(true);
  await sup.stop();
  expect(beside?.alive).toBe(false);
  expect(sup.system.stopped).toBe(true);
  expect(sup.system.registry.count()).toBe(0);
});

test("stop waits for the system also where a child has asked for the handle before it was up", async () => {
  const stage = new Stage();
  const hold = gate();
  const sup = await startSupervisor({
    ...one,
    children: [
      {
        id: "early",
        start: async (parent) => {
          supervisorOf(parent.supervisor);
          const beside = stage.worker("beside", { terminate: () => hold.promise });
          await beside.start(parent.system as never);
          return "ignore";
        },
      },
    ],
  });
  const stopping = sup.stop();
  let stopped = false;
  void stopping.then(() => (stopped = true));
  await sup.exited;
  await quiet();
  expect(stopped).toBe(false);
  hold.open();
  await stopping;
  expect(stage.read()).toEqual(["up beside", "down beside shutdown"]);
});
