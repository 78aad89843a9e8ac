import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  createSystem,
  type ExitReason,
  type ReplyTo,
  type RestartType,
  spawn,
  startSupervisor,
  type Strategy,
  supervisor,
} from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Gate, Listener, Log, type Order, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;

interface Report {
  supervisor: ActorRef;
  childId: string;
  ref: ActorRef;
  reason: ExitReason;
}

const throwing = (error: unknown) => (ref: ActorRef<Order>) =>
  ref.dispatch(() => {
    throw error;
  });
const stopping = (reason: ExitReason) => (ref: ActorRef<Order>) => ref.stop(reason);

/** Every way in which a child ends without being asked, and whether it is a clean one. */
const exits: { name: string; end: (ref: ActorRef<Order>) => unknown; clean: boolean }[] = [
  { name: "normal", end: (ref) => ref.stop(), clean: true },
  { name: "shutdown", end: stopping("shutdown"), clean: true },
  { name: "{ shutdown }", end: stopping({ shutdown: "done" }), clean: true },
  { name: "{ shutdown: undefined }", end: stopping({ shutdown: undefined }), clean: true },
  { name: "{ shutdown: an error }", end: stopping({ shutdown: new Error("e") }), clean: true },
  { name: "its own stop", end: (ref) => ref.dispatch("stop"), clean: true },
  { name: "a thrown 'normal'", end: throwing("normal"), clean: true },
  { name: "a kill", end: (ref) => ref.kill(), clean: false },
  { name: "a stop with the reason of a kill", end: stopping("killed"), clean: false },
  { name: "another reason", end: stopping("tired"), clean: false },
  { name: "null", end: stopping(null), clean: false },
  { name: "a symbol", end: stopping(Symbol("normal")), clean: false },
  { name: "{ Shutdown }", end: stopping({ Shutdown: 1 }), clean: false },
  {
    name: "an error with a field shutdown",
    end: stopping(Object.assign(new Error("e"), { shutdown: 1 })),
    clean: false,
  },
  { name: "a crash", end: (ref) => ref.dispatch("crash"), clean: false },
  { name: "a thrown undefined", end: throwing(undefined), clean: false },
];

describe("which children are restarted", () => {
  const cases = exits.flatMap((exit) =>
    (["permanent", "transient", "temporary"] as const).map((restart) => ({ ...exit, restart })),
  );
  const isRestarted = (restart: RestartType, clean: boolean): boolean =>
    restart === "permanent" || (restart === "transient" && !clean);

  test.each(cases)("a $restart child that ends by $name", async ({ restart, end, clean }) => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a", { restart }), log.worker("b")],
    });
    const [a, b] = [log.ref("a"), log.ref("b")];
    end(a);
    await until(() => !a.alive);
    await rest();
    const due = isRestarted(restart, clean);
    expect(log.ref("a") === a).toBe(!due);
    const slot = { id: "a", ref: due ? log.ref("a") : undefined, type: "worker" };
    const other = { id: "b", ref: b, type: "worker" };
    expect(await sup.whichChildren()).toEqual(restart === "temporary" ? [other] : [slot, other]);
    expect(log.ref("b")).toBe(b);
    await sup.stop();
  });

  test("a transient child that ended cleanly can be brought back", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a", { restart: "transient" })],
    });
    await log.ref("a").stop();
    const ref = await sup.restartChild("a");
    expect(ref).toBe(log.ref("a"));
    expect(ref?.alive).toBe(true);
    await sup.stop();
  });

  test("the id of a temporary child is free at once", async () => {
    const log = new Log();
    const worker = log.worker("a", { restart: "temporary" });
    const sup = await startSupervisor({ ...one, children: [worker] });
    await log.ref("a").kill();
    expect(await sup.startChild(worker)).toBe(log.ref("a"));
    await sup.stop();
  });

  test.each(["one_for_all", "rest_for_one"] as const)(
    "exits that cause no restart are not counted and do not affect others: %s",
    async (strategy) => {
      const log = new Log();
      const sup = await startSupervisor({
        strategy,
        maxRestarts: 0,
        children: [
          log.worker("t1", { restart: "temporary" }),
          log.worker("t2", { restart: "transient" }),
          log.worker("a"),
        ],
      });
      await log.ref("t1").kill();
      await log.ref("t2").stop();
      await rest();
      expect(log.take()).toEqual(["+t1", "+t2", "+a", "-t2:normal"]);
      expect(sup.ref.alive).toBe(true);
      expect(await sup.countChildren()).toEqual({
        specs: 2,
        active: 1,
        supervisors: 0,
        workers: 2,
      });
      await sup.stop();
    },
  );

  test("a new incarnation has a new ref, a new state and an empty mailbox; the old ref reaches no actor", async () => {
    type Message = ReplyTo<number> | "crash";
    const refs: ActorRef<Message>[] = [];
    const counter = actor<number, Message>({
      id: "a",
      init: (ctx) => {
        refs.push(ctx.self);
        return 0;
      },
      receive: (count, message) => {
        if (message === "crash") throw new Error("crash");
        message.dispatch(count + 1);
        return count + 1;
      },
    });
    const countOf = (ref: ActorRef<Message>): Promise<number> =>
      ref.query((reply: ReplyTo<number>): Message => reply, 5000);
    const sup = await startSupervisor({ ...one, children: [counter] });
    const [old] = refs as [ActorRef<Message>];
    expect([await countOf(old), await countOf(old)]).toEqual([1, 2]);
    for (let n = 0; n < 10; n++) old.dispatch("crash");
    await until(() => refs.length === 2);
    const [, next] = refs as [unknown, ActorRef<Message>];
    expect(next).not.toBe(old);
    expect([old.alive, old.path === next.path]).toEqual([false, true]);
    old.dispatch("crash");
    await old.stop();
    await old.kill();
    await rest();
    expect(await countOf(next)).toBe(1);
    expect(refs).toHaveLength(2);
    await sup.stop();
  });
});

