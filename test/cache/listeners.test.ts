import { beforeEach, describe, expect, test } from "@jest/globals";
import { defineCache } from "../../src/cache/define-cache.js";
import { tap } from "../../src/cache/listener.js";
import { slotOf } from "../../src/cache/cache-handle.js";
import { localAdapter } from "../../src/cache/adapters/local-adapter.js";
import type { ChangeTap, HashMemo } from "../../src/cache/adapter.js";
import type { Cache } from "../../src/cache/types.js";
import { ListenerExistsError, OptionError } from "../../src/errors.js";
import { Listener as ChannelListener, until } from "../helpers/actors.js";
import { brief, EventLog, startCache } from "../helpers/caches.js";

let cache: Cache<string, number>;

beforeEach(async () => {
  cache = defineCache<string, number>({ name: "listeners" });
  await startCache(cache);
});

interface Report {
  cache: string;
  name: string;
  id: unknown;
  error: Error;
}

describe("a listener", () => {
  test("is called inside the command, with the event and its metadata", () => {
    const calls: unknown[][] = [];
    const metadata = { of: "mine" };
    cache.registerEventListener((...args) => void calls.push(args), { metadata });
    cache.put("a", 1);
    expect(calls).toEqual([[expect.objectContaining({ type: "inserted" }), metadata]]);
    expect(calls[0]?.[1]).toBe(metadata);
  });

  test("gets what its filter lets pass", () => {
    const seen: string[] = [];
    cache.registerEventListener((event) => void seen.push(brief(event)), {
      filter: (event) => event.type === "updated" && event.value === 3,
    });
    cache.put("a", 1);
    cache.put("a", 2);
    cache.put("a", 3);
    expect(seen).toEqual(["updated put a"]);
  });

  test("is registered under itself, or under an id that is free", () => {
    const listener = (): void => {};
    cache.registerEventListener(listener);
    expect(() => cache.registerEventListener(listener)).toThrow(ListenerExistsError);
    cache.registerEventListener(listener, { id: "other" });
    expect(() => cache.registerEventListener(() => {}, { id: "other" })).toThrow(
      expect.objectContaining({ code: "E_LISTENER_EXISTS", cache: "listeners", id: "other" }),
    );
    expect(() => cache.registerEventListener(() => {}, { id: listener })).toThrow(
      ListenerExistsError,
    );
    cache.registerEventListener(listener, { id: NaN });
    expect(() => cache.registerEventListener(listener, { id: NaN })).toThrow(ListenerExistsError);
  });

  test("is called no more once it is unregistered", () => {
    const seen: string[] = [];
    const listener = (): void => void seen.push("listener");
    cache.registerEventListener(listener);
    cache.registerEventListener(() => void seen.push("other"), { id: "other" });
    expect(cache.unregisterEventListener(listener)).toBe(true);
    expect(cache.unregisterEventListener(listener)).toBe(false);
    cache.put("a", 1);
    expect(cache.unregisterEventListener("other")).toBe(true);
    cache.put("a", 2);
    expect(seen).toEqual(["other"]);
  });

  test("may unregister another for the current event, and itself", () => {
    const seen: string[] = [];
    const once = (): void => {
      seen.push("once");
      cache.unregisterEventListener(once);
      cache.unregisterEventListener("last");
      cache.registerEventListener(() => void seen.push("new"));
    };
    cache.registerEventListener(once);
    cache.registerEventListener(() => void seen.push("last"), { id: "last" });
    cache.put("a", 1);
    expect(seen).toEqual(["once"]);
    cache.put("a", 2);
    expect(seen).toEqual(["once", "new"]);
  });

  test("ends with the run of its instance", async () => {
    const seen: string[] = [];
    const other = cache.instance("other");
    const ref = await startCache(other);
    other.registerEventListener(() => void seen.push("called"), { id: "same" });
    await ref.stop();
    await startCache(other);
    other.put("a", 1);
    expect(seen).toEqual([]);
    other.registerEventListener(() => void seen.push("new"), { id: "same" });
    other.put("a", 2);
    expect(seen).toEqual(["new"]);
  });

  test("one event object for all, numbered without a hole", () => {
    const events: unknown[] = [];
    for (const id of [1, 2])
      cache.registerEventListener((event) => void events.push(event), { id });
    const log = new EventLog(cache);
    cache.put("a", 1);
    expect(events[0]).toBe(events[1]);
    cache.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    cache.deleteAll();
    expect(log.events.map((event) => event.metadata.sequence)).toEqual([0, 1, 2, 3]);
  });
});

