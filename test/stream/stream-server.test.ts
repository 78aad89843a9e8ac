import { describe, expect, test } from "@jest/globals";
import {
  defineCache,
  type GapEvent,
  getStream,
  lookupStream,
  startSupervisor,
  StreamNotFoundError,
  streamServer,
  whenIdle,
} from "../../src/index.js";
import { Listener, until } from "../helpers/actors.js";
import { crash, keys, kill, Notes, putKeys, Tree } from "../helpers/streams.js";

const one = { strategy: "one_for_one" } as const;
const define = (name = "users") => defineCache<string, number>({ name });

describe.each([1, 4, 8])("a stream server with %i partitions", (partitions) => {
  test.each([
    ["killed", kill],
    ["crashed", crash],
  ])("that is %s leaves log, places and epoch to the next", async (_name, end) => {
    await using tree = await Tree.start({ stream: { partitions } });
    const { users } = tree;
    const notes = new Notes();
    users.subscribe(notes.note, { partition: "all", gaps: true });
    const { epoch } = getStream(users);
    putKeys(users, 0, 100);
    await tree.reborn("users:stream", async (ref) => {
      const ended = end(ref);
      putKeys(users, 100, 200);
      await ended;
      putKeys(users, 200, 300);
    });
    putKeys(users, 300, 400);
    await whenIdle(users);
    expect(getStream(users)).toMatchObject({ epoch, registered: true });
    expect(notes.gaps).toEqual([]);
    expect(notes.lines.toSorted()).toEqual(
      keys(0, 400)
        .map((key) => `inserted ${key}`)
        .toSorted(),
    );
    for (let partition = 0; partition < partitions; partition++) {
      const own = notes.events.filter(({ metadata }) => metadata.partition === partition);
      expect(own.map(({ metadata }) => metadata.sequence)).toEqual(own.map((_, index) => index));
      expect(own.every(({ metadata }) => metadata.epoch === epoch)).toBe(true);
    }
  });

  test("crashes again and again while a program writes: every event arrives once and in order", async () => {
    await using tree = await Tree.start({ stream: { partitions } });
    const { users } = tree;
    const notes = new Notes();
    users.subscribe(notes.note, { partition: "all", gaps: true });
    let written = 0;
    for (let round = 0; round < 10; round++) {
      await tree.reborn("users:stream", (ref) => {
        putKeys(users, written, (written += 50));
        void (round % 2 === 0 ? kill(ref) : crash(ref));
        putKeys(users, written, (written += 50));
      });
    }
    await whenIdle(users);
    expect(notes.gaps).toEqual([]);
    expect(notes.events.map(({ target }) => (target as { key: string }).key).toSorted()).toEqual(
      keys(0, written).toSorted(),
    );
    for (let partition = 0; partition < partitions; partition++) {
      const own = notes.events.filter(({ metadata }) => metadata.partition === partition);
      expect(own.map(({ metadata }) => metadata.sequence)).toEqual(own.map((_, index) => index));
    }
  });
});

