import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  type EventHandler,
  type HandlerContext,
  whenIdle,
  defineCache,
} from "../../src/index.js";
import { failure, Gate, Listener, rest, until } from "../helpers/actors.js";
import { crash, keys, kill, Notes, poolOf, putKeys, show, Tree } from "../helpers/streams.js";

interface Failure {
  cache: string;
  name: string;
  partition: number | null;
  group: string;
  event: never;
  error: unknown;
  attempt: number;
}

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

describe("a handler", () => {
  test("that is an object has a state for each incarnation, from init to terminate", async () => {
    const seen: unknown[] = [];
    const handler: EventHandler<number, string, number> = {
      init: () => 0,
      handle: (event, sum) => {
        if (event.type === "deleted") throw new Error("no deletions");
        seen.push([show(event), sum]);
        return event.type === "updated" ? undefined : sum + 1;
      },
      terminate: (reason, sum) =>
        void seen.push([reason instanceof Error ? reason.message : reason, sum]),
    };
    const tree = await Tree.start({
      children: (users) => [poolOf(users, handler as EventHandler<unknown, string, number>)],
    });
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.put("b", 1);
    tree.users.delete("a");
    tree.users.put("c", 1);
    await whenIdle(tree.users);
    await tree.sup.stop();
    expect(seen).toEqual([
      ["inserted a", 0],
      ["updated a", 1],
      ["inserted b", 1],
      ["no deletions", 2],
      ["inserted c", 0],
      ["shutdown", 1],
    ]);
  });

  test("may be async in all its parts: one event at a time", async () => {
    const seen: string[] = [];
    let running = 0;
    const pause = async (): Promise<void> => {
      expect(++running).toBe(1);
      await rest(1);
      running--;
    };
    const handler: EventHandler<string[], string, number> = {
      init: async () => {
        await pause();
        return seen;
      },
      handle: async (event, state) => {
        await pause();
        state.push(show(event));
        return state;
      },
      terminate: async () => {
        await pause();
        seen.push("end");
      },
    };
    const tree = await Tree.start({
      children: (users) => [poolOf(users, handler as EventHandler<unknown, string, number>)],
    });
    putKeys(tree.users, 0, 5);
    await tree.sup.stop();
    expect(seen).toEqual([...inserted(0, 5), "end"]);
  });

  test("whose init fails, fails the start of the pool", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const error = await failure(
      Tree.start({
        cache: users,
        children: () => [
          poolOf(users, {
            init: () => {
              throw new Error("no init");
            },
            handle: () => {},
          }),
        ],
      }),
    );
    expect((error as Error).cause).toMatchObject({ cause: new Error("no init") });
  });

  test("has a ctx with its ref, the attempt, and a signal of the end of its incarnation", async () => {
    const contexts: { self: ActorRef; attempt: number; signal: AbortSignal }[] = [];
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(
          users,
          (_event, { self, attempt, signal }: HandlerContext) => {
            contexts.push({ self, attempt, signal });
            if (attempt < 3) throw new Error("again");
          },
          { maxAttempts: 3 },
        ),
      ],
    });
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect(contexts.map(({ attempt }) => attempt)).toEqual([1, 2, 3]);
    expect(new Set(contexts.map(({ self }) => self)).size).toBe(3);
    expect(contexts.map(({ signal }) => signal.aborted)).toEqual([true, true, false]);
    expect(contexts[2]?.self).toBe(await tree.worker(0));
  });

  test("gets the types that were asked for", async () => {
    const notes = new Notes();
    await using tree = await Tree.start({
      children: (users) => [poolOf(users, notes.note, { events: ["deleted"] })],
    });
    tree.users.put("a", 1);
    tree.users.delete("a");
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["deleted a"]);
  });

  test("that is killed over an event gets it again, which is no attempt", async () => {
    const attempts: number[] = [];
    const gate = new Gate();
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(users, async (event, { attempt }) => {
          if (show(event) !== "inserted k1") return;
          attempts.push(attempt);
          if (attempts.length === 1) await gate.promise;
        }),
      ],
    });
    using errors = new Listener("nebulex.streams.handler_error");
    putKeys(tree.users, 0, 3);
    await until(() => attempts.length === 1);
    await tree.workerReborn(0, kill);
    await whenIdle(tree.users);
    expect(attempts).toEqual([1, 1]);
    // What the first still does is discarded.
    gate.fail(new Error("late"));
    await rest();
    expect(errors.messages).toEqual([]);
  });

  test("that kills itself in an event gets it again", async () => {
    const seen: string[] = [];
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(users, (event, { self }) => {
          seen.push(show(event));
          if (seen.length === 2) void self.kill();
        }),
      ],
    });
    putKeys(tree.users, 0, 3);
    await until(() => seen.length >= 4);
    await whenIdle(tree.users);
    expect(seen).toEqual(["inserted k0", "inserted k1", "inserted k1", "inserted k2"]);
  });

  test("that stops itself with an error has handled the event in hand, and begins no other", async () => {
    const seen: [string, unknown][] = [];
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(users, (event, { self }) => {
          seen.push([show(event), self]);
          if (seen.length === 2) void self.stop(new Error("enough"));
        }),
      ],
    });
    putKeys(tree.users, 0, 4);
    await whenIdle(tree.users);
    expect(seen.map(([line]) => line)).toEqual(inserted(0, 4));
    expect(new Set(seen.map(([, self]) => self)).size).toBe(2);
    expect(seen[1]?.[1]).not.toBe(seen[2]?.[1]);
  });

  test("keeps the others on the event loop when it is busy for long", async () => {
    const order: string[] = [];
    await using tree = await Tree.start({
      stream: { partitions: 2, hash: ({ target }) => ((target.key as string) === "other" ? 1 : 0) },
      children: (users) => [
        poolOf(users, (event) => {
          order.push(show(event));
          // At least so long: a slower machine only ends turns earlier.
          const until = performance.now() + 0.05;
          while (performance.now() < until);
        }),
      ],
    });
    putKeys(tree.users, 0, 2000);
    tree.users.put("other", 1);
    await whenIdle(tree.users);
    expect(order.indexOf("inserted other")).toBeLessThan(1000);
  });
});

