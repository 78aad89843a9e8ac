import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type ExitReason,
  type RestartType,
  startSupervisor,
  type Strategy,
} from "nebulex-streams/actor";
import { SimulatedClock } from "nebulex-streams/testing";
import { count, eventually, gate, one, quiet, Stage } from "./stage.js";

const many = { maxRestarts: 1000 };

describe("restart types", () => {
  const error = new Error("crash");
  const exits: [string, (ref: ActorRef<never>) => unknown, boolean][] = [
    ["ctx.stop()", (ref) => ref.dispatch({ end: "normal" } as never), true],
    ["ctx.stop('shutdown')", (ref) => ref.dispatch({ end: "shutdown" } as never), true],
    ["ref.stop()", (ref) => ref.stop(), true],
    ["ref.stop({ shutdown: undefined })", (ref) => ref.stop({ shutdown: undefined }), true],
    ["ref.stop({ shutdown: error })", (ref) => ref.stop({ shutdown: error }), true],
    ["ref.stop('crash')", (ref) => ref.stop("crash"), false],
    ["ref.stop('killed')", (ref) => ref.stop("killed"), false],
    ["ref.stop(null)", (ref) => ref.stop(null), false],
    ["ref.stop(symbol)", (ref) => ref.stop(Symbol("normal")), false],
    [
      "ref.stop(error with a field shutdown)",
      (ref) => ref.stop(Object.assign(new Error("e"), { shutdown: 1 })),
      false,
    ],
    ["ref.stop({ Shutdown })", (ref) => ref.stop({ Shutdown: 1 }), false],
    ["a crash", (ref) => ref.dispatch({ throw: error } as never), false],
    ["a thrown undefined", (ref) => ref.dispatch({ throw: undefined } as never), false],
    ["a thrown 'normal'", (ref) => ref.dispatch({ throw: "normal" } as never), true],
    ["kill", (ref) => ref.kill(), false],
  ];
  const types: RestartType[] = ["permanent", "transient", "temporary"];
  const cases = exits.flatMap(([name, end, clean]) =>
    types.map((restart) => ({
      name,
      end,
      restart,
      again: restart === "permanent" || (restart === "transient" && !clean),
    })),
  );

  test.each(cases)(
    "a $restart child that ends by $name is restarted: $again",
    async ({ end, restart, again }) => {
      const stage = new Stage();
      await using sup = await startSupervisor({
        ...one,
        children: [stage.worker("a", { restart }), stage.worker("b")],
      });
      const [a, b] = [stage.ref("a"), stage.ref("b")];
      void end(a as ActorRef<never>);
      await eventually(() => !a.alive);
      if (again) await eventually(() => stage.lives("a") === 2);
      else await quiet();
      expect(stage.lives("a")).toBe(again ? 2 : 1);
      expect(stage.ref("b")).toBe(b);
      const slots = (await sup.whichChildren()).map(({ id, ref }) => [id, ref]);
      const dropped = !again && restart === "temporary";
      expect(slots).toEqual([
        ...(dropped ? [] : [["a", again ? stage.ref("a") : undefined]]),
        ["b", b],
      ]);
    },
  );

  test("a new incarnation has a new ref, a new state and an empty mailbox; the old ref reaches nobody", async () => {
    const stage = new Stage();
    await using _sup = await startSupervisor({ ...one, children: [stage.worker("a")] });
    const old = stage.ref("a");
    expect(await count(old)).toBe(1);
    expect(await count(old)).toBe(2);
    old.dispatch({ throw: new Error("crash") });
    for (let n = 0; n < 10; n++) old.dispatch({ throw: new Error("from the old mailbox") });
    await eventually(() => stage.lives("a") === 2);
    expect(stage.ref("a")).not.toBe(old);
    expect([old.alive, old.path === stage.ref("a").path]).toEqual([false, true]);
    old.dispatch({ throw: new Error("to the dead") });
    await old.stop();
    await old.kill();
    await quiet();
    expect(await count(stage.ref("a"))).toBe(1);
    expect(stage.lives("a")).toBe(2);
  });
});

