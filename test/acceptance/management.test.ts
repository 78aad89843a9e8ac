import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  OptionError,
  spawn,
  startSupervisor,
  type Supervisor,
  supervisor,
  SupervisorError,
  supervisorOf,
} from "nebulex-streams/actor";
import { caught, gate, one, quiet, Stage } from "./stage.js";

async function reasonOf(promise: Promise<unknown>): Promise<string> {
  const error = await caught(promise);
  expect(error).toBeInstanceOf(SupervisorError);
  return (error as SupervisorError).reason;
}

test("a child's way through start, terminate, restart and delete", async () => {
  const stage = new Stage();
  await using sup = await startSupervisor({ ...one, children: [] });
  const spec = stage.worker("a");
  const first = await sup.startChild(spec);
  expect(first).toBe(stage.ref("a"));
  expect(await caught(sup.startChild(spec))).toMatchObject({
    reason: "already_started",
    childId: "a",
    ref: first,
  });
  expect(await caught(sup.restartChild("a"))).toMatchObject({ reason: "running", childId: "a" });
  expect(await caught(sup.deleteChild("a"))).toMatchObject({ reason: "running", childId: "a" });

  expect(await sup.terminateChild("a")).toBeUndefined();
  expect(first?.alive).toBe(false);
  expect(await sup.terminateChild("a")).toBeUndefined();
  expect(await reasonOf(sup.startChild(stage.worker("a")))).toBe("already_present");

  const second = await sup.restartChild("a");
  expect(second).toBe(stage.ref("a"));
  expect(second).not.toBe(first);
  await sup.terminateChild("a");
  expect(await sup.deleteChild("a")).toBeUndefined();
  for (const ask of ["terminateChild", "restartChild", "deleteChild", "getChildSpec"] as const)
    expect(await caught(sup[ask]("a"))).toMatchObject({ reason: "not_found", childId: "a" });
  expect(await sup.startChild(spec)).toBe(stage.ref("a"));
});

test("startChild that fails is told, forgotten, and not tried again", async () => {
  const stage = new Stage();
  await using sup = await startSupervisor({ ...one, maxRestarts: 0, children: [] });
  const bad = stage.fickle("bad", () => "fail");
  for (let n = 1; n <= 3; n++)
    expect(await caught(sup.startChild(bad))).toMatchObject({
      reason: "failed_to_start_child",
      childId: "bad",
      cause: new Error(`start ${n} of bad`),
    });
  await quiet();
  expect(stage.read()).toEqual(["fail bad", "fail bad", "fail bad"]);
  expect(await sup.whichChildren()).toEqual([]);
});

test("startChild that is ignored gives undefined, and keeps the slot unless it is temporary", async () => {
  const stage = new Stage();
  await using sup = await startSupervisor({ ...one, children: [] });
  const ignored = (id: string, part = {}) => stage.fickle(id, () => "ignore", part);
  expect(await sup.startChild(ignored("a"))).toBeUndefined();
  expect(await sup.startChild(ignored("t", { restart: "temporary" }))).toBeUndefined();
  expect(await sup.whichChildren()).toEqual([{ id: "a", ref: undefined, type: "worker" }]);
  expect(await sup.restartChild("a")).toBeUndefined();
  expect(await sup.countChildren()).toEqual({ specs: 1, active: 0, supervisors: 0, workers: 1 });
});

test("restartChild that fails leaves the slot dead", async () => {
  const stage = new Stage();
  await using sup = await startSupervisor({
    ...one,
    maxRestarts: 0,
    children: [stage.fickle("a", (n) => (n === 2 ? "fail" : "up"))],
  });
  await sup.terminateChild("a");
  expect(await reasonOf(sup.restartChild("a"))).toBe("failed_to_start_child");
  await quiet();
  expect(await sup.whichChildren()).toEqual([{ id: "a", ref: undefined, type: "worker" }]);
  expect(await sup.restartChild("a")).toBe(stage.ref("a"));
});

test("terminateChild settles when the child is dead, and drops a temporary one", async () => {
  const stage = new Stage();
  const hold = gate();
  await using sup = await startSupervisor({
    ...one,
    children: [stage.worker("t", { restart: "temporary", terminate: () => hold.promise })],
  });
  let settled = false;
  const ending = sup.terminateChild("t").then(() => (settled = true));
  await quiet();
  expect(settled).toBe(false);
  hold.open();
  await ending;
  expect(stage.ref("t").alive).toBe(false);
  expect(await sup.whichChildren()).toEqual([]);
  await sup.startChild(stage.worker("t"));
});

test.each([
  ["a ref", (sup: Supervisor) => sup.ref],
  ["undefined", () => undefined],
  ["a symbol", () => Symbol("a")],
  ["an object without a prototype", () => Object.create(null) as unknown],
  ["the number of an id", () => 0],
])("%s is no id: not found", async (_name, make) => {
  const stage = new Stage();
  await using sup = await startSupervisor({ ...one, children: [stage.worker("0")] });
  for (const ask of ["terminateChild", "restartChild", "deleteChild", "getChildSpec"] as const)
    expect(await reasonOf(sup[ask](make(sup) as never))).toBe("not_found");
  expect(stage.ref("0").alive).toBe(true);
});

