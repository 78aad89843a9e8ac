import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type ChildSpec,
  createSystem,
  dynamicSupervisor,
  type Shutdown,
  spawn,
  startSupervisor,
  supervisor,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Gate, Listener, Log, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;
const never = (): Promise<never> => new Promise(() => {});

describe("the order of the end", () => {
  test("children are ended in reverse, each after the one before is dead; then the supervisor", async () => {
    const log = new Log();
    const gate = new Gate();
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("a"),
        log.worker("b", { terminate: () => gate.promise }),
        log.worker("c"),
      ],
    });
    await sup.startChild(log.worker("d"));
    log.take();
    const stopping = sup.stop({ shutdown: "maintenance" });
    await until(() => log.lines.length === 2);
    await rest();
    expect(log.take()).toEqual(["-d:shutdown", "-c:shutdown"]);
    expect(sup.ref.alive).toBe(true);
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["-b:shutdown", "-a:shutdown"]);
    expect(await sup.exited).toEqual({ shutdown: "maintenance" });
  });

  test.each([undefined, "normal", "crash"])(
    "ref.stop(%p) ends with that reason",
    async (reason) => {
      const log = new Log();
      const sup = await startSupervisor({ ...one, children: [log.worker("a")] });
      await sup.ref.stop(reason);
      expect(log.take()).toEqual(["+a", "-a:shutdown"]);
      expect(await sup.exited).toBe(reason ?? "normal");
    },
  );

  test("stop can be called again, by all means of it, and afterwards", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, children: [log.worker("a")] });
    await Promise.all([sup.stop(), sup.stop("other"), sup[Symbol.asyncDispose](), sup.ref.stop()]);
    await sup.stop();
    await sup.ref.kill();
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("shutdown settings", () => {
  const settings: [string, Shutdown | undefined, number, "shutdown" | "killed"][] = [
    ["obeys", 1000, 0, "shutdown"],
    ["hangs", 1000, 1000, "killed"],
    ["hangs", undefined, 5000, "killed"],
    ["hangs", 3_000_000_000, 3_000_000_000, "killed"],
    ["obeys", 0, 0, "shutdown"],
    ["hangs", 0, 0, "killed"],
    ["obeys", "infinity", 0, "shutdown"],
    ["obeys", "brutal_kill", 0, "killed"],
    ["hangs", "brutal_kill", 0, "killed"],
  ];

  test.each(settings)(
    "a child that %s, with %p: ended after %d ms: %s",
    async (how, shutdown, ms, reason) => {
      const log = new Log();
      const clock = new SimulatedClock();
      const child = log.worker("a", {
        ...(shutdown === undefined ? {} : { shutdown }),
        ...(how === "hangs" ? { terminate: never } : {}),
      });
      const sup = await startSupervisor({ ...one, clock, children: [child] });
      const reasons: unknown[] = [];
      log.ref("a").monitor((down) => reasons.push(down.reason));
      const stopping = sup.stop();
      await clock.advance(Math.max(0, ms - 1));
      expect(log.ref("a").alive).toBe(ms > 0);
      await clock.advance(Math.min(ms, 1));
      await stopping;
      expect(reasons).toEqual([reason]);
      expect(log.take()).toEqual(reason === "shutdown" ? ["+a", "-a:shutdown"] : ["+a"]);
      expect(clock.pending).toBe(0);
    },
  );

  test("each child has its own time, one after the other", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const hanging = { shutdown: 100, terminate: never };
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [log.worker("a"), log.worker("b", hanging), log.worker("c", hanging)],
    });
    const stopping = sup.stop();
    await clock.advance(100);
    expect([log.ref("b").alive, log.ref("c").alive]).toEqual([true, false]);
    await clock.advance(99);
    expect(log.ref("b").alive).toBe(true);
    await clock.advance(1);
    await stopping;
    expect(log.take()).toEqual(["+a", "+b", "+c", "-a:shutdown"]);
  });

  test("a child in the middle of a message that never ends is killed too", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [log.worker("a"), log.worker("busy", { shutdown: 10, receive: never })],
    });
    log.ref("busy").dispatch("stop");
    await rest();
    const stopping = sup.stop();
    await clock.advance(10);
    await stopping;
    expect(log.take()).toEqual(["+a", "+busy", "-a:shutdown"]);
  });

  test("infinity waits without limit", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const gate = new Gate();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [log.worker("a", { shutdown: "infinity", terminate: () => gate.promise })],
    });
    const stopping = sup.stop();
    await clock.advance(1e9);
    expect(log.ref("a").alive).toBe(true);
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
  });
});

