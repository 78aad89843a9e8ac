import { describe, expect, test } from "@jest/globals";
import { type AutoShutdown, startSupervisor, supervisor } from "nebulex-streams/actor";
import { eventually, one, quiet, Stage, type Cue } from "./stage.js";

const transient = { restart: "transient", significant: true } as const;
const temporary = { restart: "temporary", significant: true } as const;

async function tree(autoShutdown: AutoShutdown, significant: Record<string, object>) {
  const stage = new Stage();
  const children = [stage.worker("plain", { restart: "transient" })];
  for (const [id, part] of Object.entries(significant)) children.push(stage.worker(id, part));
  const sup = await startSupervisor({ ...one, autoShutdown, maxRestarts: 1000, children });
  stage.read();
  return { stage, sup };
}

describe("any_significant", () => {
  const cases: [string, object, Cue, boolean][] = [
    ["a transient child ends normally", transient, { end: "normal" }, true],
    ["a transient child ends with shutdown", transient, { end: { shutdown: 1 } }, true],
    ["a transient child crashes", transient, { throw: new Error("crash") }, false],
    ["a temporary child ends normally", temporary, { end: "normal" }, true],
    ["a temporary child crashes", temporary, { throw: new Error("crash") }, true],
  ];

  test.each(cases)("%s", async (_name, part, cue, ends) => {
    const { stage, sup } = await tree("any_significant", { s: part, other: transient });
    await stage.end("s", cue);
    await eventually(() => !sup.ref.alive || stage.lives("s") === 2);
    expect(sup.ref.alive).toBe(!ends);
    expect(stage.read().slice(1)).toEqual(
      ends ? ["down other shutdown", "down plain shutdown"] : ["up s"],
    );
    await sup.stop();
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("all_significant", () => {
  test("the last one that is active ends it; dead slots do not count", async () => {
    const { stage, sup } = await tree("all_significant", {
      a: transient,
      b: temporary,
      c: transient,
    });
    await stage.end("a", { end: "normal" });
    await sup.terminateChild("c");
    await stage.reborn("plain");
    await quiet();
    expect(sup.ref.alive).toBe(true);
    await stage.end("b", { throw: new Error("b") });
    expect(await sup.exited).toBe("shutdown");
  });

  test("one that is restarting counts as active", async () => {
    const stage = new Stage();
    let mended = false;
    const s = stage.fickle("s", (n) => (n === 1 || mended ? "up" : "fail"), transient);
    const sup = await startSupervisor({
      ...one,
      autoShutdown: "all_significant",
      maxRestarts: 1_000_000,
      maxSeconds: 1,
      children: [s, stage.worker("t", temporary)],
    });
    await stage.ref("s").kill();
    await eventually(() => stage.read().includes("fail s"));
    await stage.end("t", { end: "normal" });
    await quiet();
    expect(sup.ref.alive).toBe(true);
    mended = true;
    await eventually(() => stage.lives("s") === 2);
    await stage.end("s", { end: "normal" });
    expect(await sup.exited).toBe("shutdown");
  });
});

test.each(["any_significant", "all_significant"] as const)(
  "%s is not set off by terminateChild, a plain child, or a group restart",
  async (autoShutdown) => {
    const stage = new Stage();
    const sup = await startSupervisor({
      strategy: "one_for_all",
      autoShutdown,
      children: [
        stage.worker("s", temporary),
        stage.worker("t", transient),
        stage.worker("plain", { restart: "transient" }),
        stage.worker("p"),
      ],
    });
    await stage.end("plain", { end: "normal" });
    await stage.reborn("p");
    await eventually(() => stage.lives("t") === 2);
    await sup.terminateChild("t");
    await quiet();
    expect(sup.ref.alive).toBe(true);
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual(["t", "plain", "p"]);
    await sup.stop();
  },
);

test.each([
  ["significant", { restart: "transient", significant: true }, true],
  ["not significant", { restart: "transient", significant: false }, false],
  ["permanent", { restart: "permanent", significant: false }, false],
] as const)("a nested one that is %s carries it upwards: %p", async (_name, part, up) => {
  const stage = new Stage();
  const nested = { id: "nested", ...one, autoShutdown: "any_significant", ...part } as const;
  const sup = await startSupervisor({
    ...one,
    autoShutdown: "any_significant",
    children: [supervisor({ ...nested, children: [stage.worker("s", transient)] })],
  });
  await stage.end("s", { end: "normal" });
  await quiet();
  expect(sup.ref.alive).toBe(!up);
  expect(stage.lives("s")).toBe(part.restart === "permanent" ? 2 : 1);
  await sup.stop();
});
