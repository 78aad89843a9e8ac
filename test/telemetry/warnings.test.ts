import { afterEach, expect, jest, test } from "@jest/globals";
import {
  defineCache,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { actor } from "../../src/actor.js";
import { SimulatedClock } from "../../src/testing.js";
import { Listener, until } from "../helpers/actors.js";

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
  expect(all[1]).toMatch(/gives up: child "fragile" fails too often; sibling are ended with it/);
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
        handler: ({ target }) =>
          target.kind === "key" && target.key === 100 ? new Promise(() => {}) : undefined,
      }),
    ],
  });
  const told = cache.subscribe(() => {}, { gaps: true });
  for (let key = 0; key < 20; key++) cache.put(key, key);
  await whenIdle(cache);
  told[Symbol.dispose]();
  expect(all).toEqual([]);
  const deaf = cache.subscribe(() => {});
  for (let key = 0; key < 20; key++) cache.put(key, key + 1);
  await whenIdle(cache);
  deaf[Symbol.dispose]();
  expect(all).toEqual([expect.stringMatching(/gap of a reader without a group on stream warned/)]);
  cache.put(100, 1);
  await clock.settle();
  await tree.stop();
  expect(all.slice(1)).toEqual([expect.stringMatching(/undelivered .*: 1 events are left/)]);
});
