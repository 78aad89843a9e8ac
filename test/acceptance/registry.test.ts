import { describe, expect, test } from "@jest/globals";
import {
  createRegistry,
  createSystem,
  OptionError,
  RegistryError,
  spawn,
  startSupervisor,
} from "nebulex-streams/actor";
import { caught, one, Stage } from "./stage.js";

const idle = { receive: () => {} };

async function actors(count: number) {
  const system = createSystem({ name: "registry" });
  const refs = await Promise.all(Array.from({ length: count }, () => spawn(system, idle)));
  return { system, refs: refs as [(typeof refs)[0], (typeof refs)[0]] };
}

describe("unique keys", () => {
  test("a taken key is refused to all, its holder included, and nothing changes", async () => {
    const { system, refs } = await actors(2);
    const [a, b] = refs;
    const registry = createRegistry(system, { keys: "unique" });
    registry.register("k", a, 1);
    for (const ref of [a, b]) {
      const error = await caught(() => registry.register("k", ref, 2));
      expect(error).toBeInstanceOf(RegistryError);
      expect(error).toMatchObject({ code: "E_REGISTRY", reason: "already_registered", ref: a });
    }
    expect(registry.lookup("k")).toEqual([{ ref: a, value: 1 }]);
    expect([registry.keys(a), registry.keys(b), registry.count()]).toEqual([["k"], [], 1]);
    registry.unregister("k", b);
    expect(registry.count()).toBe(1);
    registry.unregister("k", a);
    registry.register("k", b);
    expect(registry.lookup("k")).toEqual([{ ref: b, value: undefined }]);
  });

  test("a dead holder never stands in the way, a dead newcomer gets nothing", async () => {
    const { system, refs } = await actors(2);
    const [a, b] = refs;
    const registry = createRegistry(system, { keys: "unique" });
    registry.register("k", a);
    void a.kill();
    registry.register("k", b);
    expect(await caught(() => registry.register("other", a))).toMatchObject({
      reason: "noproc",
      ref: a,
    });
    expect(registry.lookup("k")).toEqual([{ ref: b, value: undefined }]);
    expect(registry.count()).toBe(1);
  });

  test("keys compare as in a Map", async () => {
    const { system, refs } = await actors(1);
    const registry = createRegistry(system, { keys: "unique" });
    const keys = [1, "1", Number.NaN, null, undefined, "", {}, {}, Symbol("k"), Symbol("k"), 1n];
    for (const key of keys) registry.register(key, refs[0]);
    expect(registry.count()).toBe(keys.length);
    for (const key of [Number.NaN, 1.0])
      expect(() => registry.register(key, refs[0])).toThrow(RegistryError);
    registry.register(0, refs[0]);
    expect(() => registry.register(-0, refs[0])).toThrow(RegistryError);
    await refs[0].kill();
    expect(registry.count()).toBe(0);
  });
});

describe("duplicate keys", () => {
  test("hold every entry; unregister takes the actor's own, all of them under the key", async () => {
    const { system, refs } = await actors(2);
    const [a, b] = refs;
    const registry = createRegistry(system, { keys: "duplicate" });
    registry.register("k", a, 1);
    registry.register("k", b, 2);
    registry.register("k", a, 3);
    registry.register("l", a, 4);
    expect(registry.lookup("k").map(({ value }) => value)).toEqual([1, 2, 3]);
    expect(registry.keys(a)).toEqual(["k", "k", "l"]);
    expect(registry.count()).toBe(4);
    registry.unregister("k", a);
    expect(registry.lookup("k")).toEqual([{ ref: b, value: 2 }]);
    expect(registry.keys(a)).toEqual(["l"]);
    registry.unregister("never", a);
    await a.kill();
    expect([registry.count(), registry.keys(a)]).toEqual([1, []]);
  });

  test("dispatch calls once with all of them, not at all with none; its error is the caller's", async () => {
    const { system, refs } = await actors(2);
    const registry = createRegistry(system, { keys: "duplicate" });
    for (const ref of refs) registry.register("k", ref);
    const calls: number[] = [];
    registry.dispatch("k", (entries) => calls.push(entries.length));
    registry.dispatch("none", (entries) => calls.push(entries.length));
    expect(calls).toEqual([2]);
    const dispatch = () =>
      registry.dispatch("k", () => {
        throw new Error("dispatch");
      });
    expect(dispatch).toThrow(new Error("dispatch"));
  });
});

test("a name is taken before init runs, is refused to a second, and free again after the end", async () => {
  const system = createSystem({ name: "names" });
  let found: unknown;
  const ref = await spawn(
    system,
    { ...idle, init: (ctx) => void (found = ctx.system.registry.lookup("n")[0]?.ref === ctx.self) },
    { name: "n" },
  );
  expect([found, ref.id]).toEqual([true, "n"]);
  let ran = false;
  const second = spawn(system, { ...idle, init: () => void (ran = true) }, { name: "n" });
  expect(await caught(second)).toMatchObject({
    code: "E_REGISTRY",
    reason: "already_registered",
    ref,
  });
  expect([ran, system.registry.count()]).toEqual([false, 1]);
  await ref.stop();
  const fails = { ...idle, init: () => Promise.reject(new Error("init")) };
  expect(await caught(spawn(system, fails, { name: "n" }))).toEqual(new Error("init"));
  await spawn(system, idle, { name: "n" });
});

test("a restarted child has no entries until it registers again", async () => {
  const stage = new Stage();
  let register = true;
  await using sup = await startSupervisor({
    ...one,
    children: [
      stage.worker("a", {
        init: (ctx) => {
          if (register) ctx.register("k", "value");
          return 0;
        },
      }),
    ],
  });
  const { registry } = sup.system;
  const first = stage.ref("a");
  expect(registry.lookup("k")).toEqual([{ ref: first, value: "value" }]);
  const second = await stage.reborn("a");
  expect(registry.lookup("k")).toEqual([{ ref: second, value: "value" }]);
  register = false;
  await stage.reborn("a");
  expect([registry.lookup("k"), registry.count()]).toEqual([[], 0]);
});

test("what is no system, no kind of keys, no ref or no function is an OptionError", async () => {
  const { system, refs } = await actors(1);
  for (const wrong of [{}, { keys: "both" }, { keys: "unique", partitions: 2 }, null])
    expect(() => createRegistry(system, wrong as never)).toThrow(OptionError);
  expect(() => createRegistry({} as never, { keys: "unique" })).toThrow(OptionError);
  const registry = createRegistry(system, { keys: "unique" });
  for (const ref of [undefined, {}, refs[0].id]) {
    expect(() => registry.register("k", ref as never)).toThrow(OptionError);
    expect(() => registry.unregister("k", ref as never)).toThrow(OptionError);
    expect(() => registry.keys(ref as never)).toThrow(OptionError);
  }
  expect(() => registry.dispatch("k", undefined as never)).toThrow(OptionError);
  expect(registry.count()).toBe(0);
});

test.each([
  ["one key", () => "topic"],
  ["keys of their own", (n: number) => n],
])("20,000 actors under %s are gone from it when they have died", async (_what, keyOf) => {
  const { system, refs } = await actors(20_000);
  const registry = createRegistry(system, { keys: "duplicate" });
  for (const [n, ref] of refs.entries()) registry.register(keyOf(n), ref);
  expect(registry.count()).toBe(20_000);
  for (const ref of refs) void ref.kill();
  expect(registry.count()).toBe(0);
});
