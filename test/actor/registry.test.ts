import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import {
  type ActorRef,
  type ActorSystem,
  createRegistry,
  createSystem,
  OptionError,
  type Registry,
  RegistryError,
  spawn,
  startSupervisor,
} from "../../src/actor.js";
import { Log, rest } from "../helpers/actors.js";

let system: ActorSystem;
beforeEach(() => {
  system = createSystem();
});
afterEach(async () => {
  await system.stop();
});

const idle = (): Promise<ActorRef<unknown>> => spawn(system, { receive: () => {} });

/** Registers the actor; returns whether that was accepted. */
function isRegistered(registry: Registry, key: unknown, ref: ActorRef<never>): boolean {
  try {
    registry.register(key, ref);
    return true;
  } catch (error) {
    if (error instanceof RegistryError) return false;
    throw error;
  }
}

function isEmpty(registry: Registry, ...refs: ActorRef<never>[]): boolean {
  return registry.count() === 0 && refs.every((ref) => registry.keys(ref).length === 0);
}

describe("unique keys", () => {
  test("a free key is given, a taken one is not, also to its own holder", async () => {
    const registry = createRegistry(system, { keys: "unique" });
    const [a, b] = [await idle(), await idle()];
    registry.register("key", a, 1);
    for (const ref of [a, b]) {
      expect(() => registry.register("key", ref, 2)).toThrow(
        expect.objectContaining({ code: "E_REGISTRY", reason: "already_registered", ref: a }),
      );
    }
    expect(registry.lookup("key")).toEqual([{ ref: a, value: 1 }]);
    expect([registry.keys(a), registry.keys(b), registry.count()]).toEqual([["key"], [], 1]);
  });

  test("the key of a dead actor is free, even while the actor's hooks run", async () => {
    const registry = createRegistry(system, { keys: "unique" });
    const other = await idle();
    let signal!: AbortSignal;
    const holder = await spawn(system, {
      init: (ctx) => {
        registry.register("key", ctx.self);
        signal = ctx.signal;
      },
      receive: () => {},
    });
    let found: unknown;
    signal.addEventListener("abort", () => {
      found = registry.lookup("key");
      registry.register("key", other);
    });
    await holder.kill();
    expect(found).toEqual([]);
    expect(registry.lookup("key")).toEqual([{ ref: other, value: undefined }]);
    expect([registry.keys(holder), registry.keys(other), registry.count()]).toEqual([
      [],
      ["key"],
      1,
    ]);
  });

  test("a dead actor gets no key", async () => {
    const ref = await idle();
    await ref.stop();
    for (const keys of ["unique", "duplicate"] as const) {
      const registry = createRegistry(system, { keys });
      expect(() => registry.register("key", ref)).toThrow(
        expect.objectContaining({ code: "E_REGISTRY", reason: "noproc", ref }),
      );
      expect(isEmpty(registry, ref)).toBe(true);
    }
  });
});

describe("duplicate keys", () => {
  test("hold any number of entries, oldest first, several of one actor", async () => {
    const registry = createRegistry(system, { keys: "duplicate" });
    const [a, b] = [await idle(), await idle()];
    registry.register("key", a, 1);
    registry.register("key", b, 2);
    registry.register("key", a, 3);
    expect(registry.lookup("key").map(({ ref, value }) => [ref === a, value])).toEqual([
      [true, 1],
      [false, 2],
      [true, 3],
    ]);
    expect([registry.keys(a), registry.keys(b), registry.count()]).toEqual([
      ["key", "key"],
      ["key"],
      3,
    ]);
    expect(registry.lookup("other")).toEqual([]);
  });
});

