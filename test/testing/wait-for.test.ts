import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import { waitFor, WaitTimeoutError } from "nebulex-streams/testing";
import { failure, Gate } from "../helpers/actors.js";

/** The timers that keep this process alive. */
function timers(): number {
  return process.getActiveResourcesInfo().filter((name) => /Timeout|Immediate/.test(name)).length;
}

describe("waitFor", () => {
  test("gives what the predicate gives, at once if it is truthy", async () => {
    let looks = 0;
    expect(await waitFor(() => ++looks && "there")).toBe("there");
    expect(looks).toBe(1);
  });

  test.each([0, 1])("looks again every %d ms until it is truthy", async (interval) => {
    let looks = 0;
    expect(await waitFor(() => (++looks < 5 ? undefined : { looks }), { interval })).toEqual({
      looks: 5,
    });
  });

  test("waits for a predicate's promise", async () => {
    let looks = 0;
    const predicate = async (): Promise<number> => {
      await nextTurn();
      return ++looks === 3 ? looks : 0;
    };
    expect(await waitFor(predicate)).toBe(3);
  });

  test("gives up after its time, and shows what it waited for", async () => {
    const seen: string[] = [];
    const error = await failure(waitFor(() => seen.length === 3, { timeout: 20 }));
    expect(error).toBeInstanceOf(WaitTimeoutError);
    expect(error).toMatchObject({
      code: "E_WAIT_TIMEOUT",
      timeout: 20,
      message: expect.stringMatching(/^timed out after 20 ms waiting for: .*seen\.length === 3$/),
    });
    expect(
      await failure(waitFor(() => false, { timeout: 20, message: "the stream" })),
    ).toMatchObject({ message: "timed out after 20 ms waiting for: the stream" });
  });

  test("gives up on a predicate that hangs", async () => {
    const { promise } = new Gate<boolean>();
    expect(await failure(waitFor(() => promise, { timeout: 20 }))).toBeInstanceOf(WaitTimeoutError);
  });

  test("passes on what the predicate throws or rejects with", async () => {
    const error = new Error("mine");
    const broken = (): never => {
      throw error;
    };
    expect(await failure(waitFor(broken))).toBe(error);
    expect(await failure(waitFor(async () => broken()))).toBe(error);
  });

  test("ends with its signal", async () => {
    const abort = new AbortController();
    const waiting = failure(waitFor(() => false, { signal: abort.signal }));
    abort.abort(new Error("enough"));
    expect(await waiting).toEqual(new Error("enough"));
    expect(await failure(waitFor(() => true, { signal: abort.signal }))).toEqual(
      new Error("enough"),
    );
  });

  test("leaves no timer behind, however it ends", async () => {
    const before = timers();
    const abort = new AbortController();
    const { promise } = new Gate<boolean>();
    const ends = [
      waitFor(() => true),
      failure(waitFor(() => false, { timeout: 10 })),
      failure(waitFor(() => promise, { timeout: 10 })),
      failure(waitFor(() => Promise.reject(new Error("no")))),
      failure(waitFor(() => false, { interval: 60_000, signal: abort.signal })),
    ];
    await nextTurn();
    expect(timers()).toBeGreaterThan(before);
    abort.abort(new Error("enough"));
    await Promise.all(ends);
    expect(timers()).toBe(before);
  });

  test.each<{ option: string; wait: () => Promise<unknown> }>([
    { option: "predicate", wait: () => waitFor(true as never) },
    { option: "timeout", wait: () => waitFor(() => true, { timeout: 0 }) },
    { option: "interval", wait: () => waitFor(() => true, { interval: -1 }) },
    { option: "time", wait: () => waitFor(() => true, { time: 1 } as never) },
  ])("a wrong or unknown $option is refused", async ({ option, wait }) => {
    expect(await failure(wait())).toMatchObject({ code: "E_OPTION", option });
  });
});
