import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import {
  actor,
  type ChildSpec,
  dynamicSupervisor,
  OptionError,
  startSupervisor,
  supervisor,
  SupervisorError,
} from "../../src/actor.js";
import { failure, Log } from "../helpers/actors.js";

const receive = (): void => {};
const start = async (): Promise<"ignore"> => "ignore";
const one = { strategy: "one_for_one" } as const;

/** The error names the option, says what is expected, and shows the value. */
function expectRefusal(error: unknown, option: string, value: unknown): void {
  expect(error).toMatchObject({ name: "OptionError", code: "E_OPTION", option });
  const { message } = error as OptionError;
  expect(message).toMatch(new RegExp(`^invalid value for option "${option}": expected .+, got: `));
  expect(message.endsWith(`, got: ${inspect(value)}`)).toBe(true);
}

async function startOne(child: unknown, settings: object = {}): Promise<void> {
  const sup = await startSupervisor({ ...one, ...settings, children: [child as ChildSpec] });
  await sup.stop();
}

describe("the flags of a supervisor", () => {
  const wrong: [string, unknown][] = [
    ["strategy", "simple_one_for_one"],
    ["strategy", undefined],
    ["strategy", Symbol("s")],
    ["maxRestarts", -1],
    ["maxRestarts", 0.5],
    ["maxRestarts", Infinity],
    ["maxRestarts", "infinity"],
    ["maxRestarts", "3"],
    ["maxRestarts", null],
    ["maxSeconds", 0],
    ["maxSeconds", -1],
    ["maxSeconds", 0.5],
    ["maxSeconds", 1.5],
    ["maxSeconds", Number.NaN],
    ["maxSeconds", Infinity],
    ["autoShutdown", "always"],
    ["autoShutdown", true],
    ["autoShutdown", null],
    ["children", undefined],
    ["children", { id: "a" }],
    ["children", new Set()],
  ];

  test.each(wrong)(
    "%s: %p is refused by the factory and the root, by name and with its value",
    async (option, value) => {
      const options = { ...one, children: [], [option]: value };
      const factory = async (): Promise<unknown> => supervisor({ id: "s", ...options } as never);
      for (const refused of [factory(), startSupervisor(options as never)].map(failure))
        expectRefusal(await refused, option, value);
    },
  );

  test("an unknown one is refused by every factory and the root", async () => {
    const unknown = { intensity: 3 };
    const refused = expect.objectContaining({ code: "E_OPTION", option: "intensity" });
    expect(() => supervisor({ id: "s", ...one, children: [], ...unknown })).toThrow(refused);
    expect(() => dynamicSupervisor({ id: "d", ...unknown })).toThrow(refused);
    expect(() => actor({ id: "a", receive, ...unknown })).toThrow(refused);
    const root = startSupervisor({ ...one, children: [], ...unknown });
    await expect(root).rejects.toEqual(refused);
  });

  test.each([undefined, null, "options", []])(
    "options that are %p are an OptionError",
    async (options) => {
      await expect(startSupervisor(options as never)).rejects.toBeInstanceOf(OptionError);
      expect(() => supervisor(options as never)).toThrow(OptionError);
      expect(() => dynamicSupervisor(options as never)).toThrow(OptionError);
      expect(() => actor(options as never)).toThrow(OptionError);
    },
  );

  test.each([
    ["maxChildren", -1],
    ["maxChildren", 1.5],
    ["maxRestarts", -1],
    ["maxSeconds", 0],
    ["strategy", "one_for_one"],
    ["children", []],
  ])("%s: %p is an OptionError of dynamicSupervisor", (option, value) => {
    expect(() => dynamicSupervisor({ id: "d", [option]: value } as never)).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });
});

