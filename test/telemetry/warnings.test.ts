import { afterEach, expect, jest, test } from "@jest/globals";
import {
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { actor, type ActorRef, createSystem, spawn } from "../../src/actor.js";
import { channels } from "../../src/telemetry/channels.js";
import { observeReports } from "../../src/telemetry/reports.js";
import { SimulatedClock } from "../../src/testing.js";
import { failure, Listener, rest, until } from "../helpers/actors.js";

afterEach(() => {
  jest.restoreAllMocks();
});

function warnings(): { readonly all: string[] } {
  const all: string[] = [];
  jest.spyOn(process, "emitWarning").mockImplementation((text, options) => {
    const { type, detail } = options as { type: string; detail: string };
    all.push(`${type}: ${detail}: ${String(text)}`);
  });
  return { all };
}

const failing = (id: string): ReturnType<typeof actor> =>
  actor({
    id,
    receive: () => {
      throw new Error("boom");
    },
  });

async function crashUntilItEnds(id: string): Promise<void> {
  const tree = await startSupervisor({
    strategy: "one_for_one",
    maxRestarts: 1,
    children: [failing(id), actor({ id: "sibling", receive: () => {} })],
  });
  const refOf = async (): Promise<{ dispatch(message: unknown): void; alive: boolean }> =>
    (await tree.whichChildren())[0]?.ref as never;
  const first = await refOf();
  first.dispatch("crash");
  await until(async () => (await refOf()) !== first);
  (await refOf()).dispatch("crash");
  await tree.exited;
  await tree.stop();
}

test("a child that crashes and a supervisor that gives up are warned of, the first at once", async () => {
  const { all } = warnings();
  await crashUntilItEnds("fragile");
  expect(all).toHaveLength(2);
  expect(all[0]).toMatch(
    /^NebulexWarning: child "fragile" of .* ended \(.*\): Error: boom\n.* at /s,
  );
  expect(all[1]).toMatch(/gives up: child "fragile" fails too often; 1 sibling is ended with it/);
});

test("what observes the reports of a channel silences nothing", async () => {
  const { all } = warnings();
  const ids: string[] = [];
  const note = ({ childId }: { childId: string }) => void ids.push(childId);
  const ends = [channels.childTerminated, channels.restart, channels.gaveUp].map((channel) =>
    observeReports(channel, note),
  );
  await crashUntilItEnds("observed");
  expect(all).toHaveLength(2);
  expect(ids).toEqual(["observed", "observed", "observed", "observed"]);
  for (const end of ends) end();
  await crashUntilItEnds("not observed");
  expect(ids).toHaveLength(4);
});

test("whoever listens to the channel silences it; so do orderly ends and kills", async () => {
  const { all } = warnings();
  {
    using _ended = new Listener("nebulex.supervisor.child_terminated");
    using _gaveUp = new Listener("nebulex.supervisor.gave_up");
    await crashUntilItEnds("listened");
  }
  await using tree = await startSupervisor({
    strategy: "one_for_one",
    children: [failing("killed"), failing("stopped")],
  });
  for (const { ref } of await tree.whichChildren()) await (ref as { kill(): Promise<void> }).kill();
  await tree.stop();
  expect(all).toEqual([]);
});

test("a gap is warned of where the reader is not given gaps, and events left at a stop are", async () => {
  const { all } = warnings();
  const clock = new SimulatedClock();
  const cache = defineCache<number, number>({ name: "warned" });
  const tree = await startSupervisor({
    clock,
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, capacity: 4, retain: 1 }),
      handlerPool({
        cache,
        shutdown: 0,
        handler: {
          handle: ({ target }) =>
            target.kind === "key" && target.key === 100 ? new Promise(() => {}) : undefined,
          onGap: () => {},
        },
      }),
    ],
  });
  const reader = cache.subscribe(() => {}, { gaps: true });
  for (let key = 0; key < 20; key++) cache.put(key, key);
  await whenIdle(cache);
  reader[Symbol.dispose]();
  expect(all).toEqual([]);
  const deaf = cache.subscribe(() => {});
  for (let key = 0; key < 20; key++) cache.put(key, key + 1);
  await whenIdle(cache);
  await rest();
  deaf[Symbol.dispose]();
  expect(all).toEqual([expect.stringMatching(/gap of a reader without a group on stream warned/)]);
  cache.put(100, 1);
  await clock.settle();
  await tree.stop();
  expect(all.slice(1)).toEqual([
    expect.stringMatching(/undelivered .*: 1 event is left at a stop/),
  ]);
});

const crasher = {
  receive: (): never => {
    throw new Error("boom");
  },
};

test("an actor without a supervisor that crashes is warned of, unnamed ones of one parent together", async () => {
  const { all } = warnings();
  await using system = createSystem({ name: "lonely" });
  for (const options of [{}, {}, { name: "named" }]) {
    (await spawn(system, crasher, options)).dispatch("crash");
    await rest();
  }
  expect(all).toEqual([
    expect.stringMatching(/actor \/lonely\/actor-\* ended: Error: boom\n/),
    expect.stringMatching(/actor \/lonely\/named ended: Error: boom\n/),
  ]);
});

