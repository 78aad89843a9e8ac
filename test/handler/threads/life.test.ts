import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ActorRef } from "../../../src/index.js";
import { Built } from "../../helpers/built.js";
import { Listener } from "../../helpers/actors.js";
import { recordWarnings } from "../../helpers/warnings.js";
import { eventually, type Package, World } from "./world.js";

const warnings = recordWarnings();
let built: Built;
let pkg: Package;
beforeAll(async () => {
  built = await Built.make();
  pkg = await built.load<Package>("index.js");
}, 60_000);
afterAll(() => built[Symbol.asyncDispose]());

const thrownBy = (fn: () => unknown): unknown => {
  try {
    return fn();
  } catch (error) {
    return error;
  }
};

const startFailure = async (options: Parameters<typeof World.start>[1]): Promise<Error> => {
  try {
    await using world = await World.start(pkg, options);
    throw new Error("it started", { cause: world });
  } catch (error) {
    let inner = error as Error;
    while (inner instanceof pkg.SupervisorError) {
      expect(inner.reason).toBe("failed_to_start_child");
      inner = inner.cause as Error;
    }
    return inner;
  }
};

describe("a start error names the module, and says what is wrong with it:", () => {
  test.each([
    { wrong: "not found", module: "gone.mjs", says: /gone\.mjs.*Cannot find module/s },
    { wrong: "syntax error", source: "export default {;", says: /Unexpected token/ },
    { wrong: "throws", source: "throw new Error('no database');", says: /no database/ },
    { wrong: "no default export", source: "export const a = 1;", says: /a function, or an object/ },
    { wrong: "wrong default export", source: "export default 5;", says: /got: 5/ },
    { wrong: "no handle", source: "export default {};", says: /"handle"/ },
    { wrong: "wrong init", source: "export default { handle() {}, init: 1 };", says: /"init"/ },
    { wrong: "exits", source: "process.exit(3);", says: /exited with code 3/ },
    { wrong: "hangs", source: "for (;;);", says: /was not up within 400 ms/ },
    { wrong: "never loads", source: "await new Promise(() => {});", says: /exited|was not up/ },
    {
      wrong: "init fails",
      source: "export default { init() { throw new Error('no state') }, handle() {} };",
      says: /no state/,
    },
    {
      wrong: "init hangs",
      source:
        "export default { init: () => new Promise(() => setTimeout(() => {}, 1e6)), handle() {} };",
      says: /was not up within 400 ms/,
    },
  ])("$wrong", async ({ says, wrong, ...options }) => {
    const timeout = wrong === "hangs" || wrong === "init hangs" ? 400 : 20_000;
    const error = await startFailure({ ...options, pool: { workers: 1, timeout } });
    expect(error).toBeInstanceOf(pkg.WorkerThreadError);
    expect(error.message).toMatch(says);
    const { module } = error as InstanceType<Package["WorkerThreadError"]>;
    expect(module).toContain(options.module ?? "handler.mjs");
    expect(error.message).toContain(module);
  });
});

test.each([
  ["module", { module: "./handler.js" }],
  ["module", { module: 5 }],
  ["workers", { workers: 0 }],
  ["timeout", { timeout: 0 }],
  ["batchSize", { batchSize: 0 }],
  ["resourceLimits", { resourceLimits: 5 }],
  ["heap", { resourceLimits: { heap: 5 } }],
  ["resourceLimits.stackSizeMb", { resourceLimits: { stackSizeMb: "4" } }],
  ["handler", { handler: () => {} }],
  ["concurrency", { concurrency: 2 }],
])("a wrong option is refused where it is given: %s %j", (option, wrong) => {
  const cache = pkg.defineCache({ name: "wrong" });
  const make = () =>
    pkg.workerPool({ cache, module: new URL("file:///handler.js"), ...(wrong as object) });
  expect(thrownBy(make)).toMatchObject({ name: "OptionError", option });
});

