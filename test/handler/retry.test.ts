import { describe, expect, test } from "@jest/globals";
import { getStream, type HandlerPoolOptions, supervisorOf, whenIdle } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import {
  keys,
  kill,
  Notes,
  poolOf,
  putKeys,
  show,
  Tree,
  type UserEvent,
} from "../helpers/streams.js";

interface Failure {
  partition: number | null;
  group: string;
  event: UserEvent;
  error: Error;
  attempt: number;
}

type PoolOptions = Partial<HandlerPoolOptions<string, number>>;

/** A pool of which every event of key `k2` fails, and what it was given. */
async function poisoned(options: PoolOptions, clock?: SimulatedClock) {
  const calls: string[] = [];
  const selves = new Set<unknown>();
  const tree = await Tree.start({
    ...(clock === undefined ? {} : { clock }),
    children: (users) => [
      poolOf(
        users,
        (event, { attempt, self }) => {
          calls.push(`${show(event)} ${attempt}`);
          selves.add(self);
          if (show(event).endsWith("k2")) throw new Error(`poison ${attempt}`);
        },
        options,
      ),
    ],
  });
  return { tree, calls, selves };
}

describe.each(["restart", "resume"] as const)("with onError %s", (onError) => {
  test.each([1, 2, 5])(
    "an event is tried up to maxAttempts %i, then given up; order is kept behind it",
    async (maxAttempts) => {
      using errors = new Listener<Failure>("nebulex.streams.handler_error");
      using dead = new Listener<Failure>("nebulex.streams.dead_letter");
      const letters: [string, string, number][] = [];
      const { tree, calls, selves } = await poisoned({
        onError,
        maxAttempts,
        onDeadLetter: (event, error, ctx) =>
          void letters.push([show(event), (error as Error).message, ctx.attempt]),
      });
      await using _ = tree;
      putKeys(tree.users, 0, 5);
      await whenIdle(tree.users);
      const attempts = keys(1, maxAttempts + 1).map((key) => Number(key.slice(1)));
      expect(calls).toEqual([
        "inserted k0 1",
        "inserted k1 1",
        ...attempts.map((attempt) => `inserted k2 ${attempt}`),
        "inserted k3 1",
        "inserted k4 1",
      ]);
      expect(selves.size).toBe(onError === "restart" ? maxAttempts + 1 : 1);
      expect(letters).toEqual([["inserted k2", `poison ${maxAttempts}`, maxAttempts]]);
      expect(errors.messages.map(({ attempt }) => attempt)).toEqual(attempts);
      expect(dead.messages).toEqual([
        {
          cache: "users",
          name: "users",
          partition: null,
          group: "users:handlers",
          event: dead.messages[0]?.event,
          error: new Error(`poison ${maxAttempts}`),
          attempt: maxAttempts,
        },
      ]);
      expect(show(dead.messages[0]!.event)).toBe("inserted k2");
      expect(getStream(tree.users).groups()).toMatchObject([{ deadLetters: 1, lag: 0 }]);
    },
  );

  test("a rejection is a failed attempt as a throw is", async () => {
    const calls: number[] = [];
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(
          users,
          async (_event, { attempt }) => {
            await rest(1);
            calls.push(attempt);
            if (attempt < 3) throw new Error("not yet");
          },
          { onError, maxAttempts: 3 },
        ),
      ],
    });
    using dead = new Listener("nebulex.streams.dead_letter");
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect([calls, dead.messages]).toEqual([[1, 2, 3], []]);
  });

  test("attempts wait, by the system's clock, twice as long each time up to backoffMax", async () => {
    const clock = new SimulatedClock();
    const { tree, calls } = await poisoned(
      { onError, maxAttempts: 5, backoffInitial: 100, backoffMax: 300, onDeadLetter: () => {} },
      clock,
    );
    await using _ = tree;
    putKeys(tree.users, 2, 4);
    const idle = whenIdle(tree.users);
    // Up to a tenth is added to each wait.
    const times: number[] = [];
    for (let before = 0; clock.now() < 2000; await clock.advance(5)) {
      await clock.settle();
      for (; before < calls.length; before++) times.push(clock.now());
    }
    expect(calls).toEqual([...[1, 2, 3, 4, 5].map((n) => `inserted k2 ${n}`), "inserted k3 1"]);
    const waits = times.slice(1, 5).map((time, index) => time - (times[index] as number));
    for (const [index, least] of [100, 200, 300, 300].entries()) {
      expect(waits[index]).toBeGreaterThanOrEqual(least);
      expect(waits[index]).toBeLessThanOrEqual(least * 1.1 + 5);
    }
    await idle;
  });

  test("onDeadLetter may be async: the partition continues when it is done", async () => {
    const gate = new Gate();
    const { tree, calls } = await poisoned({ onError, onDeadLetter: () => gate.promise });
    await using _ = tree;
    putKeys(tree.users, 0, 5);
    await until(() => calls.length === 3);
    await rest();
    expect(calls).toHaveLength(3);
    gate.open();
    await whenIdle(tree.users);
    expect(calls).toHaveLength(5);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("letter box full");
      },
    ],
    ["rejects", () => Promise.reject(new Error("letter box full"))],
  ])("onDeadLetter that %s is reported, and does no harm", async (_name, onDeadLetter) => {
    using reports = new Listener<{ what: string; error: Error }>("nebulex.actor.callback_error");
    const { tree, calls } = await poisoned({ onError, onDeadLetter });
    await using _ = tree;
    putKeys(tree.users, 0, 5);
    await whenIdle(tree.users);
    expect(calls).toHaveLength(5);
    expect(reports.messages).toMatchObject([{ error: new Error("letter box full") }]);
  });
});

describe("a pool whose worker", () => {
  test("is killed while a dead letter is written, has the event again", async () => {
    const gate = new Gate();
    let letters = 0;
    const { tree, calls } = await poisoned({
      onDeadLetter: () => (letters++ === 0 ? gate.promise : undefined),
    });
    await using _ = tree;
    putKeys(tree.users, 0, 4);
    await until(() => letters === 1);
    await tree.workerReborn(0, kill);
    gate.open();
    await whenIdle(tree.users);
    expect(letters).toBe(2);
    expect(calls.filter((call) => call.includes("k2"))).toEqual(["inserted k2 1", "inserted k2 2"]);
    expect(calls.at(-1)).toBe("inserted k3 1");
    expect(getStream(tree.users).groups()).toMatchObject([{ deadLetters: 1, lag: 0 }]);
  });

  test("crashes more often than its window allows is escalated, and continues where it was", async () => {
    const notes = new Notes();
    let crashes = 0;
    await using tree = await Tree.start({
      stream: { partitions: 1 },
      children: (users) => [
        poolOf(
          users,
          (event) => {
            if (show(event) === "inserted k5" && crashes < 7) {
              crashes++;
              throw new Error("not yet");
            }
            notes.note(event);
          },
          { maxAttempts: 100, maxRestarts: 2, maxSeconds: 60 },
        ),
      ],
    });
    using gaveUp = new Listener<{ childId: string }>("nebulex.supervisor.gave_up");
    const pool = await tree.ref("users:handlers");
    putKeys(tree.users, 0, 10);
    await until(() => notes.messages.length === 10);
    expect(notes.lines).toEqual(keys(0, 10).map((key) => `inserted ${key}`));
    expect(gaveUp.messages.length).toBeGreaterThanOrEqual(2);
    expect(pool.alive).toBe(false);
    expect(await supervisorOf(await tree.ref("users:handlers")).countChildren()).toMatchObject({
      active: 1,
    });
  });
});