describe("child specs", () => {
  test("id and start are needed, and a missing id is reported first", async () => {
    await expect(startOne({})).rejects.toMatchObject({ code: "E_OPTION", option: "id" });
    await expect(startOne({ start })).rejects.toMatchObject({ code: "E_OPTION", option: "id" });
    await expect(startOne({ id: "a" })).rejects.toMatchObject({
      code: "E_OPTION",
      option: "start",
    });
  });

  test.each([undefined, null, "spec", 7, [], () => {}])("%p is no child spec", async (child) => {
    await expect(startOne(child)).rejects.toMatchObject({ code: "E_OPTION", option: "children" });
  });

  test("a hole in the list is no child spec", async () => {
    const children: ChildSpec[] = [];
    children[1] = { id: "a", start };
    await expect(startSupervisor({ ...one, children })).rejects.toMatchObject({
      code: "E_OPTION",
      option: "children",
    });
  });

  test.each([
    ["id", ""],
    ["id", 0],
    ["id", Symbol("a")],
    ["start", undefined],
    ["start", "start"],
    ["start", { module: "m" }],
    ["restart", "always"],
    ["restart", null],
    ["shutdown", -1],
    ["shutdown", 1.5],
    ["shutdown", "brutal"],
    ["shutdown", Infinity],
    ["shutdown", null],
    ["type", "dynamic"],
    ["significant", 1],
    ["significant", null],
  ])("%s: %p is refused", async (option, value) => {
    const spec = { id: "a", start, [option]: value };
    expectRefusal(await failure(startOne(spec)), option, value);
  });

  test("an unknown field is refused, and named", async () => {
    await expect(startOne({ id: "a", start, modules: [] })).rejects.toMatchObject({
      code: "E_OPTION",
      option: "modules",
    });
  });

  test.each([
    ["shutdown", -1],
    ["restart", "sometimes"],
    ["significant", "yes"],
    ["id", ""],
    ["receive", undefined],
    ["init", 1],
    ["terminate", {}],
    ["name", "a"],
  ])("%s: %p is an OptionError of actor()", (option, value) => {
    expect(() => actor({ id: "a", receive, [option]: value } as never)).toThrow(
      expect.objectContaining({ code: "E_OPTION", option }),
    );
  });

  test.each([
    [undefined, "worker", 5000],
    ["worker", "worker", 5000],
    ["supervisor", "supervisor", "infinity"],
  ] as const)("the defaults of type %s", async (type, resolved, shutdown) => {
    const spec = { id: "a", start, ...(type === undefined ? {} : { type }) };
    const sup = await startSupervisor({ ...one, children: [spec] });
    expect(await sup.getChildSpec("a")).toEqual({
      id: "a",
      start,
      restart: "permanent",
      type: resolved,
      significant: false,
      shutdown,
    });
    await expect(sup.getChildSpec("b")).rejects.toMatchObject({ reason: "not_found" });
    await sup.stop();
  });

  test.each([0, 1, 2 ** 40, "infinity", "brutal_kill"] as const)(
    "shutdown %p is fine for workers and supervisors",
    async (shutdown) => {
      for (const type of ["worker", "supervisor"] as const) {
        const sup = await startSupervisor({
          ...one,
          children: [{ id: "a", start, shutdown, type }],
        });
        expect(await sup.getChildSpec("a")).toMatchObject({ shutdown, type });
        await sup.stop();
      }
    },
  );

  test("the factories fill in their defaults", () => {
    expect(actor({ id: "a", receive })).toMatchObject({
      id: "a",
      restart: "permanent",
      shutdown: 5000,
      type: "worker",
      significant: false,
    });
    const defaults = {
      id: "s",
      restart: "permanent",
      shutdown: "infinity",
      type: "supervisor",
      significant: false,
    };
    expect(supervisor({ id: "s", ...one, children: [] })).toMatchObject(defaults);
    expect(dynamicSupervisor({ id: "s" })).toMatchObject(defaults);
  });

  test("significant children need autoShutdown, and are not permanent", async () => {
    const significant = { id: "a", start, restart: "transient", significant: true };
    await expect(startOne(significant)).rejects.toMatchObject({
      code: "E_SUPERVISOR",
      reason: "bad_combination",
      childId: "a",
    });
    for (const autoShutdown of ["any_significant", "all_significant"]) {
      await startOne(significant, { autoShutdown });
      for (const restart of [{ restart: "permanent" }, {}])
        await expect(
          startOne({ id: "a", start, significant: true, ...restart }, { autoShutdown }),
        ).rejects.toMatchObject({ reason: "bad_combination", childId: "a" });
    }
    expect(() => actor({ id: "a", receive, significant: true })).toThrow(SupervisorError);
  });
});

