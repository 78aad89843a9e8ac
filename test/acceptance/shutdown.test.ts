import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  createSystem,
  dynamicSupervisor,
  type Shutdown,
  spawn,
  startSupervisor,
  supervisor,
  supervisorOf,
} from "nebulex-streams/actor";
import { SimulatedClock } from "nebulex-streams/testing";
import { caught, eventually, forever, gate, one, quiet, Stage } from "./stage.js";

/** How an actor ends, as a monitor is told. */
function down(ref: ActorRef<never>): Promise<unknown> {
  return new Promise((resolve) => ref.monitor(({ reason }) => resolve(reason)));
}

describe("shutdown settings", () => {
  const cases: [string, Shutdown | undefined, boolean, number, string][] = [
    ["obeys", 1000, true, 0, "shutdown"],
    ["hangs", 1000, false, 1000, "killed"],
    ["hangs", undefined, false, 5000, "killed"],
    ["hangs", 3_000_000_000, false, 3_000_000_000, "killed"],
    ["obeys", 0, true, 0, "shutdown"],
    ["hangs", 0, false, 0, "killed"],
    ["obeys", "infinity", true, 0, "shutdown"],
    ["obeys", "brutal_kill", true, 0, "killed"],
    ["hangs", "brutal_kill", false, 0, "killed"],
  ];

  test.each(cases)(
    "a child that %s, with %p: obeying %p, after %d ms: %s",
    async (_how, shutdown, obeys, ms, reason) => {
      const stage = new Stage();
      const clock = new SimulatedClock();
      const part = {
        ...(shutdown === undefined ? {} : { shutdown }),
        ...(obeys ? {} : { terminate: forever }),
      };
      const sup = await startSupervisor({ ...one, clock, children: [stage.worker("a", part)] });
      const exit = down(stage.ref("a"));
      const stopping = sup.stop();
      await clock.advance(Math.max(0, ms - 1));
      expect(stage.ref("a").alive).toBe(ms > 0);
      await clock.advance(Math.min(ms, 1));
      await stopping;
      expect(await exit).toBe(reason);
      expect(clock.pending).toBe(0);
      expect(stage.read()).toEqual(reason === "shutdown" ? ["up a", "down a shutdown"] : ["up a"]);
    },
  );

  test("the time is each child's own, one after the other", async () => {
    const stage = new Stage();
    const clock = new SimulatedClock();
    const part = { terminate: forever, shutdown: 100 };
    const children = ["a", "b"].map((id) => stage.worker(id, part));
    const sup = await startSupervisor({ ...one, clock, children });
    const stopping = sup.stop();
    await clock.advance(100);
    expect([stage.ref("a").alive, stage.ref("b").alive]).toEqual([true, false]);
    await clock.advance(99);
    expect(stage.ref("a").alive).toBe(true);
    await clock.advance(1);
    await stopping;
  });

  test("a child in the middle of a message that never ends is killed in its time, its signal fired", async () => {
    const clock = new SimulatedClock();
    const { signal, sup, ref } = await hanging(clock);
    const stopping = sup.stop();
    await clock.advance(5000);
    await stopping;
    expect([ref.alive, signal().aborted]).toEqual([false, true]);
  });

  async function hanging(clock: SimulatedClock) {
    let signal: AbortSignal | undefined;
    const sup = await startSupervisor({ ...one, clock, children: [] });
    const ref = await sup.startChild({
      id: "hangs",
      start: (parent) =>
        spawn(parent, {
          receive: (_state, _message, ctx) => {
            signal = ctx.signal;
            return forever();
          },
        }) as Promise<ActorRef>,
    });
    ref?.dispatch("hang");
    await eventually(() => signal !== undefined);
    return { sup, ref: ref as ActorRef, signal: () => signal as AbortSignal };
  }
});