test("so is one that another actor has spawned", async () => {
  const { all } = warnings();
  await using system = createSystem({ name: "parents" });
  const parent = await spawn(system, {
    init: async (ctx) => {
      const child = await ctx.spawn(crasher, { name: "spawned" });
      child.dispatch("crash");
    },
    receive: () => {},
  });
  await rest();
  expect(parent.alive).toBe(true);
  expect(all).toEqual([expect.stringMatching(/actor \/parents\/.*\/spawned ended: Error: boom/)]);
});

test("a monitor or the channel silences it; a kill, an orderly stop and a failed init are not warned of", async () => {
  const { all } = warnings();
  await using system = createSystem({ name: "watched" });
  const monitored = await spawn(system, crasher, { name: "monitored" });
  monitored.monitor(() => {});
  monitored.dispatch("crash");
  await rest();
  {
    using exits = new Listener<{ ref: unknown; reason: unknown }>("nebulex.actor.exit");
    const observed = await spawn(system, crasher, { name: "observed" });
    observed.dispatch("crash");
    await rest();
    expect(exits.messages).toEqual([{ ref: observed, reason: new Error("boom") }]);
  }
  await (await spawn(system, crasher)).kill();
  await (await spawn(system, crasher)).stop();
  const init = (): never => {
    throw new Error("no");
  };
  await failure(spawn(system, { init, receive: () => {} }));
  await rest();
  expect(all).toEqual([]);
});

test("a supervised actor is reported by its supervisor alone, also one that crashes as it comes up", async () => {
  const { all } = warnings();
  using exits = new Listener("nebulex.actor.exit");
  await using tree = await startSupervisor({
    strategy: "one_for_one",
    children: [
      {
        id: "early",
        restart: "temporary",
        start: async (ctx) => {
          const ref = await spawn(ctx, crasher);
          ref.dispatch("crash");
          return ref;
        },
      },
    ],
  });
  await until(async () => (await tree.countChildren()).specs === 0);
  await rest();
  expect(exits.messages).toEqual([]);
  expect(all).toEqual([expect.stringMatching(/child "early" of .* ended/)]);
});

test("a gap that one reader is given is not warned of; nor is one on a stream without readers", async () => {
  const { all } = warnings();
  const cache = defineCache<number, number>({ name: "half-reported" });
  await using tree = await startSupervisor({
    strategy: "one_for_one",
    children: [cache, streamServer({ cache })],
  });
  const crash = async (): Promise<void> => {
    using _ended = new Listener("nebulex.supervisor.child_terminated");
    using restarts = new Listener("nebulex.supervisor.restart");
    cache.put(1, 1);
    const [child] = await tree.whichChildren();
    const ref = child?.ref as ActorRef;
    await ref.stop(new Error("crash"));
    await until(() => restarts.messages.length > 0);
    await until(async () =>
      (await tree.whichChildren()).every(({ ref }) => typeof ref === "object"),
    );
    await rest();
  };
  await crash();
  expect(all).toEqual([]);
  const given: string[] = [];
  cache.subscribe(() => {});
  cache.subscribe(({ type }) => void given.push(type), { gaps: true });
  await crash();
  expect(given).toContain("gap");
  expect(all).toEqual([]);
});

test("an orderly stop with nothing unread is not warned of, whatever readers there are", async () => {
  const { all } = warnings();
  const cache = defineCache<number, number>({ name: "orderly" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache }), handlerPool({ cache, handler: () => {} })],
  });
  cache.subscribe(() => {});
  cache.put(1, 1);
  await whenIdle(cache);
  await tree.stop();
  await rest();
  expect(all).toEqual([]);
});

test("an overrun is warned of before the events behind it are handled", async () => {
  const { all } = warnings();
  const cache = defineCache<number, number>({ name: "overrun" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, capacity: 4, retain: 1 })],
  });
  let warnedBefore: number | undefined;
  cache.subscribe(() => void (warnedBefore ??= all.length));
  for (let key = 0; key < 20; key++) cache.put(key, key);
  await whenIdle(cache);
  expect(warnedBefore).toBe(1);
  expect(all).toEqual([expect.stringMatching(/gap of a reader without a group on stream overrun/)]);
});

test("a pool whose handler has no onGap is not given its gaps", async () => {
  const { all } = warnings();
  const cache = defineCache<number, number>({ name: "no-on-gap" });
  let release!: () => void;
  const held = new Promise<void>((resolve) => (release = resolve));
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, capacity: 4, retain: 1 }),
      handlerPool({ cache, handler: () => held }),
    ],
  });
  for (let key = 0; key < 20; key++) cache.put(key, key);
  await rest();
  for (let key = 0; key < 20; key++) cache.put(key, key);
  release();
  await whenIdle(cache);
  await rest();
  expect(all).toEqual([expect.stringMatching(/gap of group no-on-gap:handlers on stream/)]);
});
