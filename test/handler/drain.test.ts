import { describe, expect, test } from "@jest/globals";
import { batchHandler, getStream, type HandlerPoolOptions, whenIdle } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import { keys, kill, Notes, poolOf, putKeys, show, Tree } from "../helpers/streams.js";

interface Undelivered {
  cache: string;
  name: string;
  partition: number | null;
  group: string;
  from: number;
  to: number;
  count: number;
}

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

type Pool = [string, (notes: Notes) => Partial<HandlerPoolOptions<string, number>>];

const slowly: Pool[] = [
  ["a sync handler", (notes) => ({ handler: notes.note })],
  ["an async handler", (notes) => ({ handler: (event) => rest(1).then(() => notes.note(event)) })],
  [
    "a concurrent handler",
    (notes) => ({
      concurrency: 4,
      handler: (event) => rest(2).then(() => notes.note(event)),
    }),
  ],
  [
    "a batch handler",
    (notes) => ({
      handler: batchHandler<string, number>({
        maxSize: 7,
        maxWait: 60_000,
        handle: async (events) => {
          await rest(1);
          events.forEach(notes.note);
        },
      }) as never,
    }),
  ],
];

describe.each(slowly)("an orderly stop of %s", (_name, options) => {
  const start = (notes: Notes, more: object = {}) =>
    Tree.start({
      stream: { partitions: 2, ...more },
      children: (users) => {
        const { handler, ...others } = options(notes);
        return [poolOf(users, handler as never, others)];
      },
    });

  test.each([
    ["the pool", "users:handlers"],
    ["the tree", undefined],
  ])("finishes what is in its log first: stopping %s", async (_what, id) => {
    using undelivered = new Listener("nebulex.streams.undelivered");
    const notes = new Notes();
    const tree = await start(notes);
    putKeys(tree.users, 0, 50);
    await (id === undefined ? tree.sup.stop() : tree.sup.terminateChild(id));
    expect(notes.lines.toSorted()).toEqual(inserted(0, 50).toSorted());
    expect(undelivered.messages).toEqual([]);
    await tree.sup.stop();
  });

  test("of one worker is restarted behind what it has finished", async () => {
    const notes = new Notes();
    await using tree = await start(notes);
    putKeys(tree.users, 0, 50);
    await tree.workerReborn(0, (ref) => ref.stop());
    putKeys(tree.users, 50, 60);
    const idle = whenIdle(tree.users);
    await tree.sup.terminateChild("users:handlers");
    await idle;
    expect(notes.lines.toSorted()).toEqual(inserted(0, 60).toSorted());
  });
});

describe("a worker that is not done within its shutdown time", () => {
  const stuckOn = async (concurrency: number) => {
    const clock = new SimulatedClock();
    const notes = new Notes();
    const gate = new Gate();
    const tree = await Tree.start({
      clock,
      stream: { partitions: 1 },
      children: (users) => [
        poolOf(
          users,
          async (event, { signal }) => {
            if (show(event) === "inserted k3") await gate.promise;
            if (!signal.aborted) notes.note(event);
          },
          { shutdown: 1000, concurrency },
        ),
      ],
    });
    return { clock, notes, gate, tree };
  };

  test.each([1, 3])(
    "is killed; what is left is reported with exact bounds, and the next start continues from there (concurrency %i)",
    async (concurrency) => {
      using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
      const { clock, notes, gate, tree } = await stuckOn(concurrency);
      putKeys(tree.users, 0, 10);
      await until(() => notes.messages.length === (concurrency === 1 ? 3 : 9));
      const stopping = tree.sup.terminateChild("users:handlers");
      await clock.advance(999);
      expect(undelivered.messages).toEqual([]);
      await clock.advance(1);
      await stopping;
      const count = concurrency === 1 ? 7 : 1;
      expect(undelivered.messages).toEqual([
        {
          cache: "users",
          name: "users",
          partition: 0,
          group: "users:handlers",
          from: 3,
          to: 9,
          count,
        },
      ]);
      expect(getStream(tree.users).groups()).toMatchObject([
        { position: 3, lag: count, attached: false },
      ]);
      gate.open();
      putKeys(tree.users, 10, 12);
      await tree.sup.restartChild("users:handlers");
      await whenIdle(tree.users);
      expect(notes.lines.toSorted()).toEqual(inserted(0, 12).toSorted());
      await tree.sup.stop();
    },
  );

  test("counts only what its group asked for", async () => {
    using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
    const clock = new SimulatedClock();
    await using tree = await Tree.start({
      clock,
      children: (users) => [
        poolOf(users, () => new Promise(() => {}), { events: ["deleted"], shutdown: 100 }),
      ],
    });
    putKeys(tree.users, 0, 5);
    for (const key of keys(0, 3)) tree.users.delete(key);
    putKeys(tree.users, 5, 9);
    await rest();
    const stopping = tree.sup.terminateChild("users:handlers");
    await clock.advance(100);
    await stopping;
    expect(undelivered.messages).toMatchObject([{ from: 5, to: 11, count: 3 }]);
  });

  test("that is killed at any other time reports nothing", async () => {
    using undelivered = new Listener<Undelivered>("nebulex.streams.undelivered");
    const { gate, notes, tree } = await stuckOn(1);
    putKeys(tree.users, 0, 10);
    await until(() => notes.messages.length === 3);
    await tree.workerReborn(0, kill);
    gate.open();
    await whenIdle(tree.users);
    expect(undelivered.messages).toEqual([]);
    await tree.sup.stop();
  });
});

describe("a failure while a worker drains", () => {
  test.each([1, 3])(
    "does not end the draining: it is tried again, then given up, and the rest handled (concurrency %i)",
    async (concurrency) => {
      using dead = new Listener<{ attempt: number }>("nebulex.streams.dead_letter");
      using undelivered = new Listener("nebulex.streams.undelivered");
      const notes = new Notes();
      const gate = new Gate();
      const attempts: number[] = [];
      const tree = await Tree.start({
        children: (users) => [
          poolOf(
            users,
            async (event, { attempt }) => {
              await gate.promise;
              if (show(event) === "inserted k1") {
                attempts.push(attempt);
                throw new Error("poison");
              }
              notes.note(event);
            },
            { maxAttempts: 2, concurrency },
          ),
        ],
      });
      putKeys(tree.users, 0, 10);
      await rest();
      const stopping = tree.sup.stop();
      await rest();
      gate.open();
      await stopping;
      expect(attempts).toEqual([1, 2]);
      expect(dead.messages).toMatchObject([{ attempt: 2 }]);
      expect(notes.lines.toSorted()).toEqual(
        inserted(0, 10).filter((line) => !line.endsWith("k1")),
      );
      expect(undelivered.messages).toEqual([]);
    },
  );

  test("that came just before the stop, while others are being handled, does not either", async () => {
    using undelivered = new Listener("nebulex.streams.undelivered");
    const notes = new Notes();
    const gate = new Gate();
    let failed = false;
    const tree = await Tree.start({
      children: (users) => [
        poolOf(
          users,
          async (event) => {
            if (show(event) === "inserted k1" && !failed) {
              failed = true;
              throw new Error("once");
            }
            await gate.promise;
            notes.note(event);
          },
          { maxAttempts: 2, concurrency: 3 },
        ),
      ],
    });
    putKeys(tree.users, 0, 10);
    await until(() => failed);
    await rest();
    const stopping = tree.sup.stop();
    await rest();
    gate.open();
    await stopping;
    expect(notes.lines.toSorted()).toEqual(inserted(0, 10));
    expect(undelivered.messages).toEqual([]);
  });
});