test("init and terminate run once a partition; an orderly stop handles all that is written first", async () => {
  const world = await World.start(pkg, { partitions: 3, pool: { batchSize: 4 } });
  for (let n = 0; n < 60; n++) world.cache.put(`${n % 3}:${n}`, { do: "pause", with: 1 });
  await world.sup.stop();
  const { notes } = world;
  await world[Symbol.asyncDispose]();
  for (const partition of [0, 1, 2]) {
    const calls = notes.filter((note) => note.partition === partition).map(({ call }) => call);
    expect(calls[0]).toBe("init");
    expect(calls.filter((call) => call === "handled")).toHaveLength(20);
    expect(calls.at(-1)).toBe("terminate");
    expect(calls.filter((call) => call === "init" || call === "terminate")).toHaveLength(2);
  }
  expect(
    notes.filter(({ call }) => call === "terminate").map(({ reason, count }) => [reason, count]),
  ).toEqual([
    ["shutdown", 20],
    ["shutdown", 20],
    ["shutdown", 20],
  ]);
});

test("a failure during an orderly stop ends neither the thread nor the draining", async () => {
  const world = await World.start(pkg, { partitions: 2, pool: { workers: 1 } });
  for (let n = 0; n < 20; n++)
    world.cache.put(
      `${n % 2}:${n}`,
      n === 6 || n === 9 ? { do: "throw" } : { do: "pause", with: 1 },
    );
  await world.sup.stop();
  const { notes, letters } = world;
  await world[Symbol.asyncDispose]();
  expect(new Set(letters.map(({ key }) => key))).toEqual(new Set(["0:6", "1:9"]));
  expect(notes.filter(({ call }) => call === "handled")).toHaveLength(18);
});

test("what is not handled within the shutdown time stays behind the group's position, and is reported", async () => {
  using undelivered = new Listener<{ count: number }>("nebulex.streams.undelivered");
  const world = await World.start(pkg, { pool: { shutdown: 200 } });
  world.put({ a: null, b: { do: "pause", with: 100_000 }, c: null });
  await eventually(() => world.handles.length === 2);
  await world.sup.stop();
  await world[Symbol.asyncDispose]();
  expect(undelivered.messages.map(({ count }) => count)).toEqual([2]);
});

test.each(["killed", "stopped"])(
  "when a partition's worker is %s, no attempt counts, and what was handled is not handled again",
  async (how) => {
    const world = await World.start(pkg, { partitions: 2, pool: { workers: 1 } });
    await using _ = world;
    world.put({ "0:a": null, "0:b": null, "0:c": { do: "held" }, "0:d": null });
    await eventually(() => world.calls("stuck").length === 1);
    const worker = await world.child("jobs:workers:0");
    const ended = how === "killed" ? worker.kill() : worker.stop("shutdown");
    if (how === "killed") await eventually(() => world.calls("stuck").length === 2);
    world.release();
    await ended;
    await world.idle();
    expect(world.handled(0)).toEqual(["0:a", "0:b", "0:c", "0:d"]);
    expect(world.handles).toEqual(
      how === "killed"
        ? ["0:a 1", "0:b 1", "0:c 1", "0:c 1", "0:d 1"]
        : ["0:a 1", "0:b 1", "0:c 1", "0:d 1"],
    );
    expect(world.letters).toEqual([]);
  },
);

test.each(["killed", "stopped"])(
  "when a thread's actor is %s, the next thread continues, and no attempt counts",
  async (how) => {
    const world = await World.start(pkg, { partitions: 2, pool: { workers: 1 } });
    await using _ = world;
    world.put({ "0:a": null, "0:b": { do: "held" }, "0:c": null, "1:d": null });
    await eventually(() => world.calls("stuck").length === 1);
    const thread = await world.child("jobs:workers:thread:0");
    const ended = how === "killed" ? thread.kill() : thread.stop("shutdown");
    if (how === "killed") await eventually(() => world.calls("stuck").length === 2);
    world.release();
    await ended;
    world.put({ "1:e": null });
    await world.idle();
    expect(world.handled(0)).toEqual(["0:a", "0:b", "0:c"]);
    expect(world.handled(1)).toEqual(["1:d", "1:e"]);
    expect(world.calls("handle").every(({ attempt }) => attempt === 1)).toBe(true);
    expect(world.handles.filter((line) => line === "0:b 1")).toHaveLength(how === "killed" ? 2 : 1);
    expect(world.calls("terminate")).toHaveLength(how === "killed" ? 0 : 2);
  },
);