describe("validation comes first", () => {
  test("two specs with one id are refused, and none of the list has run", async () => {
    const log = new Log();
    const children = ["a", "b", "a"].map((id) => log.worker(id));
    expect(() => supervisor({ id: "s", ...one, children })).toThrow(
      expect.objectContaining({
        reason: "duplicate_child_name",
        childId: "a",
        message: 'two children have the id "a": give one of them an id of its own',
      }),
    );
    await expect(startSupervisor({ ...one, children })).rejects.toMatchObject({
      name: "SupervisorError",
      reason: "duplicate_child_name",
      childId: "a",
    });
    expect(log.lines).toEqual([]);
  });

  test("nothing is started when a later spec is wrong", async () => {
    const log = new Log();
    for (const wrong of [{ id: "b" } as ChildSpec, { id: "b", start, shutdown: -1 }]) {
      const children = [log.worker("a"), wrong];
      await expect(startSupervisor({ ...one, children })).rejects.toThrow(OptionError);
      expect(() => supervisor({ id: "s", ...one, children })).toThrow(OptionError);
    }
    expect(log.lines).toEqual([]);
  });

  test("a wrong spec in startChild leaves the supervisor untouched", async () => {
    const log = new Log();
    const sup = await startSupervisor({ ...one, children: [log.worker("a")] });
    await expect(sup.startChild({ id: "b" } as ChildSpec)).rejects.toMatchObject({
      option: "start",
    });
    await expect(sup.startChild({ id: "b", start, shutdown: -1 })).rejects.toMatchObject({
      option: "shutdown",
    });
    for (const wrong of [7, null])
      await expect(sup.startChild(wrong as never)).rejects.toMatchObject({ option: "child" });
    await expect(
      sup.startChild({ id: "b", start, restart: "transient", significant: true }),
    ).rejects.toMatchObject({ reason: "bad_combination" });
    expect(await sup.whichChildren()).toEqual([{ id: "a", ref: log.ref("a"), type: "worker" }]);
    await sup.stop();
  });

  test("the object that getChildSpec returns is the caller's own", async () => {
    const sup = await startSupervisor({ ...one, children: [{ id: "a", start }] });
    (await sup.getChildSpec("a")).restart = "temporary";
    expect((await sup.getChildSpec("a")).restart).toBe("permanent");
    await sup.stop();
  });
});

describe("children lists", () => {
  test("take whatever has childSpec(), an object or a class, frozen specs and getters; so does startChild", async () => {
    const log = new Log();
    let looks = 0;
    class Module {
      static childSpec = (): ChildSpec => log.worker("class");
    }
    const children = [
      { childSpec: () => log.worker("object") },
      Module,
      Object.freeze(log.worker("frozen")),
      {
        ...log.worker("spread"),
        get id() {
          looks++;
          return looks === 1 ? "getter" : "another";
        },
      },
    ];
    const sup = await startSupervisor({ ...one, children });
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual([
      "object",
      "class",
      "frozen",
      "getter",
    ]);
    await sup.startChild({ childSpec: () => log.worker("later") });
    await sup.startChild(
      class extends Module {
        static override childSpec = (): ChildSpec => log.worker("class, later");
      },
    );
    expect(log.take().slice(4)).toEqual(["+later", "+class, later"]);
    await sup.stop();
  });

  test("are read when they are given: what becomes of the list or the spec later changes nothing", async () => {
    const log = new Log();
    const spec = log.worker("a");
    const children = [spec];
    const nested = supervisor({ id: "s", ...one, children });
    children.push(log.worker("b"));
    spec.id = "z";
    const sup = await startSupervisor({ ...one, children: [nested] });
    spec.restart = "temporary";
    expect(log.take()).toEqual(["+a"]);
    const [before] = await sup.whichChildren();
    await log.crash("a");
    await log.reborn("a", () => log.ref("a").kill());
    expect(await sup.whichChildren()).toEqual([before]);
    await sup.stop();
  });

  test("call start without a this", async () => {
    const receivers: unknown[] = [];
    const spec: ChildSpec = {
      id: "a",
      async start(this: unknown) {
        receivers.push(this);
        return "ignore";
      },
    };
    await startOne(spec);
    expect(receivers).toEqual([undefined]);
  });
});

describe("actor()", () => {
  test("calls the functions of its options as methods of it", async () => {
    const seen: string[] = [];
    const options = {
      id: "a",
      greeting: "hello",
      init() {
        seen.push(this.greeting);
      },
      receive() {},
      terminate() {
        seen.push(this.greeting);
      },
    };
    const { greeting, ...rest } = options;
    const sup = await startSupervisor({
      ...one,
      children: [actor(Object.create({ greeting }, Object.getOwnPropertyDescriptors(rest)))],
    });
    await sup.stop();
    expect(seen).toEqual(["hello", "hello"]);
  });
});
