import { describe, expect, test } from "@jest/globals";
import {
  type BatchHandlerOptions,
  batchHandler,
  defineCache,
  handlerPool,
  type HandlerPoolOptions,
  OptionError,
  whenIdle,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import { keys, kill, poolOf, putKeys, show, Tree, type UserEvent } from "../helpers/streams.js";

type Batches = string[][];

interface Setting extends Partial<BatchHandlerOptions<string, number>> {
  pool?: Partial<HandlerPoolOptions<string, number>>;
  stream?: object;
}

async function start({ pool, stream, ...options }: Setting = {}) {
  const clock = new SimulatedClock();
  const batches: Batches = [];
  const handler: BatchHandlerOptions<string, number> = {
    maxSize: 3,
    maxWait: 100,
    handle: (events) => void batches.push(events.map(show)),
    ...options,
  };
  const tree = await Tree.start({
    clock,
    ...(stream === undefined ? {} : { stream }),
    children: (users) => [poolOf(users, handler as never, pool)],
  });
  return { clock, batches, tree };
}

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

describe("a batch handler", () => {
  test("gets full batches at once, and the rest when its first event has waited", async () => {
    const { clock, batches, tree } = await start();
    putKeys(tree.users, 0, 7);
    await rest();
    expect(batches).toEqual([inserted(0, 3), inserted(3, 6)]);
    await clock.advance(99);
    putKeys(tree.users, 7, 8);
    await rest();
    expect(batches).toHaveLength(2);
    await clock.advance(1);
    expect(batches.slice(2)).toEqual([inserted(6, 8)]);
    expect(clock.pending).toBe(0);
    await tree.sup.stop();
  });

  test("whose batch fills up while it waits leaves no timer behind", async () => {
    const { clock, batches, tree } = await start();
    putKeys(tree.users, 0, 1);
    await rest();
    expect(clock.pending).toBe(1);
    putKeys(tree.users, 1, 3);
    await rest();
    expect([batches, clock.pending]).toEqual([[inserted(0, 3)], 0]);
    await tree.sup.stop();
  });

  test("with maxWait 0 gets the events that are there", async () => {
    const { batches, tree } = await start({ maxWait: 0, maxSize: 100 });
    putKeys(tree.users, 0, 7);
    await whenIdle(tree.users);
    expect(batches).toEqual([inserted(0, 7)]);
    await tree.sup.stop();
  });

  test("gets one batch at a time", async () => {
    const gate = new Gate();
    let running = 0;
    const { tree, clock } = await start({
      handle: async () => {
        expect(++running).toBe(1);
        await gate.promise;
        running--;
      },
    });
    putKeys(tree.users, 0, 9);
    await clock.advance(1000);
    gate.open();
    await whenIdle(tree.users);
    expect(running).toBe(0);
    await tree.sup.stop();
  });

  test("that is killed gets the unfinished batch, and the current one, again", async () => {
    const gate = new Gate();
    const batches: Batches = [];
    const { clock, tree } = await start({
      handle: async (events) => {
        batches.push(events.map(show));
        if (batches.length === 1) await gate.promise;
      },
    });
    putKeys(tree.users, 0, 4);
    await until(() => batches.length === 1);
    await tree.workerReborn(0, kill);
    await rest();
    expect(batches).toEqual([inserted(0, 3), inserted(0, 3)]);
    await tree.workerReborn(0, kill);
    expect(clock.pending).toBeLessThanOrEqual(1);
    await clock.advance(100);
    expect(batches.slice(2)).toEqual([inserted(3, 4)]);
    expect(clock.pending).toBe(0);
    await tree.sup.stop();
  });

  test("gets the unfinished batch before an orderly stop ends", async () => {
    const { clock, batches, tree } = await start();
    putKeys(tree.users, 0, 2);
    await rest();
    expect(batches).toEqual([]);
    await tree.sup.stop();
    expect(batches).toEqual([inserted(0, 2)]);
    expect(clock.pending).toBe(0);
  });

  test("is waited for by whenIdle, the unfinished batch too", async () => {
    const { clock, batches, tree } = await start();
    putKeys(tree.users, 0, 2);
    let idle = false;
    const waiting = whenIdle(tree.users).then(() => {
      idle = true;
    });
    await clock.advance(99);
    expect([idle, batches]).toEqual([false, []]);
    await clock.advance(1);
    await waiting;
    expect(batches).toEqual([inserted(0, 2)]);
    await tree.sup.stop();
  });

  test.each(["restart", "resume"] as const)(
    "that fails gets the whole batch again, then it is given up (%s)",
    async (onError) => {
      using dead = new Listener<{ event: UserEvent; attempt: number }>(
        "nebulex.streams.dead_letter",
      );
      const calls: string[] = [];
      const letters: string[] = [];
      const { tree } = await start({
        maxWait: 0,
        handle: (events, { attempt }) => {
          calls.push(`${events.map(show).join()} ${attempt}`);
          if (events.some((event) => show(event) === "inserted k1")) throw new Error("poison");
        },
        pool: { onError, maxAttempts: 2, onDeadLetter: (event) => void letters.push(show(event)) },
      });
      putKeys(tree.users, 0, 5);
      await whenIdle(tree.users);
      expect(calls).toEqual([
        "inserted k0,inserted k1,inserted k2 1",
        "inserted k0,inserted k1,inserted k2 2",
        "inserted k3,inserted k4 1",
      ]);
      expect(letters).toEqual(inserted(0, 3));
      expect(dead.messages.map(({ attempt }) => attempt)).toEqual([2, 2, 2]);
      await tree.sup.stop();
    },
  );

  test("gets a gap between two batches; a gap that fails is not retried as a batch", async () => {
    const seen: string[] = [];
    const { tree } = await start({
      maxWait: 0,
      stream: { capacity: 5, retain: 0 },
      handle: (events) => void seen.push(events.map(show).join()),
      onGap: (gap, { attempt }) => {
        seen.push(`${show(gap)} ${attempt}`);
        if (attempt === 1) throw new Error("not yet");
      },
      pool: { maxAttempts: 2, onError: "resume" },
    });
    putKeys(tree.users, 0, 8);
    await whenIdle(tree.users);
    expect(seen).toEqual([
      "gap overrun 0..2 1",
      "gap overrun 0..2 2",
      inserted(3, 6).join(),
      inserted(6, 8).join(),
    ]);
    await tree.sup.stop();
  });

  test("handles one event outside of a pool", async () => {
    const batches: Batches = [];
    const handler = batchHandler<string, number>({
      maxSize: 2,
      maxWait: 0,
      handle: (events) => void batches.push(events.map(show)),
    });
    await using tree = await Tree.start();
    tree.users.subscribe((event) => void handler.handle(event, undefined, undefined as never));
    putKeys(tree.users, 0, 2);
    await whenIdle(tree.users);
    expect(batches).toEqual([["inserted k0"], ["inserted k1"]]);
  });

  test.each([
    [{ maxSize: 0 }, "maxSize"],
    [{ maxSize: undefined }, "maxSize"],
    [{ maxWait: -1 }, "maxWait"],
    [{ maxWait: undefined }, "maxWait"],
    [{ handle: 1 }, "handle"],
    [{ onGap: 1 }, "onGap"],
    [{ size: 1 }, "size"],
  ])("with the option %p is refused, by the name %s", (options, option) => {
    const handler = { maxSize: 1, maxWait: 0, handle: () => {}, ...options } as never;
    const cache = defineCache({ name: "users" });
    for (const make of [() => batchHandler(handler), () => handlerPool({ cache, handler })]) {
      expect(make).toThrow(OptionError);
      expect(make).toThrow(expect.objectContaining({ option }));
    }
  });
});