describe("strategies", () => {
  const cases: [Strategy, string, string[]][] = [
    ["one_for_one", "b", ["down b b", "up b"]],
    [
      "rest_for_one",
      "a",
      ["down a a", "down c shutdown", "down b shutdown", "up a", "up b", "up c"],
    ],
    ["rest_for_one", "b", ["down b b", "down c shutdown", "up b", "up c"]],
    ["rest_for_one", "c", ["down c c", "up c"]],
    [
      "one_for_all",
      "a",
      ["down a a", "down c shutdown", "down b shutdown", "up a", "up b", "up c"],
    ],
    [
      "one_for_all",
      "b",
      ["down b b", "down c shutdown", "down a shutdown", "up a", "up b", "up c"],
    ],
    [
      "one_for_all",
      "c",
      ["down c c", "down b shutdown", "down a shutdown", "up a", "up b", "up c"],
    ],
  ];

  test.each(cases)("%s, %s crashes: %j", async (strategy, id, tape) => {
    const stage = new Stage();
    const children = ["a", "b", "c"].map((name) => stage.worker(name));
    const sup = await startSupervisor({ strategy, children });
    stage.read();
    await stage.reborn(id);
    await eventually(async () => (await sup.countChildren()).active === 3);
    expect(stage.read()).toEqual(tape);
    await sup.stop();
    expect(stage.read()).toEqual(["down c shutdown", "down b shutdown", "down a shutdown"]);
  });

  test.each(["one_for_all", "rest_for_one"] as const)(
    "%s brings back who ended cleanly, was ignored or was terminated, and drops the temporary",
    async (strategy) => {
      const stage = new Stage();
      await using sup = await startSupervisor({
        strategy,
        children: [
          stage.worker("first"),
          stage.worker("clean", { restart: "transient" }),
          stage.fickle("ignored", (n) => (n === 1 ? "ignore" : "up")),
          stage.worker("terminated"),
          stage.worker("temporary", { restart: "temporary" }),
        ],
      });
      await stage.end("clean", { end: "normal" });
      await sup.terminateChild("terminated");
      await sup.startChild(stage.worker("added"));
      expect(await sup.countChildren()).toMatchObject({ specs: 6, active: 3 });
      stage.read();
      await stage.reborn("first");
      await eventually(async () => (await sup.countChildren()).active === 5);
      expect(stage.read()).toEqual([
        "down first first",
        "down added shutdown",
        "down temporary shutdown",
        "up first",
        "up clean",
        "up ignored",
        "up terminated",
        "up added",
      ]);
      expect((await sup.whichChildren()).map(({ id }) => id)).not.toContain("temporary");
    },
  );

  test("an exit that causes no restart disturbs nobody, and the group is not ended for it", async () => {
    const stage = new Stage();
    await using sup = await startSupervisor({
      strategy: "one_for_all",
      maxRestarts: 0,
      children: [
        stage.worker("a"),
        stage.worker("t", { restart: "transient" }),
        stage.worker("x", { restart: "temporary" }),
      ],
    });
    await stage.end("t", { end: { shutdown: "done" } });
    await stage.end("x", { throw: new Error("x") });
    await quiet();
    expect(stage.lives("a")).toBe(1);
    expect(stage.ref("a").alive).toBe(true);
    expect(await sup.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 });
  });

  test.each([
    ["one_for_one", ["a", "b"], 2],
    ["one_for_all", ["a", "b"], 1],
    ["one_for_all", ["b", "a"], 1],
    ["rest_for_one", ["a", "b"], 1],
    ["rest_for_one", ["b", "a"], 2],
  ] as const)("%s: %j die together, which counts %d", async (strategy, [first, second], counts) => {
    for (const maxRestarts of [counts - 1, counts]) {
      const stage = new Stage();
      const children = ["a", "b"].map((id) => stage.worker(id));
      const sup = await startSupervisor({ strategy, maxRestarts, children });
      let reason: ExitReason = "still up";
      void sup.exited.then((exit) => (reason = exit));
      void stage.ref(first).kill();
      void stage.ref(second).kill();
      await quiet();
      const up = maxRestarts >= counts;
      expect(reason).toBe(up ? "still up" : "shutdown");
      expect(["a", "b"].map((id) => stage.ref(id).alive)).toEqual([up, up]);
      await sup.stop();
    }
  });

  test("a group restart obeys shutdown settings, and is what requests wait for", async () => {
    const stage = new Stage();
    const clock = new SimulatedClock();
    const hold = gate();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      clock,
      ...many,
      children: [
        stage.worker("a"),
        stage.worker("slow", { shutdown: 100, terminate: () => new Promise(() => {}) }),
        stage.worker("brutal", { shutdown: "brutal_kill" }),
        stage.worker("patient", { shutdown: "infinity", terminate: () => hold.promise }),
      ],
    });
    stage.read();
    await stage.end("a", { throw: new Error("a") });
    let answered = false;
    const asked = sup.countChildren().finally(() => (answered = true));
    await clock.advance(1_000_000);
    expect([stage.ref("patient").alive, stage.ref("brutal").alive]).toEqual([true, true]);
    hold.open();
    await eventually(() => !stage.ref("brutal").alive);
    await clock.advance(99);
    expect([stage.ref("slow").alive, answered]).toEqual([true, false]);
    await clock.advance(1);
    expect(await asked).toMatchObject({ active: 4 });
    expect(stage.read()).toEqual([
      "down a a",
      "down patient shutdown",
      "up a",
      "up slow",
      "up brutal",
      "up patient",
    ]);
    void sup.ref.kill();
  });
});