test("whichChildren is in start order, countChildren by kind, dead or alive", async () => {
  const stage = new Stage();
  const nested = supervisor({ id: "nested", ...one, children: [stage.worker("leaf")] });
  await using sup = await startSupervisor({
    ...one,
    children: [stage.worker("a"), nested, stage.worker("b")],
  });
  await sup.startChild(stage.worker("c"));
  await sup.terminateChild("nested");
  await sup.terminateChild("a");
  expect(await sup.whichChildren()).toEqual([
    { id: "a", ref: undefined, type: "worker" },
    { id: "nested", ref: undefined, type: "supervisor" },
    { id: "b", ref: stage.ref("b"), type: "worker" },
    { id: "c", ref: stage.ref("c"), type: "worker" },
  ]);
  expect(await sup.countChildren()).toEqual({ specs: 4, active: 2, supervisors: 1, workers: 3 });
});

test("requests are served one at a time, in the order of arrival", async () => {
  const stage = new Stage();
  const hold = gate();
  await using sup = await startSupervisor({ ...one, children: [] });
  const answers = [
    sup.startChild(stage.worker("slow", { init: () => hold.promise.then(() => 0) })),
    sup.startChild(stage.worker("b")),
    sup.terminateChild("b"),
    sup.countChildren(),
    sup.deleteChild("b"),
  ];
  await quiet();
  expect(stage.read()).toEqual([]);
  hold.open();
  const [slow, b, , counts] = await Promise.all(answers);
  expect([slow, b]).toEqual([stage.ref("slow"), stage.ref("b")]);
  expect(counts).toMatchObject({ specs: 2, active: 1 });
  expect(stage.read()).toEqual(["up slow", "up b", "down b shutdown"]);
});

test("a dead supervisor refuses all requests with noproc, also wrong ones; stop of it resolves", async () => {
  const stage = new Stage();
  const sup = await startSupervisor({ ...one, children: [stage.worker("a")] });
  await sup.stop();
  const asked = [
    sup.startChild(stage.worker("b")),
    sup.startChild(undefined as never),
    sup.restartChild("a"),
    sup.terminateChild("a"),
    sup.deleteChild("a"),
    sup.getChildSpec("a"),
    sup.whichChildren(),
    sup.countChildren(),
  ];
  for (const promise of asked)
    expect(await caught(promise)).toMatchObject({
      name: "SupervisorError",
      code: "E_SUPERVISOR",
      reason: "noproc",
      ref: sup.ref,
    });
  await sup.stop();
  await sup[Symbol.asyncDispose]();
  expect(await sup.exited).toBe("shutdown");
});

describe("supervisorOf", () => {
  test("gives the handle of a nested one, and the root's own", async () => {
    const stage = new Stage();
    const nested = supervisor({ id: "nested", ...one, children: [stage.worker("a")] });
    await using sup = await startSupervisor({ ...one, children: [nested] });
    const ref = (await sup.whichChildren())[0]?.ref as ActorRef;
    const handle = supervisorOf(ref);
    expect(handle.ref).toBe(ref);
    expect(handle.system).toBe(sup.system);
    expect(supervisorOf(sup.ref)).toBe(sup);
    expect(await handle.whichChildren()).toMatchObject([{ id: "a" }]);
    await handle.stop();
    expect(await handle.exited).toBe("shutdown");
  });

  test("throws for who is no supervisor, for the dead, and for what is no ref", async () => {
    const stage = new Stage();
    const sup = await startSupervisor({ ...one, children: [stage.worker("a")] });
    const worker = stage.ref("a");
    expect(() => supervisorOf(worker)).toThrow(
      expect.objectContaining({ reason: "not_found", ref: worker }),
    );
    await sup.stop();
    for (const ref of [worker, sup.ref])
      expect(() => supervisorOf(ref)).toThrow(expect.objectContaining({ reason: "noproc", ref }));
    for (const wrong of [
      undefined,
      "a",
      sup,
      Object.create(Object.getPrototypeOf(worker) as object),
    ])
      expect(() => supervisorOf(wrong as never)).toThrow(OptionError);
  });
});

test("ids may be any text that is not empty, and are told apart to the last letter", async () => {
  const stage = new Stage();
  const long = "x".repeat(10_000);
  const ids = [
    " ",
    "/",
    "a/b",
    "a:b",
    "#",
    "..",
    "__proto__",
    "constructor",
    "\0",
    "🦊",
    "Ünï",
    long,
    `${long}y`,
    "0",
    "false",
  ];
  await using sup = await startSupervisor({ ...one, children: ids.map((id) => stage.worker(id)) });
  expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(ids);
  for (const id of ["__proto__", "\0", "🦊"]) await stage.reborn(id);
  await sup.terminateChild(long);
  expect(stage.ref(`${long}y`).alive).toBe(true);
  expect(stage.ref(long).id).toBe(long);
});

test("a name of a spawned actor is as free", async () => {
  const stage = new Stage();
  await using sup = await startSupervisor({ ...one, children: [] });
  const idle = { receive: () => {} };
  for (const name of ["/", "🦊", "x".repeat(10_000)]) {
    const ref = await spawn(sup.system, idle, { name });
    expect(sup.system.registry.lookup(name)).toMatchObject([{ ref }]);
  }
  expect(await caught(spawn(sup.system, idle, { name: "" }))).toBeInstanceOf(OptionError);
  expect(stage.read()).toEqual([]);
});