test.each(["jobs", "jobs:stream", "jobs:workers"])(
  "the crash of %s loses nothing that is in the log, and doubles nothing that is handled",
  async (id) => {
    const world = await World.start(pkg, { partitions: 2 });
    await using _ = world;
    for (let n = 0; n < 40; n++) world.cache.put(`${n % 2}:${n}`, { do: "pause", with: 2 });
    await eventually(() => world.handled(0).length > 3);
    const ref = (await world.children(world.sup)).get(id);
    await ref?.stop(new Error("crash"));
    await world.children(world.sup);
    await eventually(() => pkg.lookupStream(world.cache)?.registered === true);
    world.put({ "0:last": null, "1:last": null });
    await world.idle();
    for (const partition of [0, 1]) {
      const expected = Array.from(
        { length: 20 },
        (_none, n) => `${partition}:${n * 2 + partition}`,
      );
      expect(world.handled(partition)).toEqual([...expected, `${partition}:last`]);
    }
  },
);

test.each([
  { known: "known", source: undefined, maxRestarts: 1 },
  {
    known: "one of several",
    source: `
      let begun = 0;
      setInterval(() => begun === 4 && process.exit(7), 1);
      export default () => (begun++, new Promise(() => {}));`,
    maxRestarts: 0,
  },
])(
  "a pool whose threads keep failing gives up at once, without waiting for what can't be handled: the event to blame is $known",
  async ({ source, maxRestarts }) => {
    using gaveUp = new Listener<{ childId: string }>("nebulex.supervisor.gave_up");
    using ended = new Listener<{ childId: string }>("nebulex.supervisor.child_terminated");
    const world = await World.start(pkg, {
      partitions: 4,
      // Both supervisors' windows are longer than any start of a thread takes.
      maxSeconds: 3600,
      pool: { workers: 1, maxRestarts, maxSeconds: 3600, maxAttempts: 9, shutdown: 60_000 },
      ...(source === undefined ? undefined : { source }),
    });
    await using _ = world;
    for (const n of [0, 1, 2, 3]) world.put({ [`${n}:a`]: { do: "exit" } });
    await eventually(() => ended.messages.some(({ childId }) => childId === "jobs:workers"));
    expect(gaveUp.messages.map(({ childId }) => childId)).toContain("jobs:workers:thread:0");
  },
);