describe("whatever children do at their end", () => {
  test("a clean-up that fails, or a child that dies of something else, does not stop the sequence", async () => {
    const log = new Log();
    const gate = new Gate();
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("a"),
        log.worker("b", { terminate: () => Promise.reject(new Error("clean-up")) }),
        log.worker("c", {
          terminate: () => {
            throw new Error("clean-up");
          },
        }),
        log.worker("d", { terminate: () => gate.promise }),
      ],
    });
    const reasons: unknown[] = [];
    for (const id of ["a", "b", "c", "d"])
      log.ref(id).monitor((down) => reasons.push([id, down.reason]));
    const stopping = sup.stop();
    await rest();
    await log.ref("d").kill();
    await stopping;
    expect(reasons).toEqual([
      ["d", "killed"],
      ["c", new Error("clean-up")],
      ["b", new Error("clean-up")],
      ["a", "shutdown"],
    ]);
    expect(log.take()).toEqual(["+a", "+b", "+c", "+d", "-a:shutdown"]);
    expect(await sup.exited).toBe("shutdown");
  });

  test("only the ends that were not requested are reported", async () => {
    const log = new Log();
    using reports = new Listener<{ childId: string; reason: unknown }>(
      "nebulex.supervisor.child_terminated",
    );
    const clean = async (reason: unknown): Promise<void> => {
      throw reason;
    };
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("obeys"),
        log.worker("killed", { shutdown: "brutal_kill" }),
        log.worker("normal", { restart: "transient", terminate: () => clean("normal") }),
        log.worker("strange", { terminate: () => clean("normal") }),
        log.worker("fails", { restart: "temporary", terminate: () => clean(new Error("no")) }),
      ],
    });
    await sup.stop();
    expect(reports.messages.map(({ childId, reason }) => [childId, reason])).toEqual([
      ["fails", new Error("no")],
      ["strange", "normal"],
    ]);
  });

  test("dead slots are skipped", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a"), log.worker("b", { restart: "transient" }), log.worker("c")],
    });
    await sup.terminateChild("a");
    await log.ref("b").stop();
    await sup.stop();
    expect(log.take()).toEqual(["+a", "+b", "+c", "-a:shutdown", "-b:normal", "-c:shutdown"]);
  });

  test("a child that was spawned elsewhere is ended and waited for all the same", async () => {
    const log = new Log();
    const system = createSystem();
    const gate = new Gate();
    const behavior = log.behavior("a", { terminate: () => gate.promise });
    const sup = await startSupervisor({
      ...one,
      system,
      children: [{ id: "a", start: () => spawn(system, behavior) as Promise<ActorRef> }],
    });
    const stopping = sup.stop();
    await rest();
    expect(sup.ref.alive).toBe(true);
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
    await system.stop();
  });

  test("what else a child's start has spawned goes down with the child", async () => {
    const log = new Log();
    const start: ChildSpec["start"] = async (parent) => {
      await spawn(parent, log.behavior("extra"));
      return (await spawn(parent, log.behavior("a"))) as ActorRef;
    };
    const sup = await startSupervisor({ ...one, children: [{ id: "a", start }] });
    const extra = log.ref("extra");
    await log.crash("a");
    expect(extra.alive).toBe(false);
    expect(log.ref("extra").alive).toBe(true);
    await sup.terminateChild("a");
    expect(log.ref("extra").alive).toBe(false);
    await sup.stop();
  });
});

