import { describe, expect, test } from "@jest/globals";
import {
  actor,
  createSystem,
  OptionError,
  spawn,
  startSupervisor,
  supervisor,
  type Supervisor,
  supervisorOf,
} from "../../src/actor.js";
import { failure, Gate, Log, rest } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;

function refused(reason: string, childId?: string): object {
  return { code: "E_SUPERVISOR", reason, ...(childId === undefined ? {} : { childId }) };
}

async function start(log: Log): Promise<Supervisor> {
  const sup = await startSupervisor({
    ...one,
    children: [
      log.worker("a"),
      log.worker("b", { restart: "transient" }),
      supervisor({ id: "s", ...one, children: [] }),
    ],
  });
  log.take();
  return sup;
}

describe("startChild", () => {
  test("starts a new child behind the others", async () => {
    const log = new Log();
    const sup = await start(log);
    expect(await sup.startChild(log.worker("c"))).toBe(log.ref("c"));
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["a", "b", "s", "c"]);
    await sup.stop();
  });

  test("refuses an id that is running, or known", async () => {
    const log = new Log();
    const sup = await start(log);
    expect(await failure(sup.startChild(log.worker("a")))).toMatchObject({
      ...refused("already_started", "a"),
      ref: log.ref("a"),
    });
    await log.ref("b").stop();
    expect(await failure(sup.startChild(log.worker("b", { shutdown: 7 })))).toMatchObject(
      refused("already_present", "b"),
    );
    expect(await sup.getChildSpec("b")).toMatchObject({ shutdown: 5000 });
    await sup.stop();
  });

  test("a start that fails rejects, and is neither kept nor retried", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, maxRestarts: 0, children: [] });
    const failing = log.fickle("c", () => "fail");
    for (let attempt = 1; attempt <= 3; attempt++)
      expect(await failure(sup.startChild(failing))).toMatchObject({
        ...refused("failed_to_start_child", "c"),
        cause: new Error(`start ${attempt} of c failed`),
      });
    await rest();
    expect(failing.starts()).toBe(3);
    expect(await sup.whichChildren()).toEqual([]);
    expect(await failure(sup.getChildSpec("c"))).toMatchObject(refused("not_found", "c"));
    await sup.startChild(log.worker("c"));
    await sup.stop();
  });

  test("ignore returns undefined, and the spec stays unless it is temporary", async () => {
    const log = new Log();
    const sup = await start(log);
    expect(await sup.startChild(log.fickle("c", () => "ignore"))).toBeUndefined();
    const temporary = log.fickle("d", () => "ignore", { restart: "temporary" });
    expect(await sup.startChild(temporary)).toBeUndefined();
    expect((await sup.whichChildren()).slice(3)).toEqual([
      { id: "c", ref: undefined, type: "worker" },
    ]);
    await sup.stop();
  });
});

describe("terminateChild", () => {
  test("ends a child and keeps its slot, unless it is temporary; a dead slot is fine", async () => {
    const log = new Log();
    const sup = await start(log);
    await sup.startChild(log.worker("t", { restart: "temporary" }));
    for (const id of ["a", "a", "t"]) expect(await sup.terminateChild(id)).toBeUndefined();
    expect(log.take()).toEqual(["+t", "-a:shutdown", "-t:shutdown"]);
    expect((await sup.whichChildren())[0]).toEqual({ id: "a", ref: undefined, type: "worker" });
    expect(await failure(sup.terminateChild("t"))).toMatchObject(refused("not_found", "t"));
    expect(await sup.startChild(log.worker("t"))).toBe(log.ref("t"));
    await sup.stop();
  });

  test("returns when the child is dead", async () => {
    const log = new Log();
    const gate = new Gate();
    const slow = log.worker("slow", { terminate: () => gate.promise });
    const sup = await startSupervisor({ ...one, children: [slow] });
    let ended = false;
    const terminated = sup.terminateChild("slow").then(() => (ended = true));
    await rest();
    expect(ended).toBe(false);
    gate.open();
    await terminated;
    expect(log.ref("slow").alive).toBe(false);
    await sup.stop();
  });
});

