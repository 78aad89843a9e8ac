import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  type ChildSpec,
  dynamicSupervisor,
  NebulexError,
  OptionError,
  startSupervisor,
  supervisor,
  SupervisorError,
} from "nebulex-streams/actor";
import { caught, eventually, one, Stage } from "./stage.js";

const start = async (): Promise<"ignore"> => "ignore";
const idle = { receive: () => {} };

/** The error of a root with this one child, or none. */
async function errorOf(child: unknown, flags: object = {}): Promise<OptionError> {
  const options = { ...one, ...flags, children: [child] } as never;
  const error = await caught(startSupervisor(options));
  expect(error).toBeInstanceOf(NebulexError);
  return error as OptionError;
}

describe("flags", () => {
  const wrong: [string, unknown, string][] = [
    ["strategy", "simple_one_for_one", "'simple_one_for_one'"],
    ["strategy", Symbol("s"), "Symbol(s)"],
    ["maxRestarts", -1, "-1"],
    ["maxRestarts", Infinity, "Infinity"],
    ["maxRestarts", "3", "'3'"],
    ["maxRestarts", null, "null"],
    ["maxSeconds", 0, "0"],
    ["maxSeconds", 0.5, "0.5"],
    ["maxSeconds", Number.NaN, "NaN"],
    ["autoShutdown", true, "true"],
    ["autoShutdown", null, "null"],
    ["children", new Set(), "Set(0) {}"],
  ];

  test.each(wrong)(
    "%s: %p is refused, by name and with its value",
    async (option, value, shown) => {
      const options = { ...one, children: [], [option]: value } as never;
      const error = (await caught(startSupervisor(options))) as OptionError;
      expect(error).toBeInstanceOf(OptionError);
      expect(error).toMatchObject({ name: "OptionError", code: "E_OPTION", option });
      expect(error.message).toMatch(new RegExp(`^invalid value for option "${option}": expected `));
      expect(error.message.endsWith(`, got: ${shown}`)).toBe(true);
      expect(() => supervisor({ id: "nested", ...(options as object) } as never)).toThrow(
        OptionError,
      );
    },
  );

  test("an unknown one is refused by every factory", () => {
    const unknown = { intensity: 3 };
    const refused = { code: "E_OPTION", option: "intensity" };
    const expected = expect.objectContaining(refused);
    expect(() => supervisor({ id: "s", ...one, children: [], ...unknown })).toThrow(expected);
    expect(() => dynamicSupervisor({ id: "d", ...unknown })).toThrow(expected);
    expect(() => actor({ id: "a", ...idle, ...unknown })).toThrow(expected);
  });
});