describe("entries of both kinds", () => {
  test("keys compare as in a Map", async () => {
    const registry = createRegistry(system, { keys: "unique" });
    const ref = await idle();
    const object = {};
    const symbols = [Symbol("key"), Symbol("key")];
    const keys = [object, {}, 1, "1", undefined, null, "", ...symbols, 1n, 0];
    for (const key of [Number.NaN, ...keys]) registry.register(key, ref);
    expect(registry.count()).toBe(keys.length + 1);
    expect(registry.lookup(object)).toHaveLength(1);
    for (const taken of [Number.NaN, 1.0, -0])
      expect(() => registry.register(taken, ref)).toThrow(RegistryError);
    registry.unregister(Number.NaN, ref);
    expect(registry.keys(ref)).toEqual(keys);
  });

  test.each(["unique", "duplicate"] as const)(
    "unregister takes the actor's own entries only: %s",
    async (keys) => {
      const registry = createRegistry(system, { keys });
      const [a, b] = [await idle(), await idle()];
      registry.register("key", a);
      if (keys === "duplicate") {
        registry.register("key", b);
        registry.register("key", b);
      }
      registry.register("other", b);
      registry.unregister("key", b);
      registry.unregister("never held", b);
      expect(registry.lookup("key").map(({ ref }) => ref)).toEqual([a]);
      registry.unregister("key", a);
      registry.unregister("key", a);
      expect(registry.lookup("key")).toEqual([]);
      expect([registry.keys(b), registry.count()]).toEqual([["other"], 1]);
    },
  );

  test("dispatch calls once with the entries, not at all without; its error is the caller's", async () => {
    const registry = createRegistry(system, { keys: "duplicate" });
    const ref = await idle();
    for (const value of [1, 2]) registry.register("key", ref, value);
    const calls: unknown[] = [];
    expect(registry.dispatch("key", (entries) => calls.push(entries))).toBeUndefined();
    registry.dispatch("other", (entries) => calls.push(entries));
    expect(calls).toEqual([
      [
        { ref, value: 1 },
        { ref, value: 2 },
      ],
    ]);
    expect(() =>
      registry.dispatch("key", () => {
        throw new Error("caller's");
      }),
    ).toThrow("caller's");
    expect(() => registry.dispatch("key", "fn" as never)).toThrow(OptionError);
  });

  test.each(["stop", "kill", "crash"])("death by %s drops all entries", async (how) => {
    const log = new Log();
    const unique = createRegistry(system, { keys: "unique" });
    const duplicate = createRegistry(system, { keys: "duplicate" });
    const ref = await spawn(system, log.behavior("a"), { name: "named" });
    unique.register("key", ref);
    for (const key of ["key", "key", "other"]) duplicate.register(key, ref);
    const listed: unknown[] = [];
    ref.monitor(() => listed.push(unique.count(), duplicate.count(), system.registry.count()));
    if (how === "stop") void ref.stop();
    else if (how === "kill") void ref.kill();
    else ref.dispatch("crash");
    await rest();
    expect(listed).toEqual([0, 0, 0]);
    expect(isEmpty(unique, ref) && isEmpty(duplicate, ref)).toBe(true);
  });

  test("a restarted child has no entries until it registers again, under a key that is free by then", async () => {
    const log = new Log();
    let registers = true;
    const sup = await startSupervisor({
      strategy: "one_for_one",
      system,
      children: [
        log.worker("a", {
          init: (ctx) => {
            if (registers) ctx.register("key", "value");
            return "a";
          },
        }),
      ],
    });
    const first = log.ref("a");
    expect(system.registry.lookup("key")).toEqual([{ ref: first, value: "value" }]);
    await log.crash("a");
    expect(system.registry.lookup("key")).toEqual([{ ref: log.ref("a"), value: "value" }]);
    expect(log.ref("a")).not.toBe(first);
    registers = false;
    await log.crash("a");
    expect([system.registry.lookup("key"), system.registry.count()]).toEqual([[], 0]);
    registers = true;
    await log.crash("a");
    await sup.stop();
    expect(system.registry.lookup("key")).toEqual([]);
  });
});

test("what is given out is the caller's own", async () => {
  const registry = createRegistry(system, { keys: "duplicate" });
  const ref = await idle();
  registry.register("key", ref);
  registry.lookup("key").pop();
  registry.keys(ref).pop();
  registry.dispatch("key", (entries) => void entries.pop());
  expect([registry.lookup("key").length, registry.keys(ref).length]).toEqual([1, 1]);
});

test("createRegistry and its functions check what they are given", async () => {
  for (const options of [{}, { keys: "some" }, { keys: "unique", partitions: 2 }, undefined, null])
    expect(() => createRegistry(system, options as never)).toThrow(OptionError);
  expect(() => createRegistry({} as never, { keys: "unique" })).toThrow(OptionError);
  const registry = createRegistry(system, { keys: "unique" });
  for (const ref of [undefined, {}, (await idle()).id] as never[]) {
    expect(() => registry.register("key", ref)).toThrow(OptionError);
    expect(() => registry.unregister("key", ref)).toThrow(OptionError);
    expect(() => registry.keys(ref)).toThrow(OptionError);
  }
  expect(registry.count()).toBe(0);
});

test.each(["unique", "duplicate"] as const)(
  "does what a list of entries would do, whatever is done with it: %s",
  async (keys) => {
    const action = fc.record({
      what: fc.constantFrom("register", "register", "register", "unregister", "kill"),
      key: fc.nat({ max: 3 }),
      holder: fc.nat({ max: 3 }),
    });
    await fc.assert(
      asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
        const registry = createRegistry(system, { keys });
        const refs = await Promise.all([idle(), idle(), idle(), idle()]);
        const outcomes: [boolean, boolean][] = [];
        let model: { key: number; ref: ActorRef }[] = [];
        for (const { what, key, holder } of actions) {
          const ref = refs[holder] as ActorRef;
          if (what === "kill") {
            await ref.kill();
            model = model.filter((entry) => entry.ref !== ref);
          } else if (what === "unregister") {
            registry.unregister(key, ref);
            model = model.filter((entry) => entry.ref !== ref || entry.key !== key);
          } else {
            const free = keys === "duplicate" || !model.some((entry) => entry.key === key);
            if (ref.alive && free) model.push({ key, ref });
            outcomes.push([isRegistered(registry, key, ref), ref.alive && free]);
          }
          expect(registry.count()).toBe(model.length);
        }
        for (const ref of refs) {
          const held = model.filter((entry) => entry.ref === ref).map((entry) => entry.key);
          expect(registry.keys(ref)).toEqual(held);
          await ref.kill();
        }
        expect(outcomes.map(([registered]) => registered)).toEqual(
          outcomes.map(([, expected]) => expected),
        );
        expect(isEmpty(registry)).toBe(true);
      }),
      { numRuns: 60 },
    );
  },
);