describe("exits that are no failure", () => {
  test("of a stranger, and of an earlier incarnation", async () => {
    const log = new Log();
    const system = createSystem();
    const refs: ActorRef[] = [];
    for (const id of ["x", "y"]) refs.push((await spawn(system, log.behavior(id))) as ActorRef);
    const [x, y] = refs as [ActorRef, ActorRef];
    const supply = [x, y, x];
    const sup = await startSupervisor({
      ...one,
      system,
      children: [{ id: "a", start: async () => supply.shift() as ActorRef, restart: "transient" }],
    });
    await sup.terminateChild("a");
    await sup.restartChild("a");
    expect(x.alive).toBe(false);
    sup.ref.dispatch({ exit: y });
    sup.ref.dispatch("junk");
    sup.ref.dispatch(undefined);
    await rest();
    expect(await sup.whichChildren()).toEqual([{ id: "a", ref: y, type: "worker" }]);
    await sup.stop();
    await system.stop();
  });

  test("what the supervisor itself caused", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, maxRestarts: 0, children: [log.worker("a")] });
    await sup.terminateChild("a");
    await rest();
    expect(log.take()).toEqual(["+a", "-a:shutdown"]);
    expect(sup.ref.alive).toBe(true);
    await sup.stop();
  });
});

describe("reports", () => {
  test.each(exits)("of a child that ends by $name", async ({ end, clean }) => {
    using reports = new Listener<Report>("nebulex.supervisor.child_terminated");
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [
        log.worker("permanent"),
        log.worker("transient", { restart: "transient" }),
        log.worker("temporary", { restart: "temporary" }),
      ],
    });
    const refs = ["permanent", "transient", "temporary"].map((id) => log.ref(id));
    for (const ref of refs) {
      end(ref);
      await until(() => !ref.alive);
      await rest();
    }
    expect(reports.messages.map(({ childId }) => childId)).toEqual(
      clean ? ["permanent"] : ["permanent", "transient", "temporary"],
    );
    for (const [index, message] of reports.messages.entries()) {
      expect(message.supervisor).toBe(sup.ref);
      expect(message.ref).toBe(refs[index]);
    }
    await sup.stop();
  });

  test("of a restart: its number within the window, and what it is about", async () => {
    using reports = new Listener<Report & { attempt: number }>("nebulex.supervisor.restart");
    using gaveUp = new Listener<Report>("nebulex.supervisor.gave_up");
    const log = new Log();
    const sup = await startSupervisor({ ...one, maxRestarts: 2, children: [log.worker("a")] });
    const first = log.ref("a");
    await log.crash("a");
    await log.crash("a");
    const last = log.ref("a");
    last.dispatch("crash");
    await sup.exited;
    expect(reports.messages.map(({ attempt }) => attempt)).toEqual([1, 2]);
    expect(reports.messages[0]).toEqual({
      supervisor: sup.ref,
      childId: "a",
      ref: first,
      reason: new Error("crash of a"),
      attempt: 1,
    });
    expect(gaveUp.messages).toEqual([
      { supervisor: sup.ref, childId: "a", ref: last, reason: new Error("crash of a") },
    ]);
  });
});

