import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  startSupervisor,
  supervisor,
  supervisorOf,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Log, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;

describe("the window", () => {
  test("three restarts are allowed by default, the fourth ends the supervisor", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const sup = await startSupervisor({ ...one, clock, children: [log.worker("a")] });
    for (let restart = 1; restart <= 3; restart++) await log.crash("a");
    expect(sup.ref.alive).toBe(true);
    log.ref("a").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
  });

  test("within five seconds by default", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const sup = await startSupervisor({ ...one, clock, children: [log.worker("a")] });
    for (let restart = 1; restart <= 20; restart++) {
      await log.crash("a");
      await clock.advance(1670);
    }
    expect(sup.ref.alive).toBe(true);
    await sup.stop();
  });

  test("with maxRestarts 0 the first due restart ends it without an attempt", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      maxRestarts: 0,
      children: [log.worker("a"), log.worker("b")],
    });
    log.ref("a").dispatch("crash");
    await sup.exited;
    expect(log.take()).toEqual(["+a", "+b", "-a:crash of a", "-b:shutdown"]);
  });

  test("a restart exactly a window old still counts, and one that is older does not", async () => {
    for (const [wait, alive] of [
      [2000, false],
      [2001, true],
    ] as const) {
      const log = new Log();
      const clock = new SimulatedClock();
      const sup = await startSupervisor({
        ...one,
        clock,
        maxRestarts: 1,
        maxSeconds: 2,
        children: [log.worker("a")],
      });
      await log.crash("a");
      await clock.advance(wait);
      log.ref("a").dispatch("crash");
      await rest();
      expect(sup.ref.alive).toBe(alive);
      await sup.stop();
    }
  });

  test("one history for all children", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      maxRestarts: 2,
      children: ["a", "b", "c"].map((id) => log.worker(id)),
    });
    await log.crash("a");
    await log.crash("b");
    log.ref("c").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
  });

  test("requests, and exits without a restart, add nothing", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, maxRestarts: 0, children: [log.worker("a")] });
    for (let round = 0; round < 3; round++) {
      await sup.terminateChild("a");
      await sup.restartChild("a");
      await sup.startChild(log.worker("t", { restart: "temporary" }));
      await log.ref("t").kill();
      await sup.startChild(log.worker("u"));
      await sup.terminateChild("u");
      await sup.deleteChild("u");
    }
    await rest();
    expect(sup.ref.alive).toBe(true);
    await sup.stop();
  });
});

describe("escalation", () => {
  test("the remaining children are ended in reverse; a group is not ended twice", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      maxRestarts: 0,
      children: ["a", "b", "c", "d"].map((id) => log.worker(id)),
    });
    log.take();
    log.ref("b").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
    expect(log.take()).toEqual(["-b:crash of b", "-d:shutdown", "-c:shutdown", "-a:shutdown"]);
  });

  test.each(["permanent", "transient", "temporary"] as const)(
    "a nested supervisor that is %s and gives up",
    async (restart) => {
      const log = new Log();
      const inner = supervisor({
        id: "inner",
        ...one,
        restart,
        maxRestarts: 0,
        children: [log.worker("x")],
      });
      const sup = await startSupervisor({ ...one, children: [inner] });
      const ref = (await sup.whichChildren())[0]?.ref as ActorRef;
      const reasons: unknown[] = [];
      ref.monitor(({ reason }) => reasons.push(reason));
      log.ref("x").dispatch("crash");
      await until(() => !ref.alive);
      await rest();
      expect(reasons).toEqual(["shutdown"]);
      const children = await sup.whichChildren();
      expect(children.map((child) => child.ref instanceof Object && child.ref !== ref)).toEqual(
        { permanent: [true], transient: [false], temporary: [] }[restart],
      );
      await sup.stop();
    },
  );

  test("a restarted supervisor begins from its children list, with an empty history", async () => {
    const log = new Log();
    const inner = supervisor({
      id: "inner",
      ...one,
      maxRestarts: 1,
      children: [log.worker("x"), log.worker("y")],
    });
    const sup = await startSupervisor({ ...one, children: [inner] });
    const first = supervisorOf((await sup.whichChildren())[0]?.ref as ActorRef);
    await first.startChild(log.worker("added"));
    await first.terminateChild("y");
    await log.crash("x");
    await log.reborn("y", () => log.ref("x").dispatch("crash"));
    await until(async () => (await sup.countChildren()).active === 1);
    const second = supervisorOf((await sup.whichChildren())[0]?.ref as ActorRef);
    expect(second.ref).not.toBe(first.ref);
    expect((await second.whichChildren()).map(({ id }) => id)).toEqual(["x", "y"]);
    await log.crash("x");
    expect(second.ref.alive).toBe(true);
    await sup.stop();
  });

  test("level by level, until one absorbs it or the root ends", async () => {
    const log = new Log();
    const inner = supervisor({ id: "inner", ...one, maxRestarts: 1, children: [log.worker("x")] });
    const middle = supervisor({ id: "middle", ...one, maxRestarts: 1, children: [inner] });
    const sup = await startSupervisor({ ...one, maxRestarts: 1, children: [middle] });
    // Each level allows one restart, so that x is started eight times before the root has had enough.
    for (let start = 1; start < 8; start++) await log.crash("x");
    log.ref("x").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
    expect(log.refs.get("x")).toHaveLength(8);
  });

  test("a child that fails at once, again and again, does not block the event loop", async () => {
    const sup = await startSupervisor({
      ...one,
      maxRestarts: 2000,
      // Longer than so many restarts take on any machine.
      maxSeconds: 3600,
      children: [
        actor({
          id: "a",
          init: (ctx) => ctx.self.dispatch("go"),
          receive: () => {
            throw new Error("at once");
          },
        }),
      ],
    });
    let turns = 0;
    const count = (): void => {
      turns++;
      if (sup.ref.alive) setImmediate(count);
    };
    setImmediate(count);
    expect(await sup.exited).toBe("shutdown");
    expect(turns).toBeGreaterThan(1000);
  });
});