test("no request knows a ref, nor anything else that is no id", async () => {
  const log = new Log();
  const sup = await startSupervisor({ ...one, children: [log.worker("0")] });
  const strangers = [log.ref("0"), sup.ref, "z", 0, undefined, Symbol("0"), Object.create(null)];
  for (const ask of ["terminateChild", "restartChild", "deleteChild", "getChildSpec"] as const)
    for (const id of strangers)
      expect(await failure(sup[ask](id as never))).toMatchObject(refused("not_found"));
  expect(log.ref("0").alive).toBe(true);
  await sup.stop();
});

test("ids may be any text that is not empty, and are compared to the last letter", async () => {
  const log = new Log();
  const long = "x".repeat(10_000);
  const odd = [" ", "/", "a/b", "a:b", "#", "..", "__proto__", "constructor", "\0", "🦊", "Ünï"];
  const ids = [...odd, long, `${long}y`, "0", "false"];
  const sup = await startSupervisor({ ...one, children: ids.map((id) => log.worker(id)) });
  expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(ids);
  for (const id of ["__proto__", "\0", "🦊"]) await log.crash(id);
  await sup.terminateChild(long);
  expect(log.ref(`${long}y`).alive).toBe(true);
  expect(log.ref(long).id).toBe(long);
  await sup.stop();
});

describe("restartChild and deleteChild", () => {
  test("restartChild starts a dead slot, and refuses a child that runs or is unknown", async () => {
    const log = new Log();
    let outcome: "up" | "fail" | "ignore" = "up";
    const sup = await startSupervisor({
      ...one,
      maxRestarts: 0,
      children: [log.fickle("a", () => outcome), log.worker("b")],
    });
    expect(await failure(sup.restartChild("a"))).toMatchObject({
      ...refused("running", "a"),
      ref: log.ref("a"),
    });
    expect(await failure(sup.restartChild("z"))).toMatchObject(refused("not_found", "z"));
    await sup.terminateChild("a");
    outcome = "fail";
    for (let attempt = 2; attempt < 4; attempt++)
      expect(await failure(sup.restartChild("a"))).toMatchObject({
        ...refused("failed_to_start_child", "a"),
        cause: new Error(`start ${attempt} of a failed`),
      });
    await rest();
    expect((await sup.whichChildren())[0]).toEqual({ id: "a", ref: undefined, type: "worker" });
    outcome = "ignore";
    expect(await sup.restartChild("a")).toBeUndefined();
    outcome = "up";
    expect(await sup.restartChild("a")).toBe(log.ref("a"));
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["a", "b"]);
    await sup.stop();
  });

  test("deleteChild removes a dead slot, and refuses a child that runs or is unknown", async () => {
    const log = new Log();
    const sup = await start(log);
    expect(await failure(sup.deleteChild("a"))).toMatchObject(refused("running", "a"));
    expect(await failure(sup.deleteChild("z"))).toMatchObject(refused("not_found", "z"));
    await sup.terminateChild("a");
    expect(await sup.deleteChild("a")).toBeUndefined();
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["b", "s"]);
    await sup.startChild(log.worker("a"));
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["b", "s", "a"]);
    await sup.stop();
  });
});