describe("strategies", () => {
  const [aEnds, bEnds, cEnds] = ["-a:shutdown", "-b:shutdown", "-c:shutdown"];
  const cases: [Strategy, string, string[]][] = [
    ["one_for_one", "b", ["-b:crash of b", "+b"]],
    ["rest_for_one", "a", ["-a:crash of a", cEnds, bEnds, "+a", "+b", "+c"]],
    ["rest_for_one", "b", ["-b:crash of b", cEnds, "+b", "+c"]],
    ["rest_for_one", "c", ["-c:crash of c", "+c"]],
    ["one_for_all", "a", ["-a:crash of a", cEnds, bEnds, "+a", "+b", "+c"]],
    ["one_for_all", "b", ["-b:crash of b", cEnds, aEnds, "+a", "+b", "+c"]],
    ["one_for_all", "c", ["-c:crash of c", bEnds, aEnds, "+a", "+b", "+c"]],
  ];

  test.each(cases)("%s, %s crashes: %j", async (strategy, failed, lines) => {
    const log = new Log();
    const ids = ["a", "b", "c"];
    const sup = await startSupervisor({ strategy, children: ids.map((id) => log.worker(id)) });
    const before = new Map(ids.map((id) => [id, log.ref(id)]));
    log.take();
    log.ref(failed).dispatch("crash");
    await until(() => log.lines.length >= lines.length);
    await rest();
    expect(log.take()).toEqual(lines);
    const untouched = ids.filter((id) => !lines.includes(`+${id}`));
    expect(ids.filter((id) => log.ref(id) === before.get(id))).toEqual(untouched);
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(ids);
    await sup.stop();
    expect(log.take()).toEqual(ids.reverse().map((id) => `-${id}:shutdown`));
  });

  test("a restarted child keeps its place", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [log.worker("a"), log.worker("b"), log.worker("c")],
    });
    await log.crash("a");
    log.take();
    await sup.stop();
    expect(log.take()).toEqual(["-c:shutdown", "-b:shutdown", "-a:shutdown"]);
  });

  test.each(["one_for_all", "rest_for_one"] as const)(
    "each is ended by its own setting: %s",
    async (strategy) => {
      const log = new Log();
      const sup = await startSupervisor({
        strategy,
        children: [log.worker("a"), log.worker("b", { shutdown: "brutal_kill" })],
      });
      log.take();
      await log.reborn("b", () => log.ref("a").dispatch("crash"));
      expect(log.take()).toEqual(["-a:crash of a", "+a", "+b"]);
      await sup.stop();
    },
  );

  test.each(["one_for_all", "rest_for_one"] as const)(
    "a group restart starts the dead slots of the group, and what was added: %s",
    async (strategy) => {
      const log = new Log();
      const sup = await startSupervisor({
        strategy,
        children: [
          log.worker("a"),
          log.worker("ended", { restart: "transient" }),
          log.fickle("ignored", (start) => (start === 1 ? "ignore" : "up")),
          supervisor({ id: "sup", ...one, children: [log.worker("inner")], restart: "transient" }),
        ],
      });
      await log.ref("ended").stop();
      await sup.terminateChild("sup");
      await sup.startChild(log.worker("added"));
      expect(await sup.countChildren()).toMatchObject({ specs: 5, active: 2 });
      log.take();
      await log.reborn("added", () => log.ref("a").dispatch("crash"));
      const starts = ["+a", "+ended", "+ignored", "+inner", "+added"];
      expect(log.take()).toEqual(["-a:crash of a", "-added:shutdown", ...starts]);
      await sup.stop();
    },
  );

  test("rest_for_one leaves dead slots before the failed child alone", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      strategy: "rest_for_one",
      children: [log.worker("a"), log.worker("b")],
    });
    await sup.terminateChild("a");
    await log.crash("b");
    expect(await sup.countChildren()).toMatchObject({ specs: 2, active: 1 });
    await sup.stop();
  });

  test("a group restart counts once", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      maxRestarts: 2,
      children: [log.worker("a"), log.worker("b"), log.worker("c")],
    });
    await log.reborn("c", () => log.ref("a").dispatch("crash"));
    await log.reborn("c", () => log.ref("b").dispatch("crash"));
    expect(sup.ref.alive).toBe(true);
    log.ref("c").dispatch("crash");
    expect(await sup.exited).toBe("shutdown");
  });

  describe("two children die together", () => {
    const both: [Strategy, [string, string], number][] = [
      ["one_for_one", ["a", "b"], 2],
      ["one_for_all", ["a", "b"], 1],
      ["one_for_all", ["b", "a"], 1],
      ["rest_for_one", ["a", "b"], 1],
      ["rest_for_one", ["b", "a"], 2],
    ];
    test.each(both)("%s, %p: counted %d times", async (strategy, [first, second], times) => {
      using restarts = new Listener<Report>("nebulex.supervisor.restart");
      const log = new Log();
      const sup = await startSupervisor({
        strategy,
        children: [log.worker("a"), log.worker("b"), log.worker("c")],
      });
      await Promise.all([log.ref(first).kill(), log.ref(second).kill()]);
      await until(async () => (await sup.countChildren()).active === 3);
      await rest();
      expect(restarts.messages).toHaveLength(times);
      expect((await sup.whichChildren()).map(({ ref }) => ref)).toEqual(
        ["a", "b", "c"].map((id) => log.ref(id)),
      );
      await sup.stop();
    });

    test("a child that dies of itself while its group is ended is absorbed, and reported", async () => {
      using reports = new Listener<Report>("nebulex.supervisor.child_terminated");
      using restarts = new Listener<Report>("nebulex.supervisor.restart");
      const log = new Log();
      const gate = new Gate();
      const sup = await startSupervisor({
        strategy: "one_for_all",
        children: [
          log.worker("a"),
          log.worker("b"),
          log.worker("c", { terminate: () => gate.promise }),
        ],
      });
      log.ref("a").dispatch("crash");
      await until(() => restarts.messages.length === 1);
      await rest();
      await log.ref("b").kill();
      await log.reborn("b", () => gate.open());
      await rest();
      expect(restarts.messages).toHaveLength(1);
      expect(reports.messages.map(({ childId }) => childId)).toEqual(["a", "b"]);
      await sup.stop();
    });
  });

  test("a group restart starts one after the other", async () => {
    const log = new Log();
    const gate = new Gate();
    let starts = 0;
    const sup = await startSupervisor({
      strategy: "one_for_all",
      children: [
        log.worker("a", {
          init: async () => {
            if (++starts === 2) await gate.promise;
            return "a";
          },
        }),
        log.worker("b"),
      ],
    });
    log.take();
    log.ref("b").dispatch("crash");
    await until(() => log.lines.length === 2);
    await rest();
    expect(log.take()).toEqual(["-b:crash of b", "-a:shutdown"]);
    await log.reborn("b", () => gate.open());
    expect(log.take()).toEqual(["+a", "+b"]);
    await sup.stop();
  });

  test("ignore on a restart is a success", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      maxRestarts: 1,
      children: [
        log.worker("a"),
        log.fickle("b", (start) => (start === 1 ? "up" : "ignore")),
        log.worker("c"),
      ],
    });
    await log.reborn("c", () => log.ref("b").dispatch("crash"));
    await rest();
    expect(await sup.whichChildren()).toEqual([
      { id: "a", ref: log.ref("a"), type: "worker" },
      { id: "b", ref: undefined, type: "worker" },
      { id: "c", ref: log.ref("c"), type: "worker" },
    ]);
    await sup.stop();
  });

  test.each(["one_for_all", "rest_for_one"] as const)(
    "temporary siblings are gone for good: %s",
    async (strategy) => {
      const log = new Log();
      const sup = await startSupervisor({
        strategy,
        children: [log.worker("a"), log.worker("t", { restart: "temporary" }), log.worker("b")],
      });
      log.take();
      await log.reborn("b", () => log.ref("a").dispatch("crash"));
      expect(log.take()).toEqual(["-a:crash of a", "-b:shutdown", "-t:shutdown", "+a", "+b"]);
      expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["a", "b"]);
      await sup.stop();
    },
  );

  test("a group restart obeys shutdown settings, and is what requests wait for", async () => {
    const log = new Log();
    const clock = new SimulatedClock();
    const gate = new Gate();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      clock,
      children: [
        log.worker("a"),
        log.worker("slow", { shutdown: 100, terminate: () => new Promise(() => {}) }),
        log.worker("brutal", { shutdown: "brutal_kill" }),
        log.worker("patient", { shutdown: "infinity", terminate: () => gate.promise }),
      ],
    });
    log.take();
    log.ref("a").dispatch("crash");
    await until(() => !log.ref("a").alive);
    let answered = false;
    const asked = sup.countChildren().finally(() => (answered = true));
    await clock.advance(1_000_000);
    expect([log.ref("patient").alive, log.ref("brutal").alive]).toEqual([true, true]);
    gate.open();
    await until(() => !log.ref("brutal").alive);
    await clock.advance(99);
    expect([log.ref("slow").alive, answered]).toEqual([true, false]);
    await clock.advance(1);
    expect(await asked).toEqual({ specs: 4, active: 4, supervisors: 0, workers: 4 });
    const ends = ["-a:crash of a", "-patient:shutdown"];
    expect(log.take()).toEqual([...ends, "+a", "+slow", "+brutal", "+patient"]);
    void sup.ref.kill();
  });
});
