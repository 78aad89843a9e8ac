import { describe, expect, test } from "@jest/globals";
import { defineCache, getStream, OptionError, whenIdle } from "../../src/index.js";
import { until } from "../helpers/actors.js";
import { keys, Notes, putKeys, stop, Tree } from "../helpers/streams.js";

const byPartition = (notes: Notes): string[] =>
  notes.events.map(({ metadata }) => `${metadata.partition}:${metadata.sequence}`).toSorted();

describe("what is read by default", () => {
  test("all partitions, by a function and an iterator", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note);
    const events = tree.users.events();
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    expect(subscription.partition).toBe("all");
    expect(notes.events).toHaveLength(100);
    expect(events.lag).toBe(100);
    let count = 0;
    for await (const _ of events) if (++count === 100) break;
  });
});

describe.each([undefined, 4])("a token of position(), %p partitions", (partitions) => {
  const stream = { retain: 1000, ...(partitions === undefined ? {} : { partitions }) };

  test("resumes behind what was handled", async () => {
    await using tree = await Tree.start({ stream });
    putKeys(tree.users, 0, 20);
    const first = new Notes();
    const events = tree.users.events({ from: "earliest" });
    for await (const event of events) {
      first.note(event);
      if (first.events.length === 13) break;
    }
    const token = events.position();
    expect(token).toMatch(/^[\w.-]+$/);
    putKeys(tree.users, 20, 30);
    const rest = new Notes();
    const all = new Notes();
    tree.users.subscribe(all.note, { from: "earliest" });
    tree.users.subscribe(rest.note, { from: token, gaps: true });
    await whenIdle(tree.users);
    expect(rest.gaps).toEqual([]);
    expect([...byPartition(first), ...byPartition(rest)].toSorted()).toEqual(byPartition(all));
  });

  test("is behind the handled events, and before the unacknowledged ones", async () => {
    await using tree = await Tree.start({ stream });
    const tokens: string[] = [];
    const subscription = tree.users.subscribe(() => void tokens.push(subscription.position()));
    const before = subscription.position();
    tree.users.put("k", 1);
    await whenIdle(tree.users);
    const after = subscription.position();
    expect(tokens).toEqual([before]);
    subscription.unsubscribe();
    tree.users.put("k", 2);
    expect(subscription.position()).toBe(after);
    const rest = new Notes();
    tree.users.subscribe(rest.note, { from: after });
    await whenIdle(tree.users);
    expect(rest.events).toHaveLength(1);
  });

  test("of an epoch that is over gives a gap, then what there is", async () => {
    await using tree = await Tree.start({ stream });
    putKeys(tree.users, 0, 10);
    const token = tree.users.subscribe(() => {}, { from: "earliest" }).position();
    const { epoch } = getStream(tree.users);
    await tree.reborn("users:stream", stop);
    putKeys(tree.users, 10, 20);
    const notes = new Notes();
    tree.users.subscribe(notes.note, { from: token, gaps: true });
    await whenIdle(tree.users);
    expect(notes.events).toHaveLength(10);
    expect(notes.gaps).toHaveLength(partitions ?? 1);
    for (const gap of notes.gaps) expect(gap).toMatchObject({ reason: "stream_restarted", epoch });
  });

  test("of what is trimmed gives a gap with exact bounds, then what there is", async () => {
    await using tree = await Tree.start({ stream: { ...stream, retain: 0 } });
    const token = tree.users.subscribe(() => {}).position();
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    const notes = new Notes();
    tree.users.subscribe(notes.note, { from: token, gaps: true });
    await whenIdle(tree.users);
    expect(notes.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(100);
    expect(notes.events).toEqual([]);
  });

  test("of a reader that has not been given its gap yet gives that gap again", async () => {
    await using tree = await Tree.start({ stream: { ...stream, retain: 0 } });
    const token = tree.users.subscribe(() => {}).position();
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    const between = tree.users.events({ from: token, gaps: true });
    expect(between.position()).toBe(token);
    const notes = new Notes();
    tree.users.subscribe(notes.note, { from: between.position(), gaps: true });
    await between.return?.();
    await whenIdle(tree.users);
    expect(notes.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0)).toBe(100);
  });

  test("before the rest of a snapshot says that something is missing", async () => {
    await using tree = await Tree.start({ stream });
    putKeys(tree.users, 0, 10);
    const events = tree.users.events({ snapshot: true });
    await events.next();
    const notes = new Notes();
    tree.users.subscribe(notes.note, { from: events.position(), gaps: true });
    await whenIdle(tree.users);
    expect(notes.gaps.length).toBeGreaterThan(0);
    for (const { from, to } of notes.gaps) expect(to).toBe(from - 1);
  });

  test("that is of another stream, damaged or too large is an OptionError, and subscribes nothing", async () => {
    await using tree = await Tree.start({ stream });
    await using other = await Tree.start({ stream, cache: defineCache({ name: "others" }) });
    const subscription = tree.users.subscribe(() => {});
    const token = subscription.position();
    subscription.unsubscribe();
    const damaged = Array.from(token, (_, at) => `${token.slice(0, at)}!${token.slice(at + 1)}`);
    const hostile = [
      "",
      "1",
      `${token}-`,
      `${token}x`,
      `${token}-0_0__0_`,
      token.replace("__0_", "_zz_0_"),
      token.replace("_0__0_", "_zzzzzzzzzzzzzz__0_"),
      token.replace("_0__0_", "_5__0_"),
      token.replace("__0_", "__9_"),
      "1".repeat(10_000_000),
    ];
    for (const from of [...damaged, ...hostile])
      expect(() => tree.users.subscribe(() => {}, { from })).toThrow(OptionError);
    expect(() => other.users.events({ from: token })).toThrow("a token of this stream");
    expect(tree.users.events().lag).toBe(0);
  });
});

test("a token of one partition is for that partition", async () => {
  await using tree = await Tree.start({ stream: { partitions: 4 } });
  const token = tree.users.subscribe(() => {}, { partition: 2 }).position();
  putKeys(tree.users, 0, 40);
  const notes = new Notes();
  tree.users.subscribe(notes.note, { partition: 2, from: token });
  expect(() => tree.users.events({ from: token })).toThrow("a token that has partition 0");
  await until(() => notes.events.length > 0);
  expect(notes.sequences).toEqual(keys(0, notes.events.length).map((_, at) => at));
});

test("a coalescing reader from a sequence that is not kept keeps its gap in its token", async () => {
  await using tree = await Tree.start({ stream: { retain: 0 } });
  tree.users.subscribe(() => {});
  putKeys(tree.users, 0, 5000);
  await whenIdle(tree.users);
  const reader = tree.users.events({ from: 10, gaps: true, overflow: "coalesce" });
  const notes = new Notes();
  tree.users.subscribe(notes.note, { from: reader.position(), gaps: true });
  await reader.return?.();
  await whenIdle(tree.users);
  expect(notes.gaps).toMatchObject([{ from: 10, to: 4999, reason: "overrun" }]);
});