describe("lists, counts and the order of requests", () => {
  test("whichChildren in start order, countChildren by kind", async () => {
    const log = new Log();
    const sup = await start(log);
    const nested = (await sup.whichChildren())[2]?.ref;
    await log.ref("b").stop();
    expect(await sup.whichChildren()).toEqual([
      { id: "a", ref: log.ref("a"), type: "worker" },
      { id: "b", ref: undefined, type: "worker" },
      { id: "s", ref: nested, type: "supervisor" },
    ]);
    expect(await sup.countChildren()).toEqual({ specs: 3, active: 2, supervisors: 1, workers: 2 });
    await sup.terminateChild("s");
    expect((await sup.whichChildren())[2]).toEqual({ id: "s", ref: undefined, type: "supervisor" });
    expect(await sup.countChildren()).toEqual({ specs: 3, active: 1, supervisors: 1, workers: 2 });
    await sup.stop();
  });

  test("requests are served one at a time, in the order of arrival", async () => {
    const log = new Log();
    const gate = new Gate();
    const sup = await start(log);
    const slow = log.worker("slow", { init: async () => gate.promise.then(() => "slow") });
    const served: string[] = [];
    const all = [
      sup.startChild(slow).then(() => served.push("start slow")),
      sup.terminateChild("slow").then(() => served.push("terminate slow")),
      sup.countChildren().then(({ active }) => served.push(`count ${active}`)),
      failure(sup.deleteChild("a")).then(() => served.push("delete a")),
      sup.startChild(log.worker("c")).then(() => served.push("start c")),
    ];
    await rest();
    expect(served).toEqual([]);
    gate.open();
    await Promise.all(all);
    expect(served).toEqual(["start slow", "terminate slow", "count 3", "delete a", "start c"]);
    await sup.stop();
  });

  test("all of them are refused by a dead supervisor, also wrong ones", async () => {
    const log = new Log();
    const sup = await start(log);
    await sup.stop();
    for (const asked of [
      sup.startChild(log.worker("c")),
      sup.startChild(undefined as never),
      sup.restartChild("a"),
      sup.terminateChild("a"),
      sup.deleteChild("a"),
      sup.getChildSpec("a"),
      sup.whichChildren(),
      sup.countChildren(),
    ])
      expect(await failure(asked)).toMatchObject({ ...refused("noproc"), ref: sup.ref });
  });
});

describe("supervisorOf", () => {
  test("returns the one handle of a running supervisor", async () => {
    const log = new Log();
    const sup = await start(log);
    expect(supervisorOf(sup.ref)).toBe(sup);
    const ref = (await sup.whichChildren())[2]?.ref as typeof sup.ref;
    const nested = supervisorOf(ref);
    expect([nested.ref, nested.system]).toEqual([ref, sup.system]);
    expect(supervisorOf(ref)).toBe(nested);
    await nested.startChild(log.worker("x"));
    expect(log.ref("x").path).toBe("/system/supervisor/s/x");
    await nested.stop("normal");
    expect(await nested.exited).toBe("normal");
    expect(sup.system.stopped).toBe(false);
    await sup.stop();
  });

  test("throws for a dead actor, for one that is no supervisor, and for what is no ref", async () => {
    const log = new Log();
    const system = createSystem();
    const sup = await startSupervisor({ ...one, children: [log.worker("a")], system });
    const alone = await spawn(system, log.behavior("alone"));
    for (const ref of [log.ref("a"), alone])
      expect(() => supervisorOf(ref)).toThrow(
        expect.objectContaining({ ...refused("not_found"), ref }),
      );
    await alone.stop();
    await sup.stop();
    for (const ref of [sup.ref, log.ref("a"), alone])
      expect(() => supervisorOf(ref)).toThrow(
        expect.objectContaining({ ...refused("noproc"), ref }),
      );
    const fake: unknown = Object.create(Object.getPrototypeOf(alone) as object);
    for (const ref of [undefined, {}, "a", sup, fake])
      expect(() => supervisorOf(ref as never)).toThrow(OptionError);
    await system.stop();
  });
});

test("a supervisor stays what it is when a message crashes nothing in it", async () => {
  const sup = await startSupervisor({
    ...one,
    children: [actor({ id: "a", receive: () => {} })],
  });
  for (const message of [undefined, null, "junk", { run: () => {} }]) sup.ref.dispatch(message);
  expect(await sup.countChildren()).toMatchObject({ active: 1 });
  await sup.stop();
});