test("a thread that ends in the turn in which it was up is replaced, and gets no work", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-up-"));
  const file = (name: string): string => join(folder, name);
  const source = `
    import { existsSync, writeFileSync } from "node:fs";
    if (!existsSync(${JSON.stringify(file("loaded"))})) {
      writeFileSync(${JSON.stringify(file("loaded"))}, "");
      while (!existsSync(${JSON.stringify(file("goOn"))}));
      process.on("exit", () => writeFileSync(${JSON.stringify(file("gone"))}, ""));
      setTimeout(() => process.exit(7), 1);
    }
    export default () => {};`;
  try {
    using restarts = new Listener<unknown>("nebulex.supervisor.restart");
    const starting = World.start(pkg, { source, pool: { workers: 1 } });
    await eventually(() => existsSync(file("loaded")));
    writeFileSync(file("goOn"), "");
    // The main thread sees both at once: that the thread is up, and that it has ended.
    while (!existsSync(file("gone")));
    for (const end = performance.now() + 50; performance.now() < end;);
    await using world = await starting;
    world.put({ a: null });
    await world.idle();
    expect(restarts.messages).toHaveLength(1);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without maxRestarts a thread that can't start again is tried until it can", async () => {
  const folder = mkdtempSync(join(tmpdir(), "nebulex-streams-broken-"));
  const flag = join(folder, "broken");
  const source = `
    import { existsSync } from "node:fs";
    if (existsSync(${JSON.stringify(flag)})) throw new Error("broken");
    export default () => {};`;
  try {
    const pool = { maxRestarts: undefined as never, workers: 1 };
    await using world = await World.start(pkg, { source, pool });
    const supervisors = await world.sup.whichChildren();
    const workers = pkg.supervisorOf(supervisors[2]?.ref as ActorRef);
    const thread = async (): Promise<ActorRef> =>
      (await workers.whichChildren())[0]?.ref as ActorRef;
    using restarts = new Listener<unknown>("nebulex.supervisor.restart");
    writeFileSync(flag, "");
    await (await thread()).kill();
    await eventually(() => restarts.messages.length > 4);
    rmSync(flag);
    world.put({ a: null });
    await world.idle();
    expect((await thread()).alive).toBe(true);
    expect(world.sup.ref.alive).toBe(true);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("a gap goes to the handler in the thread, and all events outside it are handled", async () => {
  const world = await World.start(pkg, { stream: { capacity: 8, retain: 1 } });
  await using _ = world;
  world.put({ first: { do: "held" } });
  await eventually(() => world.calls("stuck").length === 1);
  for (let n = 0; n < 50; n++) world.put({ [`k${n}`]: null });
  world.release();
  await world.idle();
  const gaps = world.calls("gap");
  expect(gaps[0]).toMatchObject({ reason: "overrun", partition: null });
  const lost = gaps.reduce((sum, { from = 0, to = 0 }) => sum + to - from + 1, 0);
  expect(lost).toBeGreaterThan(0);
  expect(world.handled()).toHaveLength(51 - lost);
});

test("a gap is warned of if the handler in the thread has no onGap", async () => {
  const source = `
    import { appendFileSync, existsSync } from "node:fs";
    const log = new URL(import.meta.url).searchParams.get("log");
    export default async ({ target }) => {
      appendFileSync(log, JSON.stringify({ call: "handle", key: target.key, partition: null }) + "\\n");
      while (!existsSync(log + ".released")) await new Promise(setImmediate);
    };`;
  const world = await World.start(pkg, {
    source,
    stream: { capacity: 8, retain: 1 },
    pool: { group: "without-on-gap" },
  });
  await using _ = world;
  world.put({ first: null });
  await eventually(() => world.notes.length === 1);
  for (let n = 0; n < 50; n++) world.put({ [`k${n}`]: null });
  world.release();
  await world.idle();
  const gaps = warnings.filter((text) => text.includes("gap of group without-on-gap"));
  expect(gaps).toHaveLength(1);
});

test("a gap whose handler fails is given up, and the events behind it are handled", async () => {
  const source = `
    import { appendFileSync, existsSync } from "node:fs";
    const log = new URL(import.meta.url).searchParams.get("log");
    const note = (entry) => appendFileSync(log, JSON.stringify(entry) + "\\n");
    export default {
      async handle(event) {
        note({ call: "handle", key: event.target.key, partition: null });
        if (event.target.key !== "first") return;
        while (!existsSync(log + ".released")) await new Promise(setImmediate);
      },
      onGap(gap, state, { attempt }) {
        note({ call: "gap", attempt });
        if (attempt === 1) throw new Error("gap");
        process.exit(1);
      },
    };`;
  const world = await World.start(pkg, {
    source,
    stream: { capacity: 8, retain: 1 },
    pool: { maxAttempts: 2 },
  });
  await using _ = world;
  world.put({ first: null });
  await eventually(() => world.notes.length === 1);
  for (let n = 0; n < 50; n++) world.put({ [`k${n}`]: null });
  world.release();
  await world.idle();
  expect(world.calls("gap").map(({ attempt }) => attempt)).toEqual([1, 2]);
  expect(world.calls("handle").at(-1)?.key).toBe("k49");
});

test("lag and whenIdle count what is in a thread's hands", async () => {
  const world = await World.start(pkg);
  await using _ = world;
  world.put({ a: { do: "held" }, b: null });
  await eventually(() => world.calls("stuck").length === 1);
  const [group] = pkg.getStream(world.cache).groups();
  expect(group).toMatchObject({ group: "jobs:workers", lag: 2 });
  world.release();
  await world.idle();
  expect(world.handled()).toEqual(["a", "b"]);
});
