import { describe, expect, test } from "@jest/globals";
import { actor, createSystem, spawn, startSupervisor, supervisor } from "nebulex-streams";
import { actorsOf, recordTree } from "nebulex-streams/testing";
import { failure, until } from "../helpers/actors.js";
import { recordWarnings } from "../helpers/warnings.js";

function refOf(system: ReturnType<typeof createSystem>, id: string) {
  const ref = actorsOf(system).find((one) => one.id === id);
  if (ref === undefined) throw new Error(`${id} is not running`);
  return ref;
}

const warnings = recordWarnings();
const idle = { receive: (): void => {} };

describe("a recorder", () => {
  test("records starts, exits, restarts and supervisors that give up, in order, level by level", async () => {
    const system = createSystem({ name: "recorder-order" });
    using recorder = recordTree(system);
    const tree = await startSupervisor({
      system,
      strategy: "one_for_one",
      children: [
        supervisor({
          id: "inner",
          strategy: "one_for_all",
          maxRestarts: 1,
          children: [actor({ id: "a", ...idle }), actor({ id: "b", ...idle })],
        }),
      ],
    });
    expect(recorder.take()).toEqual([
      "started a",
      "started b",
      "started inner",
      "started supervisor",
    ]);
    await refOf(system, "a").stop({ shutdown: 7 });
    await until(() => recorder.count("started") === 6);
    expect(recorder.take()).toEqual([
      "exited a { shutdown: 7 }",
      "restart a 1",
      "exited b shutdown",
      "started a",
      "started b",
    ]);
    await refOf(system, "b").kill();
    await until(() => recorder.count("started") === 9);
    expect(recorder.take()).toEqual([
      "exited b killed",
      "gave_up b",
      "exited a shutdown",
      "exited inner shutdown",
      "restart inner 1",
      "started a",
      "started b",
      "started inner",
    ]);
    expect(recorder.take()).toEqual([]);
    await tree.stop();
    expect(recorder.take()).toEqual([
      "exited b shutdown",
      "exited a shutdown",
      "exited inner shutdown",
      "exited supervisor shutdown",
    ]);
    await system.stop();
  });

  test("keeps refs, paths and reasons", async () => {
    const system = createSystem({ name: "recorder-fields" });
    const tree = await startSupervisor({
      system,
      strategy: "one_for_one",
      children: [actor({ id: "a", ...idle })],
    });
    using recorder = recordTree(system);
    const before = refOf(system, "a");
    const reason = new Error("mine");
    await before.stop(reason);
    await until(() => recorder.count("started") === 1);
    const path = "/recorder-fields/supervisor/a";
    expect(recorder.events).toEqual([
      { type: "exited", id: "a", path, ref: before, reason },
      {
        type: "restart",
        id: "a",
        path: "/recorder-fields/supervisor",
        attempt: 1,
        supervisor: tree.ref,
        ref: before,
        reason,
      },
      { type: "started", id: "a", path, ref: refOf(system, "a") },
    ]);
    await system.stop();
  });

  test("distinguishes a failed start from an exit", async () => {
    const system = createSystem({ name: "recorder-failed" });
    using recorder = recordTree(system);
    const init = (): never => {
      throw new Error("no");
    };
    await failure(spawn(system, { init, ...idle }, { name: "a" }));
    expect(recorder.lines).toEqual(["start_failed a no"]);
    await system.stop();
  });

  test("can be limited to some actors, and stopped; it ignores other systems", async () => {
    const system = createSystem({ name: "recorder-selected" });
    const other = createSystem({ name: "recorder-selected" });
    using recorder = recordTree(system, { actor: /^b/ });
    const children = ["a", "b"].map((id) => actor({ id, ...idle }));
    await startSupervisor({ system, strategy: "one_for_one", children });
    await startSupervisor({ system: other, strategy: "one_for_one", children });
    for (const one of [system, other])
      for (const id of ["a", "b"]) {
        await refOf(one, id).kill();
        await until(() => actorsOf(one).some((ref) => ref.id === id));
      }
    expect(recorder.lines).toEqual(["started b", "exited b killed", "restart b 2", "started b"]);
    recorder.stop();
    expect(system.probe).toBeUndefined();
    await system.stop();
    await other.stop();
    expect(recorder.lines).toHaveLength(4);
  });

  test("silences the warnings of no other system", async () => {
    const system = createSystem({ name: "recorder-watched" });
    const other = createSystem({ name: "recorder-unwatched" });
    recordTree(system);
    for (const one of [system, other]) {
      const tree = await startSupervisor({
        system: one,
        strategy: "one_for_one",
        maxRestarts: 0,
        children: [actor({ id: "a", ...idle })],
      });
      await refOf(one, "a").kill();
      await until(() => !tree.ref.alive);
      await one.stop();
    }
    const givenUp = warnings.filter((text) => text.includes("gives up"));
    expect(givenUp).toEqual([expect.stringContaining("/recorder-unwatched/supervisor")]);
  });

  test.each<{ option: string; make: () => unknown }>([
    { option: "system", make: () => recordTree({} as never) },
    { option: "actor", make: () => recordTree(createSystem(), { actor: 1 as never }) },
    { option: "ators", make: () => recordTree(createSystem(), { ators: "a" } as never) },
  ])("a wrong or unknown $option is refused", ({ option, make }) => {
    expect(make).toThrow(expect.objectContaining({ code: "E_OPTION", option }));
  });
});