describe("the end of a supervisor", () => {
  test("comes after its children's, in reverse order over all levels, with the reason that was given", async () => {
    const stage = new Stage();
    const nested = supervisor({
      id: "nested",
      ...one,
      children: [stage.worker("b1"), stage.worker("b2")],
    });
    const sup = await startSupervisor({
      ...one,
      children: [stage.worker("a"), nested, stage.worker("c")],
    });
    await sup.startChild(stage.worker("d"));
    const inner = (await sup.whichChildren())[1]?.ref as ActorRef;
    inner.monitor(({ reason }) => stage.note(`down nested ${String(reason)}`));
    stage.read();
    await sup.stop({ shutdown: "deploy" });
    expect(stage.read()).toEqual([
      "down d shutdown",
      "down c shutdown",
      "down b2 shutdown",
      "down b1 shutdown",
      "down nested shutdown",
      "down a shutdown",
    ]);
    expect(await sup.exited).toEqual({ shutdown: "deploy" });
  });

  test("is not held up by children that throw, die of something else, or are dead", async () => {
    const stage = new Stage();
    const sup = await startSupervisor({
      ...one,
      children: [
        stage.worker("a"),
        stage.worker("throws", { terminate: () => Promise.reject(new Error("clean-up")) }),
        stage.worker("dead", { restart: "transient" }),
        stage.worker("dies", { terminate: () => void stage.ref("dies").kill() }),
      ],
    });
    await stage.end("dead", { end: "normal" });
    const exits = ["a", "throws", "dies"].map((id) => down(stage.ref(id)));
    await sup.stop();
    expect(await Promise.all(exits)).toEqual(["shutdown", new Error("clean-up"), "killed"]);
    expect(await sup.exited).toBe("shutdown");
  });

  test("refuses requests at once, and restarts nobody who dies meanwhile", async () => {
    const stage = new Stage();
    const hold = gate();
    const sup = await startSupervisor({
      ...one,
      children: [
        stage.worker("a"),
        stage.worker("slow", { terminate: () => hold.promise, shutdown: "infinity" }),
      ],
    });
    const queued = caught(sup.startChild(stage.worker("late")));
    const stopping = sup.stop();
    const asked = caught(sup.whichChildren());
    for (const refused of [queued, asked])
      expect(await refused).toMatchObject({ reason: "noproc" });
    await stage.ref("a").kill();
    await quiet();
    expect(stage.lives("a")).toBe(1);
    expect(sup.ref.alive).toBe(true);
    hold.open();
    await stopping;
    expect(stage.lives("late")).toBe(0);
  });

  test("a child whose clean-up asks its own supervisor gets noproc, and no deadlock", async () => {
    const stage = new Stage();
    let answer: unknown;
    const sup = await startSupervisor({
      ...one,
      children: [
        stage.worker("a", {
          shutdown: "infinity",
          terminate: async () => {
            answer = await caught(sup.countChildren());
          },
        }),
      ],
    });
    await sup.stop();
    expect(answer).toMatchObject({ reason: "noproc" });
  });

  test("a group restart in hand is broken off", async () => {
    const stage = new Stage();
    const b = stage.fickle("b", (n) => (n === 1 ? "up" : "hang"));
    const children = [stage.worker("a"), b, stage.worker("c")];
    const sup = await startSupervisor({ strategy: "one_for_all", children });
    await stage.ref("a").kill();
    await eventually(() => stage.lives("a") === 2);
    await quiet();
    stage.read();
    await sup.stop();
    expect(stage.read()).toEqual(["down a shutdown"]);
    expect([stage.lives("b"), stage.lives("c")]).toEqual([1, 1]);
  });
});

describe("the kill of a supervisor", () => {
  test("takes everyone below along, at once and without clean-up", async () => {
    const system = createSystem({ name: "killed" });
    const stage = new Stage();
    const stranger = stage.worker("stranger", { terminate: forever });
    const starting = stage.worker("starting");
    const sup = await startSupervisor({
      ...one,
      system,
      children: [
        stage.worker("a", {
          init: async (ctx) => {
            await stage.worker("spawned by a").start(ctx as never);
            return 0;
          },
        }),
        supervisor({ id: "nested", ...one, children: [stage.worker("b")] }),
        dynamicSupervisor({ id: "dynamic" }),
        { ...stranger, start: () => stranger.start(system as never) },
      ],
    });
    const dynamic = supervisorOf((await sup.whichChildren())[2]?.ref as ActorRef);
    await dynamic.startChild(stage.worker("d"));
    void stage.ref("stranger").stop();
    const asked = caught(
      sup.startChild({
        ...starting,
        start: async (parent) => {
          await starting.start(parent);
          return forever();
        },
      }),
    );
    await eventually(() => stage.lives("starting") === 1);
    const exits = ["a", "spawned by a", "b", "d", "stranger", "starting"].map((id) =>
      down(stage.ref(id)),
    );
    stage.read();
    await sup.ref.kill();
    expect(await Promise.all(exits)).toEqual(exits.map(() => "killed"));
    expect(stage.read()).toEqual([]);
    expect(await sup.exited).toBe("killed");
    expect(await asked).toMatchObject({ reason: "noproc" });
    await system.stop();
  });

  test("overtakes its own long end", async () => {
    const stage = new Stage();
    const part = { terminate: forever, shutdown: "infinity" } as const;
    const sup = await startSupervisor({
      ...one,
      children: [stage.worker("a", part), stage.worker("b", part)],
    });
    const stopping = sup.stop();
    await quiet();
    await sup.ref.kill();
    await stopping;
    expect([stage.ref("a").alive, stage.ref("b").alive]).toEqual([false, false]);
    expect(await sup.exited).toBe("killed");
  });

  test("of a nested one with a limited time: its children go too, and the root ends in order", async () => {
    const stage = new Stage();
    const clock = new SimulatedClock();
    const stuck = stage.worker("stuck", { terminate: forever, shutdown: "infinity" });
    const nested = { id: "nested", ...one, shutdown: 100 };
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [
        stage.worker("a"),
        supervisor({ ...nested, children: [stage.worker("b"), stuck] }),
      ],
    });
    stage.read();
    const stopping = sup.stop();
    await clock.advance(100);
    await stopping;
    expect(stage.read()).toEqual(["down a shutdown"]);
    expect([stage.ref("b").alive, stage.ref("stuck").alive]).toEqual([false, false]);
    expect(await sup.exited).toBe("shutdown");
  });

  test("of a permanent one: its own restarts it, whole", async () => {
    const stage = new Stage();
    const nested = supervisor({ id: "nested", ...one, children: [stage.worker("b")] });
    await using sup = await startSupervisor({ ...one, children: [nested] });
    const ref = (await sup.whichChildren())[0]?.ref as ActorRef;
    const old = supervisorOf(ref);
    await ref.kill();
    await eventually(() => stage.lives("b") === 2);
    expect(await caught(old.countChildren())).toMatchObject({ reason: "noproc", ref });
    expect((await sup.whichChildren())[0]?.ref).not.toBe(ref);
  });
});
