import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type AutoShutdown,
  type RestartType,
  startSupervisor,
  supervisor,
  type Supervisor,
} from "../../src/actor.js";
import { Log, rest, until } from "../helpers/actors.js";

const one = { strategy: "one_for_one" } as const;

async function tree(log: Log, autoShutdown: AutoShutdown, ...ids: string[]): Promise<Supervisor> {
  const settings = (id: string): { restart: RestartType; significant: boolean } => ({
    restart: id.startsWith("temporary") ? "temporary" : "transient",
    significant: id.includes("significant"),
  });
  const children = [log.worker("plain"), ...ids.map((id) => log.worker(id, settings(id)))];
  const sup = await startSupervisor({ ...one, autoShutdown, children });
  log.take();
  return sup;
}

describe("any_significant", () => {
  test.each([
    ["transient significant", "stop", true],
    ["transient significant", "shutdown", true],
    ["transient significant", "kill", false],
    ["temporary significant", "stop", true],
    ["temporary significant", "kill", true],
    ["transient", "stop", false],
    ["temporary", "kill", false],
  ] as const)("a %s child, %s: ends the supervisor: %p", async (id, how, ends) => {
    const log = new Log();
    const sup = await tree(log, "any_significant", id, "transient significant other");
    if (how === "kill") await log.ref(id).kill();
    else await log.ref(id).stop(how === "shutdown" ? { shutdown: "done" } : "normal");
    await rest();
    expect(sup.ref.alive).toBe(!ends);
    expect(log.lines.filter((line) => line.endsWith(":shutdown"))).toEqual(
      ends ? ["-transient significant other:shutdown", "-plain:shutdown"] : [],
    );
    await sup.stop();
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("all_significant", () => {
  test("the last one ends the supervisor", async () => {
    const log = new Log();
    const sup = await tree(
      log,
      "all_significant",
      "temporary significant",
      "transient significant 1",
      "transient significant 2",
    );
    await log.ref("transient significant 1").stop();
    await log.ref("temporary significant").kill();
    await rest();
    expect(sup.ref.alive).toBe(true);
    await log.ref("transient significant 2").stop();
    expect(await sup.exited).toBe("shutdown");
  });

  test("one that is restarting counts as active, a dead slot does not", async () => {
    const log = new Log();
    let broken = true;
    const settings = { restart: "transient", significant: true } as const;
    const x = log.fickle("x", (start) => (start > 1 && broken ? "fail" : "up"), settings);
    const sup = await startSupervisor({
      ...one,
      autoShutdown: "all_significant",
      maxRestarts: 1_000_000,
      children: [log.worker("a", settings), log.worker("b", settings), { ...x, ...settings }],
    });
    await sup.terminateChild("b");
    await log.ref("x").kill();
    await until(() => x.starts() > 3);
    await log.ref("a").stop();
    await rest();
    expect(sup.ref.alive).toBe(true);
    await log.reborn("x", () => (broken = false));
    await log.ref("x").stop();
    expect(await sup.exited).toBe("shutdown");
  });
});

describe("ends that the supervisor caused", () => {
  test.each(["any_significant", "all_significant"] as const)(
    "terminateChild does not set it off: %s",
    async (autoShutdown) => {
      const log = new Log();
      const sup = await tree(log, autoShutdown, "transient significant", "temporary significant");
      await sup.terminateChild("transient significant");
      await sup.terminateChild("temporary significant");
      await rest();
      expect(sup.ref.alive).toBe(true);
      await sup.stop();
    },
  );

  test.each(["any_significant", "all_significant"] as const)(
    "a group restart does not set it off, nor does the end of a plain child: %s",
    async (autoShutdown) => {
      const log = new Log();
      const sup = await startSupervisor({
        strategy: "one_for_all",
        autoShutdown,
        children: [
          log.worker("a"),
          log.worker("temporary", { restart: "temporary", significant: true }),
          log.worker("transient", { restart: "transient", significant: true }),
          log.worker("plain", { restart: "transient" }),
          log.worker("b"),
        ],
      });
      await log.ref("plain").stop();
      await log.reborn("b", () => log.ref("a").dispatch("crash"));
      await rest();
      expect(sup.ref.alive).toBe(true);
      expect((await sup.whichChildren()).map(({ id, ref }) => [id, ref])).toEqual(
        ["a", "transient", "plain", "b"].map((id) => [id, log.ref(id)]),
      );
      await sup.stop();
    },
  );
});

describe("nested", () => {
  const inner = (log: Log, settings: { restart: RestartType; significant: boolean }) =>
    supervisor({
      id: "inner",
      ...one,
      autoShutdown: "any_significant",
      children: [log.worker("x", { restart: "transient", significant: true }), log.worker("y")],
      ...settings,
    });

  test.each(["transient", "temporary"] as const)(
    "a significant %s supervisor carries on upwards",
    async (restart) => {
      const log = new Log();
      const sup = await startSupervisor({
        ...one,
        autoShutdown: "any_significant",
        children: [log.worker("a"), inner(log, { restart, significant: true })],
      });
      await log.ref("x").stop();
      expect(await sup.exited).toBe("shutdown");
      expect(log.take()).toEqual(["+a", "+x", "+y", "-x:normal", "-y:shutdown", "-a:shutdown"]);
    },
  );

  test("one that is not significant does not", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      autoShutdown: "any_significant",
      children: [inner(log, { restart: "transient", significant: false })],
    });
    await log.ref("x").stop();
    await until(async () => (await sup.countChildren()).active === 0);
    await rest();
    expect(sup.ref.alive).toBe(true);
    await sup.stop();
  });

  test("a permanent one is simply restarted", async () => {
    const log = new Log();
    const sup = await startSupervisor({
      ...one,
      children: [inner(log, { restart: "permanent", significant: false })],
    });
    const first = (await sup.whichChildren())[0]?.ref as ActorRef;
    await log.reborn("x", () => log.ref("x").stop());
    await rest();
    expect((await sup.whichChildren())[0]?.ref).not.toBe(first);
    await sup.stop();
  });
});