describe("a listener that fails", () => {
  const broken = new Error("broken");
  // oxlint-disable-next-line unicorn/no-thenable -- what looks like a promise is what is tested
  const method = "then";
  const fail = (): never => {
    throw broken;
  };

  test.each<[string, () => void | Promise<void>]>([
    [
      "throws",
      () => {
        throw broken;
      },
    ],
    [
      "rejects",
      async () => {
        throw broken;
      },
    ],
    [
      "answers with a broken thenable",
      () => Object.fromEntries([[method, fail]]) as unknown as Promise<void>,
    ],
  ])("%s: reported, and the others are not affected", async (_, listener) => {
    using reports = new ChannelListener<Report>("nebulex.cache.listener_error");
    cache.registerEventListener(listener, { id: "bad" });
    const log = new EventLog(cache);
    cache.put("a", 1);
    cache.delete("a");
    expect(log.take()).toEqual(["inserted put a", "deleted delete a"]);
    await until(() => reports.messages.length === 2);
    expect(reports.messages[0]).toMatchObject({
      cache: "listeners",
      name: "listeners",
      id: "bad",
      error: broken,
    });
  });

  test("a filter that throws, rejects, or answers with a promise", async () => {
    using reports = new ChannelListener<Report>("nebulex.cache.listener_error");
    const seen: string[] = [];
    cache.registerEventListener(() => void seen.push("throws"), {
      id: 1,
      filter: () => {
        throw broken;
      },
    });
    cache.registerEventListener(() => void seen.push("rejects"), {
      id: 2,
      filter: (async () => {
        throw broken;
      }) as unknown as () => boolean,
    });
    cache.registerEventListener(() => void seen.push("promise"), {
      id: 3,
      filter: (async () => true) as unknown as () => boolean,
    });
    cache.put("a", 1);
    await until(() => reports.messages.length === 4);
    expect(seen).toEqual([]);
    expect(
      reports.messages.map(({ id, error }) => [
        id,
        error === broken || error instanceof OptionError,
      ]),
    ).toEqual([
      [1, true],
      [2, true],
      [3, true],
      [2, true],
    ]);
  });
});

describe("a listener that calls commands", () => {
  test("does not reorder the events of the others", () => {
    const seen: string[] = [];
    cache.registerEventListener((event) => {
      if (event.target.kind === "key" && event.target.key === "a") cache.put("b", 2);
    });
    cache.registerEventListener((event) => void seen.push(brief(event)));
    cache.put("a", 1);
    cache.delete("a");
    expect(seen).toEqual(["inserted put a", "inserted put b", "deleted delete a", "updated put b"]);
  });

  test("the events of its commands come after all events of the current command", async () => {
    const small = defineCache<string, number>({
      name: "small",
      adapter: localAdapter({ maxEntries: 2 }),
    });
    await startCache(small);
    small.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    const seen: string[] = [];
    small.registerEventListener((event) => {
      if (event.type === "evicted") small.deleteAll();
    });
    small.registerEventListener((event) => void seen.push(brief(event)));
    small.put("c", 3);
    expect(seen).toEqual(["evicted put a", "inserted put c", "deleted deleteAll *"]);
    small.putAll([
      ["a", 1],
      ["b", 2],
    ]);
    seen.length = 0;
    small.putAll([
      ["b", 3],
      ["c", 3],
    ]);
    expect(seen).toEqual([
      "evicted putAll a",
      "inserted putAll [c]",
      "updated putAll [b]",
      "deleted deleteAll *",
    ]);
  });
});