describe("a stream server", () => {
  test("that is stopped in order drops its log: a new epoch, and a gap for the remaining readers", async () => {
    await using tree = await Tree.start();
    const { users } = tree;
    const [notes, plain] = [new Notes(), new Notes()];
    users.subscribe(notes.note, { gaps: true });
    users.subscribe(plain.note);
    const { epoch } = getStream(users);
    putKeys(users, 0, 3);
    await whenIdle(users);
    await tree.reborn("users:stream", (ref) => {
      putKeys(users, 3, 5);
      return ref.stop();
    });
    putKeys(users, 5, 6);
    await whenIdle(users);
    const next = getStream(users).epoch;
    expect(next).not.toBe(epoch);
    const lines = [...notes.lines];
    // What was written just before may have been read before the stop, or is in the gap.
    const read = lines.indexOf(lines.find((line) => line.startsWith("gap"))!);
    expect(lines).toEqual([
      ...keys(0, read).map((key) => `inserted ${key}`),
      `gap stream_restarted ${read}..4`,
      "inserted k5",
    ]);
    expect(notes.gaps).toEqual([
      {
        type: "gap",
        cache: "users",
        name: "users",
        partition: null,
        from: read,
        to: 4,
        reason: "stream_restarted",
        node: expect.any(String),
        epoch,
      },
    ]);
    expect(notes.events.at(-1)?.metadata).toMatchObject({ epoch: next, sequence: 0 });
    expect(plain.gaps).toEqual([]);
  });

  test("that is stopped in order takes no more events, and its readers stay", async () => {
    await using tree = await Tree.start();
    const { users } = tree;
    const notes = new Notes();
    const subscription = users.subscribe(notes.note, { gaps: true });
    await tree.sup.terminateChild("users:stream");
    expect(lookupStream(users)).toBeUndefined();
    expect(() => users.subscribe(() => {})).toThrow(StreamNotFoundError);
    users.put("lost", 1);
    await tree.sup.restartChild("users:stream");
    users.put("a", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["gap stream_restarted 0..-1", "inserted a"]);
    subscription.unsubscribe();
  });

  test.each(["one_for_one", "rest_for_one"] as const)(
    "under %s begins a new epoch when the cache crashes, and reports what was not read",
    async (strategy) => {
      using gaps = new Listener<GapEvent & { group: string | null }>("nebulex.streams.gap");
      await using tree = await Tree.start({ strategy });
      const { users } = tree;
      const notes = new Notes();
      users.subscribe(notes.note, { gaps: true, group: "g" });
      const { epoch } = getStream(users);
      putKeys(users, 0, 4);
      await whenIdle(users);
      await tree.reborn("users", (ref) => {
        putKeys(users, 4, 9);
        return crash(ref);
      });
      await tree.ref("users:stream");
      await until(() => lookupStream(users)?.registered === true);
      putKeys(users, 20, 22);
      await whenIdle(users);
      const [gap] = notes.gaps;
      expect(gap).toMatchObject({ reason: "cache_restarted", to: 8, epoch, partition: null });
      expect(notes.lines).toEqual([
        ...keys(0, gap!.from).map((key) => `inserted ${key}`),
        `gap cache_restarted ${gap!.from}..8`,
        "inserted k20",
        "inserted k21",
      ]);
      expect(gaps.messages).toEqual([{ ...gap, group: "g" }]);
      expect(getStream(users).epoch).not.toBe(epoch);
      expect(notes.events.at(-1)?.metadata).toMatchObject({ sequence: 1 });
    },
  );

  test("that is dead when its cache ends has nothing to leave behind", async () => {
    const users = define();
    const sup = await startSupervisor({
      ...one,
      children: [
        { ...users.childSpec(), restart: "temporary" },
        { ...streamServer({ cache: users }), restart: "temporary" },
      ],
    });
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true });
    const refs = (await sup.whichChildren()).map(({ ref }) => ref);
    users.put("a", 1);
    await kill(refs[1] as never);
    expect(lookupStream(users)).toBeDefined();
    await kill(refs[0] as never);
    expect(lookupStream(users)).toBeUndefined();
    await until(() => notes.gaps.length > 0);
    expect(notes.lines).toEqual(["gap cache_restarted 0..0"]);
    await sup.stop();
  });

  test.each([
    [8, 4],
    [4, 8],
    [4, undefined],
    [undefined, 4],
  ])(
    "may have %p partitions in one life and %p in the next: a reader of all goes on reading all",
    async (before, after) => {
      const users = define();
      const server = (partitions: number | undefined) =>
        streamServer({ cache: users, ...(partitions === undefined ? {} : { partitions }) });
      const sup = await startSupervisor({ ...one, children: [users, server(before)] });
      const notes = new Notes();
      const subscription = users.subscribe(notes.note, { partition: "all", gaps: true });
      putKeys(users, 0, 50);
      await whenIdle(users);
      putKeys(users, 50, 100);
      await sup.terminateChild("users:stream");
      await sup.deleteChild("users:stream");
      await sup.startChild(server(after));
      putKeys(users, 100, 200);
      await whenIdle(users);
      const seen = new Set(notes.events.map(({ target }) => (target as { key: string }).key));
      for (const key of keys(100, 200)) expect(seen).toContain(key);
      const missed = notes.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0);
      expect(seen.size + missed).toBe(200);
      expect(notes.gaps).toHaveLength(before ?? 1);
      expect(subscription.topics).toHaveLength(5 * (after ?? 1));
      await sup.stop();
    },
  );

  test("brings a partition back to a reader and a group that had it before it went away", async () => {
    const users = define();
    const server = (partitions: number) =>
      streamServer({ cache: users, partitions, hash: () => partitions - 1 });
    const sup = await startSupervisor({ ...one, children: [users, server(4)] });
    const notes = new Notes();
    users.subscribe(notes.note, { partition: 3, group: "g", gaps: true });
    for (const partitions of [2, 4]) {
      await sup.terminateChild("users:stream");
      await sup.deleteChild("users:stream");
      await sup.startChild(server(partitions));
      putKeys(users, partitions, partitions + 1);
    }
    await whenIdle(users);
    expect(notes.lines.filter((line) => !line.startsWith("gap"))).toEqual(["inserted k4"]);
    await sup.stop();
  });
});