describe("a supervisor that is ending", () => {
  test("restarts nothing, and refuses requests at once: queued, current, and new ones", async () => {
    const log = new Log();
    const gate = new Gate();
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a"), log.worker("b", { terminate: () => gate.promise })],
    });
    log.take();
    const inHand = failure(sup.terminateChild("b"));
    const queued = failure(sup.whichChildren());
    const added = failure(sup.startChild(log.worker("added")));
    await rest();
    const stopping = sup.stop();
    const late = failure(sup.countChildren());
    const bad = failure(sup.startChild({} as ChildSpec));
    for (const refused of [inHand, queued, added, late, bad])
      expect(await refused).toMatchObject({ code: "E_SUPERVISOR", reason: "noproc", ref: sup.ref });
    await log.ref("a").kill();
    await rest();
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["-b:shutdown"]);
    expect(await failure(sup.whichChildren())).toMatchObject({ reason: "noproc" });
    expect(await failure(sup.startChild(log.worker("c")))).toMatchObject({ reason: "noproc" });
  });

  test("a start under way is abandoned, its late result killed", async () => {
    const log = new Log();
    const system = createSystem();
    const gate = new Gate<ActorRef>();
    const sup = await startSupervisor({ ...one, system, children: [log.worker("a")] });
    const added = failure(sup.startChild({ id: "b", start: () => gate.promise }));
    await rest();
    await sup.stop();
    expect(await added).toMatchObject({ reason: "noproc" });
    const late = await spawn(system, log.behavior("late"));
    gate.open(late as ActorRef);
    await until(() => !late.alive);
    expect(log.take()).toEqual(["+a", "-a:shutdown", "+late"]);
    await system.stop();
  });

  test("the end of a child that was under way when stop came is not begun again", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    let cleanUps = 0;
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [
        log.worker("a"),
        log.worker("b", {
          shutdown: 100,
          terminate: () => {
            cleanUps++;
            return never();
          },
        }),
      ],
    });
    const inHand = failure(sup.terminateChild("b"));
    await clock.advance(60);
    const stopping = sup.stop();
    await clock.advance(39);
    expect(log.ref("b").alive).toBe(true);
    await clock.advance(1);
    await stopping;
    expect(await inHand).toMatchObject({ reason: "noproc" });
    expect(cleanUps).toBe(1);
    expect(clock.pending).toBe(0);
  });

  test("a child that dies of its own meanwhile is reported once", async () => {
    using reports = new Listener<{ childId: string; reason: unknown }>(
      "nebulex.supervisor.child_terminated",
    );
    const log = new Log();
    const gates = [new Gate(), new Gate()] as const;
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("a", { terminate: () => gates[0].promise }),
        log.worker("b", { terminate: () => gates[1].promise }),
      ],
    });
    const inHand = failure(sup.terminateChild("a"));
    await rest();
    const stopping = sup.stop();
    await rest();
    gates[0].fail(new Error("clean-up"));
    await until(() => !log.ref("a").alive);
    gates[1].open();
    await stopping;
    expect(await inHand).toMatchObject({ reason: "noproc" });
    expect(reports.messages.map(({ childId, reason }) => [childId, reason])).toEqual([
      ["a", new Error("clean-up")],
    ]);
  });

  test("a group restart is broken off", async () => {
    const log = new Log();
    const gate = new Gate();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      children: [
        log.worker("a"),
        log.worker("b", { terminate: () => gate.promise }),
        log.worker("c"),
      ],
    });
    log.take();
    log.ref("c").dispatch("crash");
    await rest();
    const stopping = sup.stop();
    gate.open();
    await stopping;
    expect(log.take()).toEqual(["-c:crash of c", "-b:shutdown", "-a:shutdown"]);
  });

  test("a child's clean-up that asks it is refused, and not left waiting", async () => {
    const log = new Log();
    let answer: Promise<unknown> = Promise.resolve();
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("a", {
          shutdown: "infinity",
          terminate: async () => {
            answer = failure(sup.whichChildren());
            await answer;
          },
        }),
      ],
    });
    await sup.stop();
    expect(await answer).toMatchObject({ reason: "noproc" });
  });
});

