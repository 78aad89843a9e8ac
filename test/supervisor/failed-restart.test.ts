import { describe, expect, test } from "@jest/globals";
import { type Strategy, startSupervisor, type Supervisor } from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Listener, Log, rest, until } from "../helpers/actors.js";

const patient = { maxRestarts: 1_000_000, maxSeconds: 1000 };

/** A supervisor of a, x, c where x, once it has crashed, does not come up again before it is repaired. */
class Failing {
  readonly log = new Log();
  broken = true;
  sup!: Supervisor;
  readonly x = this.log.fickle("x", (start) => (start > 1 && this.broken ? "fail" : "up"));

  async start(strategy: Strategy): Promise<this> {
    const { log } = this;
    this.sup = await startSupervisor({
      strategy,
      ...patient,
      clock: new SimulatedClock(),
      children: [log.worker("a"), this.x, log.worker("c")],
    });
    log.take();
    return this;
  }

  /** Brings x down; returns when it has failed to start a few times. */
  async breakDown(by = "x"): Promise<void> {
    this.log.ref(by).dispatch("crash");
    const before = this.x.starts();
    await until(() => this.x.starts() > before + 3);
  }

  async states(): Promise<unknown[]> {
    return (await this.sup.whichChildren()).map(({ id, ref }) =>
      ref === undefined || ref === "restarting" ? ref : ref === this.log.ref(id) && ref.alive,
    );
  }
}

describe("a child that does not come up again", () => {
  test("is tried again and again, with requests served in between", async () => {
    const failing = await new Failing().start("one_for_one");
    await failing.breakDown();
    const before = failing.x.starts();
    expect(await failing.states()).toEqual([true, "restarting", true]);
    await until(() => failing.x.starts() > before + 3);
    failing.broken = false;
    await until(() => failing.log.ref("x").alive);
    expect(await failing.states()).toEqual([true, true, true]);
    const starts = failing.x.starts();
    await rest();
    expect(failing.x.starts()).toBe(starts);
    await failing.sup.stop();
  });

  test("every try counts, and is for the child that failed to start", async () => {
    using restarts = new Listener<{ childId: string; attempt: number; reason: Error }>(
      "nebulex.supervisor.restart",
    );
    const failing = await new Failing().start("one_for_all");
    await failing.breakDown("a");
    await failing.sup.stop();
    const seen = restarts.messages.slice(0, 3);
    expect(seen.map(({ childId, attempt, reason }) => [childId, attempt, reason.message])).toEqual([
      ["a", 1, "crash of a"],
      ["x", 2, "start 2 of x failed"],
      ["x", 3, "start 3 of x failed"],
    ]);
  });

  test("the event loop turns between two tries", async () => {
    const failing = await new Failing().start("one_for_one");
    failing.log.ref("x").dispatch("crash");
    let turns = 0;
    const count = (): void => {
      turns++;
      if (failing.broken) setImmediate(count);
    };
    setImmediate(count);
    await until(() => failing.x.starts() > 50);
    expect(turns).toBeGreaterThan(40);
    failing.broken = false;
    await failing.sup.stop();
  });

  test("what the others say meanwhile", async () => {
    const failing = await new Failing().start("one_for_one");
    await failing.breakDown();
    const { sup, log } = failing;
    expect(await sup.countChildren()).toEqual({ specs: 3, active: 2, supervisors: 0, workers: 3 });
    expect(await failure(sup.startChild(log.worker("x")))).toMatchObject({
      reason: "already_present",
      childId: "x",
    });
    expect(await failure(sup.restartChild("x"))).toMatchObject({ reason: "restarting" });
    expect(await failure(sup.deleteChild("x"))).toMatchObject({ reason: "restarting" });
    await sup.stop();
  });
});

