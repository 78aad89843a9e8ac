import { getEventListeners } from "node:events";
import { describe, expect, test } from "@jest/globals";
import {
  actor,
  ActorExitError,
  type ActorRef,
  type ChildSpec,
  createSystem,
  OptionError,
  spawn,
  type StartContext,
  startSupervisor,
  supervisor,
  SupervisorError,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Gate, Log, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;

describe("starting in order", () => {
  test("a child's start begins when the one before has reported, and the supervisor is up after the last", async () => {
    const log = new Log();
    const gate = new Gate();
    const starting = startSupervisor({
      ...one,
      children: [
        log.worker("a"),
        log.worker("b", { init: () => gate.promise as Promise<never> }),
        log.worker("c"),
      ],
    });
    await until(() => log.lines.length === 1);
    await rest();
    expect(log.take()).toEqual(["+a"]);
    gate.open();
    const sup = await starting;
    expect(log.take()).toEqual(["+b", "+c"]);
    await sup.stop();
  });

  test("an empty list is fine", async () => {
    const sup = await startSupervisor({ ...one, children: [] });
    expect(await sup.whichChildren()).toEqual([]);
    await sup.stop();
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("what a start may answer", () => {
  const bad: [string, unknown][] = [
    ["undefined", undefined],
    ["a string", "ok"],
    ["an object", { id: "a" }],
    ["null", null],
    ["a symbol", Symbol("ref")],
    ["an object without a prototype", Object.create(null)],
    ["what looks like a ref", { id: "a", alive: true, stop() {}, kill() {}, monitor() {} }],
    ["a list", []],
  ];
  test.each(bad)("%s is a bad return", async (_name, value) => {
    const start = (async () => value) as ChildSpec["start"];
    await expect(startSupervisor({ ...one, children: [{ id: "a", start }] })).rejects.toMatchObject(
      {
        reason: "failed_to_start_child",
        childId: "a",
        cause: { name: "SupervisorError", code: "E_SUPERVISOR", reason: "bad_return" },
      },
    );
  });

  test("the supervisor's own ref is a bad return too", async () => {
    const start: ChildSpec["start"] = async (parent) => parent.supervisor;
    await expect(startSupervisor({ ...one, children: [{ id: "a", start }] })).rejects.toMatchObject(
      {
        cause: { reason: "bad_return" },
      },
    );
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
    const atOnce = (): never => {
      // oxlint-disable-next-line no-throw-literal, typescript/only-throw-error
      throw cause;
    };
    for (const start of [atOnce, async () => atOnce()]) {
      const error = await failure(startSupervisor({ ...one, children: [{ id: "a", start }] }));
      expect(error).toMatchObject({
        name: "SupervisorError",
        reason: "failed_to_start_child",
        childId: "a",
      });
      expect(Object.hasOwn(error as object, "cause")).toBe(true);
      expect((error as Error).cause).toBe(cause);
    }
  });

  test("what only looks like a promise will do, and one that throws in then fails the start", async () => {
    const log = new Log();
    const spec = log.worker("a");
    const thenable = {
      ...spec,
      start: (parent: StartContext) => ({
        // oxlint-disable-next-line unicorn/no-thenable
        then: (resolve: (ref: unknown) => void) => void spec.start(parent).then(resolve),
      }),
    } as never;
    const sup = await startSupervisor({ ...one, children: [thenable] });
    const hostile = {
      id: "h",
      start: () => ({
        // oxlint-disable-next-line unicorn/no-thenable
        get then() {
          throw new Error("then");
        },
      }),
    } as never;
    expect(await failure(sup.startChild(hostile))).toMatchObject({ cause: new Error("then") });
    expect(await sup.countChildren()).toMatchObject({ specs: 1, active: 1 });
    await sup.stop();
  });

  test("a ref that is dead already has started, and ended", async () => {
    const system = createSystem();
    const log = new Log();
    const dead = await spawn(system, log.behavior("dead"));
    await dead.stop("done");
    const sup = await startSupervisor({
      ...one,
      system,
      maxRestarts: 1,
      children: [{ id: "a", start: async () => dead as ActorRef }],
    });
    expect(await sup.exited).toBe("shutdown");
    await system.stop();
  });

  test("a synchronous answer will do", async () => {
    const start = (() => "ignore") as unknown as ChildSpec["start"];
    const sup = await startSupervisor({ ...one, children: [{ id: "a", start }] });
    expect(await sup.whichChildren()).toEqual([{ id: "a", ref: undefined, type: "worker" }]);
    await sup.stop();
  });

  test("what a failed start has spawned is killed, and it can spawn no more", async () => {
    const log = new Log();
    let signal: AbortSignal | undefined;
    let late: Promise<unknown> | undefined;
    const gate = new Gate();
    const start: ChildSpec["start"] = async (parent) => {
      signal = parent.signal;
      await spawn(parent, log.behavior("extra"));
      late = gate.promise.then(() => spawn(parent, log.behavior("late")));
      late.catch(() => {});
      throw new Error("no");
    };
    await expect(startSupervisor({ ...one, children: [{ id: "a", start }] })).rejects.toThrow(
      "failed to start",
    );
    expect(log.ref("extra").alive).toBe(false);
    expect(signal?.aborted).toBe(true);
    gate.open();
    await expect(late).rejects.toThrow(ActorExitError);
    expect(log.refs.has("late")).toBe(false);
  });
});

describe("ignore", () => {
  test("keeps the slot, unless temporary, and the following children start", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [
        log.fickle("a", (start) => (start === 1 ? "ignore" : "up")),
        log.fickle("b", () => "ignore", { restart: "temporary" }),
        log.worker("c"),
      ],
    });
    expect(await sup.whichChildren()).toEqual([
      { id: "a", ref: undefined, type: "worker" },
      { id: "c", ref: log.ref("c"), type: "worker" },
    ]);
    expect(await sup.restartChild("a")).toBe(log.ref("a"));
    await sup.stop();
  });
});

describe("a failing start", () => {
  test("ends those that are up, in reverse order, each by its own setting; no later one is started", async () => {
    const log = new Log();
    const failing = log.fickle("d", () => "fail");
    const starting = startSupervisor({
      ...one,
      children: [
        log.worker("a"),
        log.worker("b", { shutdown: "brutal_kill" }),
        log.worker("c"),
        failing,
        log.worker("e"),
      ],
    });
    await expect(starting).rejects.toMatchObject({
      reason: "failed_to_start_child",
      childId: "d",
      cause: new Error("start 1 of d failed"),
    });
    expect(log.take()).toEqual(["+a", "+b", "+c", "-c:shutdown", "-a:shutdown"]);
    expect(log.ref("b").alive).toBe(false);
    expect(failing.starts()).toBe(1);
  });

  test("nests level by level", async () => {
    const log = new Log();
    const inner = supervisor({ id: "inner", ...one, children: [log.fickle("x", () => "fail")] });
    const middle = supervisor({ id: "middle", ...one, children: [log.worker("m"), inner] });
    const error = await startSupervisor({ ...one, children: [log.worker("a"), middle] }).catch(
      (caught: unknown) => caught,
    );
    const failed = { code: "E_SUPERVISOR", reason: "failed_to_start_child" };
    const x = { ...failed, childId: "x", cause: new Error("start 1 of x failed") };
    const cause = { ...failed, childId: "inner", cause: x };
    expect(error).toMatchObject({ ...failed, childId: "middle", cause });
    expect(error).toBeInstanceOf(SupervisorError);
    expect(log.take()).toEqual(["+a", "+m", "-m:shutdown", "-a:shutdown"]);
  });

  test("waits for a slow clean-up of those that were up", async () => {
    const log = new Log();
    const gate = new Gate();
    const starting = startSupervisor({
      ...one,
      children: [log.worker("a", { terminate: () => gate.promise }), log.fickle("b", () => "fail")],
    });
    let settled = false;
    starting.catch(() => (settled = true));
    await until(() => log.lines.length === 1);
    await rest();
    expect(settled).toBe(false);
    gate.open();
    await expect(starting).rejects.toThrow("failed to start");
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
  });
});

describe("the system of a root", () => {
  test("is its own by default, and stops with it, however it ends", async () => {
    const log = new Log();
    const stopped = await startSupervisor({ ...one, children: [] });
    await stopped.stop();
    expect(stopped.system.stopped).toBe(true);

    const killed = await startSupervisor({ ...one, children: [] });
    await killed.ref.kill();
    expect(killed.system.stopped).toBe(true);

    const gaveUp = await startSupervisor({ ...one, children: [log.worker("a")], maxRestarts: 0 });
    log.ref("a").dispatch("crash");
    await gaveUp.exited;
    expect(gaveUp.system.stopped).toBe(true);
  });

  test("is awaited by stop also if a child has requested the handle before it was up", async () => {
    const log = new Log();
    const gate = new Gate();
    const beside = log.behavior("beside", { terminate: () => gate.promise });
    const early: ChildSpec["start"] = async (parent) => {
      supervisorOf(parent.supervisor);
      await spawn(parent.system, beside, { name: "beside" });
      return "ignore";
    };
    const sup = await startSupervisor({ ...one, children: [{ id: "early", start: early }] });
    let stopped = false;
    const stopping = sup.stop().then(() => (stopped = true));
    await sup.exited;
    await rest();
    expect(stopped).toBe(false);
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["+beside", "-beside:shutdown"]);
    expect([sup.system.stopped, sup.system.registry.count()]).toEqual([true, 0]);
  });

  test("stops when the start fails", async () => {
    let system: { stopped: boolean } | undefined;
    const start: ChildSpec["start"] = async (parent) => {
      system = parent.system;
      throw new Error("no");
    };
    await expect(startSupervisor({ ...one, children: [{ id: "a", start }] })).rejects.toThrow(
      "failed to start",
    );
    expect(system?.stopped).toBe(true);
  });

  test("uses the clock that it is given", async () => {
    const clock = new SimulatedClock();
    const sup = await startSupervisor({ ...one, children: [], clock });
    expect(sup.system.clock).toBe(clock);
    await sup.stop();
  });

  test("goes on when it was given", async () => {
    const system = createSystem({ name: "given" });
    const sup = await startSupervisor({ ...one, children: [], system });
    expect(sup.system).toBe(system);
    expect(sup.ref.path).toBe("/given/supervisor");
    await sup.stop();
    expect(system.stopped).toBe(false);
    await system.stop();
    await expect(startSupervisor({ ...one, children: [], system })).rejects.toMatchObject({
      code: "E_ACTOR_EXIT",
      reason: "noproc",
    });
  });

  test("is checked: what is no system, no clock, no signal, another clock", async () => {
    const system = createSystem();
    for (const [option, value] of [
      ["system", {}],
      ["clock", {}],
      ["signal", {}],
    ] as const)
      await expect(
        startSupervisor({ ...one, children: [], [option]: value }),
      ).rejects.toMatchObject({ code: "E_OPTION", option });
    await expect(
      startSupervisor({ ...one, children: [], system, clock: new SimulatedClock() }),
    ).rejects.toThrow(OptionError);
    const sup = await startSupervisor({ ...one, children: [], system, clock: system.clock });
    await sup.stop();
  });

  test("stops its roots when it is stopped itself", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, children: [log.worker("a")] });
    await sup.system.stop();
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("the signal of a start", () => {
  test("aborted already: nothing is started", async () => {
    const log = new Log();
    const reason = new Error("too late");
    const signal = AbortSignal.abort(reason);
    await expect(startSupervisor({ ...one, children: [log.worker("a")], signal })).rejects.toBe(
      reason,
    );
    expect(log.lines).toEqual([]);
  });

  test("ends what is up, in reverse order, and abandons the start under way", async () => {
    const log = new Log();
    const aborter = new AbortController();
    const gate = new Gate<never>();
    let hanging: AbortSignal | undefined;
    const starting = startSupervisor({
      ...one,
      signal: aborter.signal,
      children: [
        log.worker("a"),
        log.worker("b"),
        {
          id: "c",
          start: async (parent) => {
            hanging = parent.signal;
            await spawn(parent, log.behavior("extra"));
            return gate.promise;
          },
        },
        log.worker("d"),
      ],
    });
    await until(() => log.refs.has("extra"));
    const reason = { because: "aborted" };
    aborter.abort(reason);
    await expect(starting).rejects.toBe(reason);
    expect(log.take()).toEqual(["+a", "+b", "+extra", "-b:shutdown", "-a:shutdown"]);
    expect(log.ref("extra").alive).toBe(false);
    expect(hanging?.aborted).toBe(true);
    expect(getEventListeners(aborter.signal, "abort")).toEqual([]);
    gate.fail(new Error("late"));
    await rest();
  });

  test("lets a nested supervisor that is starting end its own children in order", async () => {
    const log = new Log();
    const aborter = new AbortController();
    const starting = startSupervisor({
      ...one,
      signal: aborter.signal,
      children: [
        log.worker("a"),
        supervisor({
          id: "s",
          ...one,
          children: [
            log.worker("b"),
            log.worker("c"),
            { id: "hanging", start: () => new Promise<never>(() => {}) },
          ],
        }),
      ],
    });
    await until(() => log.refs.has("c"));
    await rest();
    aborter.abort();
    await expect(starting).rejects.toMatchObject({ name: "AbortError" });
    expect(log.take()).toEqual(["+a", "+b", "+c", "-c:shutdown", "-b:shutdown", "-a:shutdown"]);
  });

  test("waits for the clean-up of what was up", async () => {
    const log = new Log();
    const aborter = new AbortController();
    const gate = new Gate();
    const starting = startSupervisor({
      ...one,
      signal: aborter.signal,
      children: [
        log.worker("a", { terminate: () => gate.promise }),
        { id: "b", start: () => new Promise<never>(() => {}) },
      ],
    });
    let settled = false;
    starting.catch(() => (settled = true));
    await until(() => log.refs.has("a"));
    await rest();
    aborter.abort(new Error("enough"));
    await rest();
    expect(settled).toBe(false);
    gate.open();
    await expect(starting).rejects.toThrow("enough");
  });

  test("means nothing once the supervisor is up, and is no longer listened to", async () => {
    const log = new Log();
    const aborter = new AbortController();
    const { signal } = aborter;
    const sup = await startSupervisor({ ...one, signal, children: [log.worker("a")] });
    expect(getEventListeners(signal, "abort")).toEqual([]);
    aborter.abort();
    await rest();
    expect(log.ref("a").alive).toBe(true);
    await sup.stop();
  });

  test("is not listened to after a failed start either", async () => {
    const { signal } = new AbortController();
    const log = new Log();
    await expect(
      startSupervisor({ ...one, signal, children: [log.fickle("a", () => "fail")] }),
    ).rejects.toThrow(SupervisorError);
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });
});

describe("stop and kill during the start", () => {
  const never = (): Promise<never> => new Promise(() => {});

  /** Starts a supervisor whose second child hangs; returns its ref, and why the start fails. */
  async function startHanging(log: Log): Promise<{ ref: ActorRef; failed: Promise<unknown> }> {
    let ref: ActorRef | undefined;
    const starting = startSupervisor({
      ...one,
      children: [
        log.worker("a"),
        {
          id: "b",
          start: (parent) => {
            ref = parent.supervisor;
            return never();
          },
        },
      ],
    });
    const failed = failure(starting);
    await until(() => ref !== undefined);
    return { ref: ref as unknown as ActorRef, failed };
  }

  test("stop overtakes a start that hangs", async () => {
    const log = new Log();
    const { ref, failed } = await startHanging(log);
    const handle = supervisorOf(ref);
    const asked = failure(handle.whichChildren());
    await ref.stop("enough");
    expect(await asked).toMatchObject({ reason: "noproc" });
    expect(await failed).toMatchObject({ code: "E_ACTOR_EXIT", reason: "enough" });
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
    expect(await handle.exited).toBe("enough");
  });

  test("kill does too, and takes what was up along", async () => {
    const log = new Log();
    const { ref, failed } = await startHanging(log);
    await ref.kill();
    expect(await failed).toMatchObject({ reason: "killed" });
    expect(log.take()).toEqual(["+a"]);
    expect(log.ref("a").alive).toBe(false);
  });

  test("what a start spawns after its supervisor was killed is refused", async () => {
    const gate = new Gate();
    const late = new Gate<unknown>();
    const sup = await startSupervisor({ ...one, children: [] });
    const spec = actor({ id: "x", receive: () => {} });
    const start: ChildSpec["start"] = async (parent) => {
      await gate.promise;
      late.open(await failure(spec.start(parent)));
      return "ignore";
    };
    const asked = failure(sup.startChild({ ...spec, start }));
    await rest();
    await sup.ref.kill();
    await asked;
    gate.open();
    expect(await late.promise).toMatchObject({ code: "E_ACTOR_EXIT", reason: "noproc" });
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    "no start is called after a stop, though it comes %d microtasks behind one",
    async (microtasks) => {
      const calls: string[] = [];
      const starting = startSupervisor({
        ...one,
        children: [
          {
            id: "a",
            start: async ({ supervisor: ref }) => {
              let after = Promise.resolve();
              for (let n = 0; n < microtasks; n++) after = after.then(() => {});
              void after.then(() => {
                calls.push("stop");
                void ref.stop();
              });
              return "ignore";
            },
          },
          {
            id: "b",
            start: async () => {
              calls.push("start");
              return never();
            },
          },
        ],
      });
      expect(await failure(starting)).toMatchObject({ code: "E_ACTOR_EXIT", reason: "normal" });
      expect(calls.slice(calls.indexOf("stop"))).toEqual(["stop"]);
    },
  );
});
