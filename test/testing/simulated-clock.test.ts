import {
  subscribe as subscribeChannel,
  unsubscribe as unsubscribeChannel,
} from "node:diagnostics_channel";
import { describe, expect, test } from "@jest/globals";
import { createSystem, defineCache, startSupervisor, streamServer } from "nebulex-streams";
import { OptionError } from "../../src/errors.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";

describe("a simulated clock", () => {
  test("stands still until it is advanced", async () => {
    const clock = new SimulatedClock(100);
    let fired = false;
    clock.setTimeout(() => (fired = true), 0);
    await clock.settle();
    expect({ now: clock.now(), fired, pending: clock.pending }).toEqual({
      now: 100,
      fired: false,
      pending: 1,
    });
    await clock.advance(0);
    expect({ now: clock.now(), fired, pending: clock.pending }).toEqual({
      now: 100,
      fired: true,
      pending: 0,
    });
  });

  test("fires what is due, in the order of time and then of making, and shows each its own time", async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    for (const [name, ms] of [
      ["c", 30],
      ["a", 10],
      ["d", 40],
      ["b1", 20],
      ["b2", 20],
    ] as const)
      clock.setTimeout(() => fired.push(`${name}@${clock.now()}`), ms);
    await clock.advance(39);
    expect(fired).toEqual(["a@10", "b1@20", "b2@20", "c@30"]);
    expect(clock.now()).toBe(39);
    await clock.advance(1);
    expect(fired.at(-1)).toBe("d@40");
  });

  test("fires timers that timers make, when they fall due within the same advance", async () => {
    const clock = new SimulatedClock();
    const fired: number[] = [];
    const again = (): void => {
      fired.push(clock.now());
      clock.setTimeout(again, 10);
    };
    clock.setTimeout(again, 10);
    await clock.advance(35);
    expect(fired).toEqual([10, 20, 30]);
    expect(clock.pending).toBe(1);
  });

  test("clears timers: waiting, fired, cleared twice, never made", async () => {
    const clock = new SimulatedClock();
    const fired: string[] = [];
    const first = clock.setTimeout(() => fired.push("first"), 10);
    const second = clock.setTimeout(() => fired.push("second"), 10);
    const third = clock.setTimeout(() => fired.push("third"), 10);
    clock.clearTimeout(second);
    clock.clearTimeout(second);
    await clock.advance(10);
    clock.clearTimeout(first);
    clock.clearTimeout(third);
    clock.clearTimeout(undefined);
    expect(fired).toEqual(["first", "third"]);
    expect(clock.pending).toBe(0);
  });

  test("lets what a timer set off run before the next timer", async () => {
    const clock = new SimulatedClock();
    const done: string[] = [];
    clock.setTimeout(() => {
      setImmediate(() => setImmediate(() => done.push("work of the first")));
    }, 1);
    clock.setTimeout(() => done.push("second"), 2);
    await clock.advance(2);
    expect(done).toEqual(["work of the first", "second"]);
  });

  test("does concurrent advances one after the other", async () => {
    const clock = new SimulatedClock();
    const fired: number[] = [];
    clock.setTimeout(() => fired.push(clock.now()), 15);
    await Promise.all([clock.advance(10), clock.advance(10)]);
    expect(fired).toEqual([15]);
    expect(clock.now()).toBe(20);
  });

  test("rethrows what a timer throws, and continues afterwards", async () => {
    const clock = new SimulatedClock();
    let fired = false;
    clock.setTimeout(() => {
      throw new Error("in the timer");
    }, 5);
    clock.setTimeout(() => (fired = true), 6);
    await expect(clock.advance(10)).rejects.toThrow("in the timer");
    expect(clock.now()).toBe(5);
    await clock.advance(1);
    expect(fired).toBe(true);
  });

  test.each([-1, Number.NaN, Infinity, "5"])("refuses to advance by %p", (ms) => {
    const clock = new SimulatedClock();
    expect(() => clock.advance(ms as number)).toThrow(OptionError);
  });
});

describe("createSystem({ random })", () => {
  test("makes backoff exact: its jitter comes from the system", async () => {
    const clock = new SimulatedClock();
    await using system = createSystem({ clock, random: () => 0.5 });
    const cache = defineCache<string, number>({ name: "jitter" });
    const delays: unknown[] = [];
    const note = (message: unknown): void => void delays.push((message as { delay: number }).delay);
    subscribeChannel("nebulex.streams.registration_retry", note);
    await startSupervisor({
      system,
      strategy: "one_for_one",
      children: [streamServer({ cache, backoffInitial: 100 })],
    });
    await clock.advance(400);
    unsubscribeChannel("nebulex.streams.registration_retry", note);
    expect(delays).toEqual([105, 210, 420]);
  });

  test("takes only a function", () => {
    expect(() => createSystem({ random: 0.5 as never })).toThrow(
      expect.objectContaining({ code: "E_OPTION", option: "random" }),
    );
  });
});