describe("breaking off", () => {
  test("terminateChild cancels the restart, and restartChild can bring it back", async () => {
    const failing = await new Failing().start("one_for_one");
    await failing.breakDown();
    await failing.sup.terminateChild("x");
    const starts = failing.x.starts();
    await rest();
    expect(failing.x.starts()).toBe(starts);
    expect(await failing.states()).toEqual([true, undefined, true]);
    failing.broken = false;
    expect(await failing.sup.restartChild("x")).toBe(failing.log.ref("x"));
    await failing.sup.stop();
  });

  test("a stale try does nothing: terminated, deleted and added, or revived in between", async () => {
    const failing = await new Failing().start("one_for_one");
    await failing.breakDown();
    failing.broken = false;
    const { sup, log } = failing;
    await Promise.all([
      sup.terminateChild("x"),
      sup.deleteChild("x"),
      sup.startChild(failing.x),
      sup.terminateChild("x"),
      sup.restartChild("x"),
    ]);
    const [ref, starts] = [log.ref("x"), failing.x.starts()];
    await rest();
    expect([log.ref("x"), failing.x.starts()]).toEqual([ref, starts]);
    expect(ref.alive).toBe(true);
    await sup.stop();
  });

  test.each(["one_for_one", "one_for_all", "rest_for_one"] as const)(
    "a stop ends it: %s",
    async (strategy) => {
      const failing = await new Failing().start(strategy);
      await failing.breakDown();
      await failing.sup.stop();
      const starts = failing.x.starts();
      failing.broken = false;
      await rest();
      expect(failing.x.starts()).toBe(starts);
    },
  );

  test("a kill ends it", async () => {
    const failing = await new Failing().start("one_for_one");
    await failing.breakDown();
    await failing.sup.ref.kill();
    const starts = failing.x.starts();
    await rest();
    expect(failing.x.starts()).toBe(starts);
  });

  test("a stop overtakes a restart that hangs", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      children: [
        log.worker("a"),
        log.fickle("b", (start) => (start > 1 ? new Promise(() => {}) : "up")),
        log.worker("c"),
      ],
    });
    log.take();
    log.ref("c").dispatch("crash");
    await until(() => log.lines.length === 4);
    await rest();
    await sup.stop();
    expect(log.take()).toEqual([
      "-c:crash of c",
      "-b:shutdown",
      "-a:shutdown",
      "+a",
      "-a:shutdown",
    ]);
  });
});

describe("groups", () => {
  test("rest_for_one leaves what came up before the failing start, and tries from there", async () => {
    const failing = await new Failing().start("rest_for_one");
    const { log } = failing;
    await failing.breakDown("a");
    const a = log.ref("a");
    expect(await failing.states()).toEqual([true, "restarting", undefined]);
    expect(log.take()).toEqual(["-a:crash of a", "-c:shutdown", "-x:shutdown", "+a"]);
    await log.reborn("c", () => (failing.broken = false));
    expect(log.take()).toEqual(["+x", "+c"]);
    expect(log.ref("a")).toBe(a);
    await failing.sup.stop();
  });

  test("one_for_all ends what came up, and begins again from the first", async () => {
    const failing = await new Failing().start("one_for_all");
    const { log } = failing;
    log.ref("a").dispatch("crash");
    await until(() => failing.x.starts() === 4);
    const lines = log.lines.slice(0, 8);
    expect(lines).toEqual([
      "-a:crash of a",
      "-c:shutdown",
      "-x:shutdown",
      "+a",
      "-a:shutdown",
      "+a",
      "-a:shutdown",
      "+a",
    ]);
    expect(await failing.states()).toEqual([true, "restarting", undefined]);
    await log.reborn("c", () => (failing.broken = false));
    expect(await failing.states()).toEqual([true, true, true]);
    await failing.sup.stop();
  });

  test("a crash before the restarting child revives it with its group, and its own try is stale", async () => {
    const log = new Log();
    const x = log.fickle("x", (start) => {
      if (start !== 2) return "up";
      void log.ref("a").kill();
      return "fail";
    });
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [log.worker("a"), x, log.worker("c")],
    });
    log.take();
    await log.reborn("c", () => log.ref("x").dispatch("crash"));
    await rest();
    expect(log.take()).toEqual(["-x:crash of x", "-c:shutdown", "+a", "+x", "+c"]);
    expect(x.starts()).toBe(3);
    await sup.stop();
  });
});

describe("a start that fails for ever", () => {
  test.each([0, 1, 5])("is tried exactly %d times", async (maxRestarts) => {
    const log = new Log();
    const x = log.fickle("x", (start) => (start > 1 ? "fail" : "up"));
    const sup = await startSupervisor({
      strategy: "one_for_one",
      maxRestarts,
      children: [log.worker("a"), x],
    });
    log.ref("x").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
    expect(x.starts()).toBe(1 + maxRestarts);
    expect(log.take()).toEqual(["+a", "+x", "-x:crash of x", "-a:shutdown"]);
  });
});
