import { describe, expect, test } from "@jest/globals";
import {
  CacheNotStartedError,
  createSystem,
  defineCache,
  type GapEvent,
  getStream,
  lookupStream,
  startSupervisor,
  StreamNotFoundError,
  streamServer,
  SupervisorError,
  whenIdle,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Listener, until } from "../helpers/actors.js";
import { crash, keys, kill, Notes, putKeys, stop, Tree } from "../helpers/streams.js";

const one = { strategy: "one_for_one" } as const;
const define = (name = "users") => defineCache<string, number>({ name });

interface Retry {
  cache: string;
  name: string;
  attempt: number;
  delay: number;
  error: unknown;
}

describe("registration", () => {
  test("with a cache that is up is done when the start settles", async () => {
    using registered = new Listener("nebulex.streams.listener_registered");
    using unregistered = new Listener("nebulex.streams.listener_unregistered");
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const described = { cache: "users", name: "users", pubsub: null, partitions: 4 };
    expect(getStream(tree.users).registered).toBe(true);
    expect(registered.messages).toEqual([described]);
    await tree.sup.stop();
    expect(unregistered.messages).toEqual([described]);
  });

  test("with a cache that is not up yet is tried again, with backoff; one can subscribe meanwhile", async () => {
    using retries = new Listener<Retry>("nebulex.streams.registration_retry");
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [streamServer({ cache: users, backoffInitial: 100, backoffMax: 1000 })],
    });
    expect(getStream(users).registered).toBe(false);
    const notes = new Notes();
    users.subscribe(notes.note);
    await clock.advance(5000);
    const delays = retries.messages.map(({ delay }) => delay);
    expect(retries.messages.map(({ attempt }) => attempt)).toEqual(
      retries.messages.map((_, index) => index + 1),
    );
    for (const [index, delay] of delays.entries()) {
      const least = Math.min(1000, 100 * 2 ** index);
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(Math.min(1000, least * 1.1));
    }
    expect(delays.slice(-3)).toEqual([1000, 1000, 1000]);
    expect(retries.messages[0]).toMatchObject({ cache: "users", name: "users" });
    expect(retries.messages[0]?.error).toBeInstanceOf(CacheNotStartedError);
    expect(await sup.countChildren()).toMatchObject({ active: 1 });

    await sup.startChild(users);
    expect(getStream(users).registered).toBe(true);
    users.put("a", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["inserted a"]);
    expect(clock.pending).toBe(0);
    await sup.stop();
  });

  test("with a cache that refuses is tried again, and begins anew with the least delay after a success", async () => {
    using retries = new Listener<Retry>("nebulex.streams.registration_retry");
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({ ...one, clock, children: [users], maxRestarts: 0 });
    users.registerEventListener(() => {}, { id: "users:stream" });
    await sup.startChild(streamServer({ cache: users, backoffInitial: 100 }));
    expect(lookupStream(users)?.registered).toBe(false);
    await clock.advance(400);
    expect(retries.messages.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(retries.messages[0]?.error).toMatchObject({ code: "E_LISTENER_EXISTS" });
    users.unregisterEventListener("users:stream");
    await clock.advance(800);
    expect(getStream(users).registered).toBe(true);
    expect(clock.pending).toBe(0);
    await sup.terminateChild("users");
    expect(getStream(users).registered).toBe(false);
    expect(retries.messages.at(-1)).toMatchObject({ attempt: 1 });
    expect(retries.messages.at(-1)?.delay).toBeLessThanOrEqual(110);
    await sup.stop();
  });

  test.each([
    ["stopped", stop],
    ["killed", kill],
    ["crashed", crash],
  ])("ends at once when the stream server is %s: no timer is left", async (_name, end) => {
    const clock = new SimulatedClock();
    const users = define();
    const sup = await startSupervisor({
      ...one,
      clock,
      children: [{ ...streamServer({ cache: users }), restart: "temporary" }],
    });
    expect(clock.pending).toBe(1);
    const [child] = await sup.whichChildren();
    await end(child?.ref as never);
    await clock.settle();
    expect(clock.pending).toBe(0);
    expect(lookupStream(users)).toBeUndefined();
    expect(() => getStream(users)).toThrow(StreamNotFoundError);
    expect(() => getStream(users)).toThrow("stream server not found: users");
    await sup.stop();
  });

  test("of a second stream server for one instance fails with already_started as the cause", async () => {
    await using tree = await Tree.start();
    const error = await failure(
      tree.sup.startChild({ ...streamServer({ cache: tree.users }), id: "second" }),
    );
    expect(error).toMatchObject({ reason: "failed_to_start_child" });
    const { cause } = error as SupervisorError;
    expect(cause).toBeInstanceOf(SupervisorError);
    expect(cause).toMatchObject({
      reason: "already_started",
      ref: await tree.ref("users:stream"),
    });
    tree.users.put("a", 1);
    expect(getStream(tree.users).registered).toBe(true);
  });

  test("leaves other listeners alone", async () => {
    await using tree = await Tree.start();
    const heard: string[] = [];
    tree.users.registerEventListener(({ type }) => void heard.push(type));
    await tree.reborn("users:stream", kill);
    await tree.reborn("users:stream", stop);
    tree.users.put("a", 1);
    expect(heard).toEqual(["inserted"]);
  });
});

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
  test("that is stopped in order drops its log: a new epoch, and a gap for who is still there", async () => {
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
    const told = [...notes.lines];
    // What was written just before may have been read before the stop, or is in the gap.
    const read = told.indexOf(told.find((line) => line.startsWith("gap"))!);
    expect(told).toEqual([
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
    "under %s begins a new epoch when the cache crashes, and tells what was not read",
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
    "may have %p partitions in one life and %p in the next: who reads all goes on reading all",
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

describe("streams of instances and systems", () => {
  test("have their own name, log and server for each dynamic instance", async () => {
    const users = define();
    const tenant = users.instance("tenant");
    const sup = await startSupervisor({
      ...one,
      children: [
        users,
        users.childSpec({ name: "tenant" }),
        streamServer({ cache: users }),
        streamServer({ cache: users, name: "tenant", partitions: 2 }),
      ],
    });
    expect((await sup.whichChildren()).map(({ id }) => id)).toEqual([
      "users",
      "tenant",
      "users:stream",
      "tenant:stream",
    ]);
    expect(getStream(tenant)).toMatchObject({ cache: "users", name: "tenant", partitions: 2 });
    expect(getStream(users, "tenant").epoch).toBe(getStream(tenant).epoch);
    expect(getStream(users)).toMatchObject({ cache: "users", name: "users", partitions: null });
    expect(lookupStream(users, "nobody")).toBeUndefined();
    expect(() => getStream(users, "nobody")).toThrow("stream server not found: nobody");
    const [own, theirs] = [new Notes(), new Notes()];
    users.subscribe(own.note);
    const subscription = tenant.subscribe(theirs.note, { partition: 1, events: ["inserted"] });
    expect(subscription.topics).toEqual(["tenant:1:inserted"]);
    subscription.unsubscribe();
    tenant.subscribe(theirs.note, { partition: "all" });
    tenant.put("t", 1);
    users.put("u", 1);
    await whenIdle(users);
    await whenIdle(tenant);
    expect([own.lines, theirs.lines]).toEqual([["inserted u"], ["inserted t"]]);
    expect(theirs.events[0]).toMatchObject({ cache: "users", name: "tenant" });
    expect(theirs.events[0]?.metadata.topic).toMatch(/^tenant:[01]:inserted$/);
    await sup.stop();
  });

  test("of two caches of one name are two streams", async () => {
    await using a = await Tree.start({ system: createSystem({ name: "a" }) });
    await using b = await Tree.start({ system: createSystem({ name: "b" }) });
    const [inA, inB] = [new Notes(), new Notes()];
    a.users.subscribe(inA.note);
    b.users.subscribe(inB.note);
    a.users.put("a", 1);
    b.users.put("b", 1);
    await Promise.all([whenIdle(a.users), whenIdle(b.users)]);
    expect([inA.lines, inB.lines]).toEqual([["inserted a"], ["inserted b"]]);
    expect(getStream(a.users).epoch).not.toBe(getStream(b.users).epoch);
  });

  test("begin anew when the same cache is started in another system", async () => {
    const users = define();
    const first = await Tree.start({ cache: users, system: createSystem() });
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true });
    users.put("a", 1);
    await whenIdle(users);
    await first.sup.stop();
    await using second = await Tree.start({ cache: users, system: createSystem() });
    second.users.put("b", 1);
    await whenIdle(users);
    expect(notes.lines).toEqual(["inserted a", "gap stream_restarted 1..0", "inserted b"]);
  });
});