describe("a killed supervisor", () => {
  test("takes its children along, on all levels, wherever they were spawned, in whatever state", async () => {
    const log = new Log();
    const system = createSystem();
    const a = log.worker("a", {
      init: async (ctx) => {
        await ctx.spawn(log.behavior("spawned by a"));
        return "a";
      },
    });
    const elsewhere = log.behavior("c", { terminate: never });
    const inner = supervisor({
      id: "inner",
      ...one,
      children: [
        log.worker("b"),
        { id: "c", start: () => spawn(system, elsewhere) as Promise<ActorRef> },
      ],
    });
    const sup = await startSupervisor({
      ...one,
      system,
      children: [a, inner, dynamicSupervisor({ id: "dynamic" })],
    });
    const dynamic = supervisorOf((await sup.whichChildren())[2]?.ref as ActorRef);
    await dynamic.startChild(log.worker("d"));
    void log.ref("c").stop();
    const below = ["a", "spawned by a", "b", "c", "d"].map((id) => log.ref(id));
    log.take();
    const nested = (await sup.whichChildren())[1]?.ref as ActorRef;
    const reasons: unknown[] = [];
    const all = [nested, dynamic.ref, ...below] as ActorRef[];
    for (const ref of [sup.ref, ...all]) ref.monitor(({ reason }) => reasons.push(reason));
    const asked = failure(sup.whichChildren());
    void sup.ref.kill();
    expect(all.filter(({ alive }) => alive)).toEqual([]);
    expect(await asked).toMatchObject({ reason: "noproc" });
    await rest();
    expect(reasons).toEqual(Array(8).fill("killed"));
    expect(log.take()).toEqual([]);
    expect(await sup.exited).toBe("killed");
    await system.stop();
  });

  test("in the middle of its end", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const inner = supervisor({
      id: "inner",
      ...one,
      shutdown: 50,
      children: [log.worker("a"), log.worker("b", { shutdown: "infinity", terminate: never })],
    });
    const sup = await startSupervisor({ ...one, clock, children: [log.worker("z"), inner] });
    const stopping = sup.stop();
    await clock.advance(50);
    await stopping;
    expect([log.ref("a").alive, log.ref("b").alive]).toEqual([false, false]);
    expect(log.take()).toEqual(["+z", "+a", "+b", "-z:shutdown"]);
    expect(await sup.exited).toBe("shutdown");
  });

  test("the kill overtakes its own long end", async () => {
    const log = new Log();
    const settings = { terminate: never, shutdown: "infinity" } as const;
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a", settings), log.worker("b", settings)],
    });
    const stopping = sup.stop();
    await rest();
    await sup.ref.kill();
    await stopping;
    expect([log.ref("a").alive, log.ref("b").alive]).toEqual([false, false]);
    expect(await sup.exited).toBe("killed");
  });

  test("the kill of a permanent one: its own supervisor restarts it, whole", async () => {
    const log = new Log();
    const nested = supervisor({ id: "nested", ...one, children: [log.worker("b")] });
    const sup = await startSupervisor({ ...one, children: [nested] });
    const ref = (await sup.whichChildren())[0]?.ref as ActorRef;
    const old = supervisorOf(ref);
    await log.reborn("b", () => ref.kill());
    expect(await failure(old.countChildren())).toMatchObject({ reason: "noproc", ref });
    expect((await sup.whichChildren())[0]?.ref).not.toBe(ref);
    await sup.stop();
  });

  test("in the middle of a start: what that spawns, and answers, is fenced", async () => {
    const log = new Log();
    const system = createSystem();
    const gate = new Gate<ActorRef>();
    let signal: AbortSignal | undefined;
    const sup = await startSupervisor({ ...one, system, children: [] });
    const added = failure(
      sup.startChild({
        id: "a",
        start: async (parent) => {
          signal = parent.signal;
          await spawn(parent, log.behavior("extra"));
          return gate.promise;
        },
      }),
    );
    await until(() => log.refs.has("extra"));
    void sup.ref.kill();
    expect([log.ref("extra").alive, signal?.aborted]).toEqual([false, true]);
    expect(await added).toMatchObject({ reason: "noproc" });
    const late = await spawn(system, log.behavior("late"));
    gate.open(late as ActorRef);
    await until(() => !late.alive);
    await system.stop();
  });

  test.each([0, 1, 2, 3, 4, 5, 6, 7, 8])(
    "what a start answered is not left behind, though the kill comes %d microtasks later",
    async (microtasks) => {
      const log = new Log();
      const system = createSystem();
      const sup = await startSupervisor({ ...one, system, children: [] });
      const start: ChildSpec["start"] = async ({ supervisor: ref }) => {
        const child = (await spawn(system, log.behavior("a"))) as ActorRef;
        let after = Promise.resolve();
        for (let n = 0; n < microtasks; n++) after = after.then(() => {});
        void after.then(() => ref.kill());
        return child;
      };
      void sup.startChild({ id: "a", start }).catch(() => {});
      await sup.exited;
      await until(() => !log.ref("a").alive);
      await system.stop();
      expect(log.take()).toEqual(["+a"]);
    },
  );
});

describe("nested supervisors", () => {
  test("end with the parent, in order, and with the reason shutdown", async () => {
    const log = new Log();
    const inner = supervisor({ id: "inner", ...one, children: [log.worker("b"), log.worker("c")] });
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a"), inner, log.worker("d")],
    });
    const nested = supervisorOf((await sup.whichChildren())[1]?.ref as ActorRef);
    nested.ref.monitor(({ reason }) => log.lines.push(`-inner:${String(reason)}`));
    await sup.stop("enough");
    expect(log.take()).toEqual([
      "+a",
      "+b",
      "+c",
      "+d",
      "-d:shutdown",
      "-c:shutdown",
      "-b:shutdown",
      "-inner:shutdown",
      "-a:shutdown",
    ]);
    expect([await nested.exited, await sup.exited]).toEqual(["shutdown", "enough"]);
  });
});
