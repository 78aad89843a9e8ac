import { describe, expect, test } from "@jest/globals";
import { getEventListeners } from "node:events";
import { getStream, GroupBusyError, whenIdle } from "../../src/index.js";
import { failure, rest } from "../helpers/actors.js";
import { keys, putKeys, show, Tree, type UserMessage } from "../helpers/streams.js";

const iteratorOf = (iterable: AsyncIterable<UserMessage>): AsyncIterator<UserMessage, undefined> =>
  iterable[Symbol.asyncIterator]() as AsyncIterator<UserMessage, undefined>;

describe("events()", () => {
  test("reads from the call on, not from the first request on", async () => {
    await using tree = await Tree.start();
    tree.users.put("before", 1);
    const events = tree.users.events();
    putKeys(tree.users, 0, 3);
    const seen: string[] = [];
    for await (const event of events) {
      seen.push(show(event));
      if (seen.length === 3) break;
    }
    expect(seen).toEqual(keys(0, 3).map((key) => `inserted ${key}`));
  });

  test("answers a question that was asked before there was an event", async () => {
    await using tree = await Tree.start();
    const iterator = iteratorOf(tree.users.events());
    const asked = [iterator.next(), iterator.next()];
    await rest(3);
    putKeys(tree.users, 0, 3);
    const [a, b] = await Promise.all(asked);
    const c = await iterator.next();
    expect([a, b, c].map((result) => show(result?.value as UserMessage))).toEqual(
      keys(0, 3).map((key) => `inserted ${key}`),
    );
    await iterator.return?.();
  });

  test("ends when the loop is left: nothing is kept for it any more", async () => {
    await using tree = await Tree.start({ stream: { retain: 0 } });
    const events = tree.users.events({ group: "g" });
    tree.users.put("a", 1);
    for await (const event of events) {
      expect(show(event)).toBe("inserted a");
      break;
    }
    expect(getStream(tree.users).groups()).toEqual([]);
    expect(await iteratorOf(events).next()).toEqual({ value: undefined, done: true });
  });

  test("ends when the loop's body throws", async () => {
    await using tree = await Tree.start();
    const events = tree.users.events({ group: "g" });
    tree.users.put("a", 1);
    const loop = (async () => {
      for await (const event of events) throw new Error(show(event));
    })();
    expect(await failure(loop)).toEqual(new Error("inserted a"));
    expect(getStream(tree.users).groups()).toEqual([]);
  });

  test("return() ends it, with questions open, and may be called twice", async () => {
    await using tree = await Tree.start();
    const iterator = iteratorOf(tree.users.events());
    const asked = iterator.next();
    const end = { value: undefined, done: true };
    expect(await iterator.return?.()).toEqual(end);
    expect(await asked).toEqual(end);
    expect(await iterator.return?.()).toEqual(end);
    tree.users.put("a", 1);
    expect(await iterator.next()).toEqual(end);
  });

  test("ends quietly when its signal is aborted, even if there are events", async () => {
    await using tree = await Tree.start();
    const controller = new AbortController();
    const seen: string[] = [];
    const events = tree.users.events({ signal: controller.signal, group: "g" });
    putKeys(tree.users, 0, 10);
    for await (const event of events) {
      seen.push(show(event));
      if (seen.length === 2) controller.abort();
    }
    expect(seen).toEqual(["inserted k0", "inserted k1"]);
    expect(getStream(tree.users).groups()).toEqual([]);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  test("ends at once with a signal that is aborted already", async () => {
    await using tree = await Tree.start();
    const iterator = iteratorOf(tree.users.events({ signal: AbortSignal.abort(), group: "g" }));
    expect(await iterator.next()).toEqual({ value: undefined, done: true });
    expect(getStream(tree.users).groups()).toEqual([]);
  });

  test("leaves no listener on its signal when it has ended in another way", async () => {
    await using tree = await Tree.start();
    const { signal } = new AbortController();
    for (let n = 0; n < 3; n++) {
      const iterator = iteratorOf(tree.users.events({ signal }));
      expect(getEventListeners(signal, "abort")).toHaveLength(1);
      await iterator.return?.();
      expect(getEventListeners(signal, "abort")).toHaveLength(0);
    }
  });

  test("leaves no listener on its signal when it can't begin", async () => {
    await using tree = await Tree.start();
    const { signal } = new AbortController();
    tree.users.subscribe(() => {}, { group: "g" });
    expect(() => tree.users.events({ signal, group: "g" })).toThrow(GroupBusyError);
    expect(getEventListeners(signal, "abort")).toHaveLength(0);
  });

  test("gives gaps in their order if they are asked for", async () => {
    await using tree = await Tree.start({ stream: { capacity: 5 } });
    const seen: string[] = [];
    const events = tree.users.events({ gaps: true });
    putKeys(tree.users, 0, 8);
    for await (const message of events) {
      seen.push(show(message));
      if (seen.length === 6) break;
    }
    expect(seen).toEqual(["gap overrun 0..2", ...keys(3, 8).map((key) => `inserted ${key}`)]);
  });

  test("reads all partitions, and is asked in any rhythm", async () => {
    await using tree = await Tree.start({ stream: { partitions: 8 } });
    const iterator = iteratorOf(tree.users.events({ partition: "all" }));
    const seen: string[] = [];
    for (let n = 0; n < 1000; n += 100) {
      putKeys(tree.users, n, n + 100);
      for (let count = 0; count < 100; count++) {
        if (count % 7 === 0) await rest(1);
        seen.push(show((await iterator.next()).value as UserMessage));
      }
    }
    expect(seen.toSorted()).toEqual(
      keys(0, 1000)
        .map((key) => `inserted ${key}`)
        .toSorted(),
    );
    await iterator.return?.();
  });

  test("is not waited for by whenIdle", async () => {
    await using tree = await Tree.start();
    tree.users.events();
    tree.users.put("a", 1);
    expect(await whenIdle(tree.users)).toBeUndefined();
  });
});
