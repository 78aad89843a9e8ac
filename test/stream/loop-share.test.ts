import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { timeSlice } from "../../src/clock.js";
import { Loop, LoopShare } from "../../src/stream/loop-share.js";

/** An event loop with a clock of its own: a writer, and readers that need some time for each of its bursts. */
class SimulatedLoop {
  readonly #loop = new Loop();
  readonly #readers: { share: LoopShare; need: number; backlog: number }[] = [];
  now = 0;

  /** @param needs milliseconds that each reader needs to handle a burst */
  constructor(needs: readonly number[]) {
    for (const need of needs)
      this.#readers.push({ share: new LoopShare(this.#loop), need, backlog: 0 });
  }

  /** One turn of the loop: a burst of that many milliseconds, then the readers. Returns their times. */
  turn(burst: number): number[] {
    // Readers that have read everything are woken by the first event; the others wait already.
    for (const { share, backlog } of this.#readers) if (backlog === 0) share.wait(this.now);
    this.now += burst;
    return this.#readers.map((reader) => {
      const { share, need } = reader;
      reader.backlog += need;
      const slice = share.begin(this.now);
      const took = Math.min(slice, reader.backlog);
      reader.backlog -= took;
      if (reader.backlog > 0) share.wait(this.now);
      this.now += took;
      share.end(this.now);
      return took;
    });
  }

  get backlogs(): number[] {
    return this.#readers.map(({ backlog }) => backlog);
  }

  closeLast(): void {
    this.#readers.pop()?.share.close();
  }
}

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

describe("a reader's share of the event loop", () => {
  test("is a time slice, if it did not wait", () => {
    const share = new LoopShare(new Loop());
    expect(share.begin(1000)).toBe(timeSlice);
    share.end(1005);
    share.wait(1005);
    expect(share.begin(1006)).toBe(timeSlice);
  });

  test("is as long as it waited for others than readers", () => {
    const loop = new Loop();
    const [first, second] = [new LoopShare(loop), new LoopShare(loop)];
    first.wait(0);
    second.wait(0);
    expect(first.begin(40)).toBe(40);
    first.end(50);
    expect(second.begin(50)).toBe(30);
  });

  test("does not count what passed before it waited", () => {
    const share = new LoopShare(new Loop());
    share.wait(0);
    share.begin(10);
    share.end(11);
    expect(share.begin(100_000)).toBe(timeSlice);
  });
});

describe("with a writer that never pauses", () => {
  test("readers that need less time than the writer keep up", () => {
    const burst = 100;
    const weights = fc.array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(weights, (parts) => {
        const needs = parts.map((part) => (0.9 * burst * part) / sum(parts));
        const loop = new SimulatedLoop(needs);
        for (let turn = 0; turn < 100; turn++) loop.turn(burst);
        expect(sum(loop.backlogs)).toBeLessThanOrEqual(2 * burst);
      }),
    );
  });

  test("readers that need more get as much as the writer, and equal shares of it", () => {
    const loop = new SimulatedLoop([50, 50, 50, 50]);
    for (let turn = 0; turn < 10; turn++) loop.turn(100);
    const times = loop.turn(100);
    expect(sum(times)).toBeLessThanOrEqual(100 + timeSlice);
    for (const time of times) expect(time).toBeGreaterThanOrEqual(20);
  });

  test("readers take no more of the loop than the rest, or a time slice each", () => {
    const loop = new SimulatedLoop(Array(30).fill(100));
    for (let turn = 0; turn < 10; turn++)
      expect(sum(loop.turn(80))).toBeLessThanOrEqual(80 + 30 * timeSlice);
  });

  test("a reader that is closed has no share", () => {
    const loop = new SimulatedLoop([500, 500]);
    for (let turn = 0; turn < 10; turn++) loop.turn(100);
    loop.closeLast();
    loop.turn(100);
    expect(loop.turn(100)).toEqual([100]);
  });
});