describe("child specs", () => {
  const wrong: [string, unknown][] = [
    ["id", ""],
    ["id", 0],
    ["id", Symbol("a")],
    ["start", undefined],
    ["start", { module: "m" }],
    ["restart", "always"],
    ["restart", null],
    ["type", "process"],
    ["shutdown", -1],
    ["shutdown", 0.5],
    ["shutdown", Infinity],
    ["shutdown", "brutal"],
    ["shutdown", null],
    ["significant", 1],
    ["significant", null],
  ];

  test.each(wrong)("%s: %p is refused", async (field, value) => {
    const error = await errorOf({ id: "a", start, [field]: value });
    expect(error).toMatchObject({ code: "E_OPTION", option: field });
    expect(error.message).toMatch(
      new RegExp(`^invalid value for option "${field}": expected .+, got: `),
    );
  });

  test("a missing id wins over a missing start; an unknown field is named", async () => {
    expect(await errorOf({})).toMatchObject({ option: "id" });
    expect(await errorOf({ id: "a", start, modules: [] })).toMatchObject({ option: "modules" });
  });

  test.each([undefined, null, 1, "a", [], () => {}])("%p is no child", async (child) => {
    expect(await errorOf(child)).toMatchObject({ code: "E_OPTION", option: "children" });
  });

  test("a hole in the list is no child either", async () => {
    const children: ChildSpec[] = [];
    children[1] = { id: "a", start };
    expect(await caught(startSupervisor({ ...one, children }))).toMatchObject({
      option: "children",
    });
  });

  test.each([
    ["under autoShutdown never", { restart: "transient" }, {}],
    ["that is permanent", { restart: "permanent" }, { autoShutdown: "any_significant" }],
    ["that is permanent by default", {}, { autoShutdown: "all_significant" }],
  ])("a significant child %s is a bad combination", async (_name, fields, flags) => {
    const error = await errorOf({ id: "a", start, significant: true, ...fields }, flags);
    expect(error).toBeInstanceOf(SupervisorError);
    expect(error).toMatchObject({ code: "E_SUPERVISOR", reason: "bad_combination", childId: "a" });
  });

  test("two of one id are refused, and none of the list has run", async () => {
    const stage = new Stage();
    const children = ["a", "b", "a"].map((id) => stage.worker(id));
    expect(await caught(startSupervisor({ ...one, children }))).toMatchObject({
      name: "SupervisorError",
      reason: "duplicate_child_name",
      childId: "a",
    });
    expect(stage.read()).toEqual([]);
  });

  test("a wrong last one keeps the first from starting, in the root, the factory and startChild", async () => {
    const stage = new Stage();
    const bad = { id: "bad", start, shutdown: -1 };
    const options = { ...one, children: [stage.worker("a"), bad] };
    expect(await caught(startSupervisor(options))).toBeInstanceOf(OptionError);
    expect(() => supervisor({ id: "s", ...options })).toThrow(OptionError);
    await using sup = await startSupervisor({ ...one, children: [] });
    expect(await caught(sup.startChild(bad))).toMatchObject({ option: "shutdown" });
    expect(await caught(sup.startChild(null as never))).toBeInstanceOf(OptionError);
    expect(await sup.countChildren()).toMatchObject({ specs: 0 });
    expect(stage.read()).toEqual([]);
  });

  test("defaults: of a worker, of a supervisor, of the factories", async () => {
    await using sup = await startSupervisor({
      ...one,
      children: [
        { id: "worker", start },
        { id: "tree", start, type: "supervisor" },
        actor({ id: "actor", ...idle }),
        supervisor({ id: "static", ...one, children: [] }),
        dynamicSupervisor({ id: "dynamic" }),
      ],
    });
    const common = { restart: "permanent", significant: false };
    const worker = { ...common, shutdown: 5000, type: "worker" };
    const tree = { ...common, shutdown: "infinity", type: "supervisor" };
    expect(await sup.getChildSpec("worker")).toEqual({ id: "worker", start, ...worker });
    expect(await sup.getChildSpec("tree")).toEqual({ id: "tree", start, ...tree });
    expect(await sup.getChildSpec("actor")).toMatchObject(worker);
    expect(await sup.getChildSpec("static")).toMatchObject(tree);
    expect(await sup.getChildSpec("dynamic")).toMatchObject(tree);
    expect(await caught(sup.getChildSpec("none"))).toMatchObject({ reason: "not_found" });
  });

  test("anything with childSpec() will do: an object, a class; and frozen specs, and getters", async () => {
    const stage = new Stage();
    let looks = 0;
    class Module {
      static childSpec = (): ChildSpec => stage.worker("class");
    }
    const children = [
      { childSpec: () => stage.worker("object") },
      Module,
      Object.freeze(stage.worker("frozen")),
      {
        ...stage.worker("spread"),
        get id() {
          looks++;
          return looks === 1 ? "getter" : "another";
        },
      },
    ];
    await using sup = await startSupervisor({ ...one, children });
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual([
      "object",
      "class",
      "frozen",
      "getter",
    ]);
    await sup.startChild(
      class extends Module {
        static override childSpec = (): ChildSpec => stage.worker("later");
      },
    );
    expect(stage.lives("later")).toBe(1);
  });

  test("what becomes of list and spec after the call is nobody's concern", async () => {
    const stage = new Stage();
    const spec = stage.worker("a");
    const children = [spec];
    const nested = supervisor({ id: "nested", ...one, children });
    await using sup = await startSupervisor({ ...one, children: [nested] });
    children.length = 0;
    spec.restart = "temporary";
    const [before] = await sup.whichChildren();
    const ref = before?.ref as ActorRef;
    ref.dispatch("not for a supervisor");
    await stage.reborn("a");
    await stage.ref("a").kill();
    await eventually(() => stage.lives("a") === 3);
    expect((await sup.whichChildren())[0]?.ref).toBe(ref);
  });
});