describe("a tap", () => {
  class Recorder implements ChangeTap<string, number> {
    readonly seen: unknown[][] = [];
    readonly memos: (HashMemo | undefined)[] = [];
    readonly listener = Object.assign(() => {}, { [tap]: this });

    entry(
      ...[type, , key, value, previous, memo]: Parameters<ChangeTap<string, number>["entry"]>
    ): void {
      this.seen.push([type, key, value, previous]);
      this.memos.push(memo);
    }

    entries(...[type, , keys]: Parameters<ChangeTap<string, number>["entries"]>): void {
      this.seen.push([type, keys]);
    }

    query(...[type, , query]: Parameters<ChangeTap<string, number>["query"]>): void {
      this.seen.push([type, query]);
    }
  }

  test.each([false, true])("gets the changes as they are, others listening: %p", (others) => {
    const recorder = new Recorder();
    cache.registerEventListener(recorder.listener);
    if (others) cache.registerEventListener(() => {});
    cache.put("a", 1);
    cache.put("a", 2);
    cache.putAll([
      ["a", 3],
      ["b", 4],
    ]);
    cache.delete("b");
    cache.deleteAll({ prefix: "a" });
    expect(recorder.seen).toEqual([
      ["inserted", "a", 1, undefined],
      ["updated", "a", 2, 1],
      ["inserted", ["b"]],
      ["updated", ["a"]],
      ["deleted", "b", undefined, 4],
      ["deleted", { prefix: "a" }],
    ]);
    expect(recorder.memos[0]).toBe(recorder.memos[1]);
  });

  test("that is registered again takes its place over; any other listener does not", () => {
    const recorder = new Recorder();
    cache.registerEventListener(recorder.listener, { id: "stream" });
    cache.registerEventListener(recorder.listener, { id: "stream" });
    cache.put("a", 1);
    expect(recorder.seen.length).toBe(1);
    expect(() => cache.registerEventListener(new Recorder().listener, { id: "stream" })).toThrow(
      ListenerExistsError,
    );
    expect(() =>
      cache.registerEventListener(recorder.listener, { id: "x", filter: () => true }),
    ).toThrow(OptionError);
    expect(cache.unregisterEventListener("stream")).toBe(true);
    cache.put("a", 2);
    expect(recorder.seen.length).toBe(1);
  });

  test.each([false, true])("that throws is reported, others listening: %p", (others) => {
    using reports = new ChannelListener<Report>("nebulex.cache.listener_error");
    const recorder = new Recorder();
    recorder.entry = () => {
      throw new Error("tap");
    };
    cache.registerEventListener(recorder.listener, { id: "stream" });
    const log = others ? new EventLog(cache) : undefined;
    cache.put("a", 1);
    cache.putAll([["b", 1]]);
    expect(recorder.seen).toEqual([["inserted", ["b"]]]);
    expect(reports.messages).toEqual([
      expect.objectContaining({ id: "stream", name: "listeners" }),
    ]);
    expect(log?.events.length).toBe(others ? 2 : undefined);
  });

  test("that calls commands gets their changes afterwards", () => {
    const recorder = new Recorder();
    const { entry } = recorder;
    recorder.entry = (...args) => {
      if (args[2] === "a") cache.put("b", 2);
      entry.apply(recorder, args);
    };
    cache.registerEventListener(recorder.listener);
    cache.put("a", 1);
    expect(recorder.seen.map(([, key]) => key)).toEqual(["a", "b"]);
  });

  test("the emitter is active only while there are listeners", () => {
    const active = (): boolean | undefined => slotOf(cache).running?.emitter.active;
    const { listener } = new Recorder();
    expect(active()).toBe(false);
    cache.registerEventListener(listener);
    expect(active()).toBe(true);
    cache.unregisterEventListener(listener);
    expect(active()).toBe(false);
  });
});