describe("gaps", () => {
  test("go to onGap, in their order", async () => {
    const seen: string[] = [];
    await using tree = await Tree.start({
      stream: { capacity: 10, retain: 0 },
      children: (users) => [
        poolOf(users, {
          handle: (event) => void seen.push(show(event)),
          onGap: (gap, _state, ctx) => void seen.push(`${show(gap)} attempt ${ctx.attempt}`),
        }),
      ],
    });
    putKeys(tree.users, 0, 25);
    await whenIdle(tree.users);
    expect(seen).toEqual(["gap overrun 0..14 attempt 1", ...inserted(15, 25)]);
  });

  test("do no harm to a handler that has no onGap", async () => {
    const notes = new Notes();
    await using tree = await Tree.start({
      stream: { capacity: 10, retain: 0 },
      children: (users) => [poolOf(users, notes.note)],
    });
    putKeys(tree.users, 0, 25);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(inserted(15, 25));
  });

  test("come again when onGap fails, as often as an event would", async () => {
    const attempts: number[] = [];
    await using tree = await Tree.start({
      stream: { capacity: 10, retain: 0 },
      children: (users) => [
        poolOf(
          users,
          {
            handle: () => {},
            onGap: (_gap, _state, { attempt }) => {
              attempts.push(attempt);
              throw new Error("no gaps");
            },
          },
          { maxAttempts: 2 },
        ),
      ],
    });
    using dead = new Listener<Failure>("nebulex.streams.dead_letter");
    putKeys(tree.users, 0, 25);
    await whenIdle(tree.users);
    expect(attempts).toEqual([1, 2]);
    expect(dead.messages).toMatchObject([{ attempt: 2, event: { type: "gap", from: 0, to: 14 } }]);
  });

  test.each(["one_for_one", "rest_for_one"] as const)(
    "report a cache that crashed, under %s; then the pool continues",
    async (strategy) => {
      const seen: string[] = [];
      await using tree = await Tree.start({
        strategy,
        children: (users) => [
          poolOf(users, {
            handle: (event) => void seen.push(show(event)),
            onGap: (gap) => void seen.push(show(gap)),
          }),
        ],
      });
      putKeys(tree.users, 0, 3);
      await whenIdle(tree.users);
      await tree.reborn("users", crash);
      await tree.worker(0);
      await until(() => seen.length > 3);
      tree.users.put("k9", 1);
      await whenIdle(tree.users);
      expect(seen).toEqual([...inserted(0, 3), "gap cache_restarted 3..2", "inserted k9"]);
    },
  );
});
