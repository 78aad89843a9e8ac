import { describe, expect, test } from "@jest/globals";
import { type HandlerPoolOptions, OptionError, batchHandler, whenIdle } from "../../src/index.js";
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

/** A handler whose events end when the test releases them. */
class Desk {
  readonly begun: string[] = [];
  readonly ended: string[] = [];
  readonly #gates = new Map<string, Gate>();

  readonly handle = async (event: UserEvent): Promise<void> => {
    const name = show(event);
    this.begun.push(name);
    const gate = new Gate();
    this.#gates.set(name, gate);
    await gate.promise;
    this.ended.push(name);
  };

  async end(name: string): Promise<void> {
    await until(() => this.#gates.has(name));
    this.#gates.get(name)?.open();
    await until(() => this.ended.includes(name));
    await rest();
  }

  fail(name: string): void {
    this.#gates.get(name)?.fail(new Error(`failure at ${name}`));
  }

  async endAll(): Promise<void> {
    for (let count = -1; count !== this.begun.length; await rest()) {
      count = this.begun.length;
      for (const name of this.begun) this.#gates.get(name)?.open();
    }
  }
}

async function start(
  desk: Desk,
  options: Partial<HandlerPoolOptions<string, number>> = {},
): Promise<Tree> {
  return Tree.start({
    children: (users) => [poolOf(users, desk.handle, { concurrency: 3, ...options })],
  });
}

describe("concurrency 3", () => {
  test("handles three events of different keys at once, and no more", async () => {
    const desk = new Desk();
    await using tree = await start(desk);
    putKeys(tree.users, 0, 5);
    await rest();
    expect(desk.begun).toEqual(["inserted k0", "inserted k1", "inserted k2"]);
    await desk.end("inserted k1");
    expect(desk.begun.at(-1)).toBe("inserted k3");
    await desk.end("inserted k3");
    await desk.endAll();
    await whenIdle(tree.users);
    expect(desk.ended).toHaveLength(5);
  });

  test("handles the events of one key strictly in turn, and looks past them for others", async () => {
    const desk = new Desk();
    await using tree = await start(desk);
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.delete("a");
    tree.users.put("b", 1);
    tree.users.put("a", 3);
    await rest();
    expect(desk.begun).toEqual(["inserted a", "inserted b"]);
    await desk.end("inserted b");
    expect(desk.begun).toHaveLength(2);
    await desk.end("inserted a");
    expect(desk.begun.at(-1)).toBe("updated a");
    await desk.end("updated a");
    expect(desk.begun.at(-1)).toBe("deleted a");
    await desk.endAll();
    await whenIdle(tree.users);
    expect(desk.begun).toEqual([
      "inserted a",
      "inserted b",
      "updated a",
      "deleted a",
      "inserted a",
    ]);
  });

  test.each([
    [
      "several keys",
      (tree: Tree) =>
        tree.users.putAll([
          ["x", 1],
          ["y", 1],
        ]),
      "inserted x+y",
    ],
    ["a query", (tree: Tree) => void tree.users.deleteAll({ prefix: "k" }), "deleted k*"],
  ])(
    "handles an event about %s alone: behind what came before, before what came after",
    async (_name, write, line) => {
      const desk = new Desk();
      await using tree = await start(desk);
      putKeys(tree.users, 0, 2);
      write(tree);
      putKeys(tree.users, 5, 7);
      await rest();
      expect(desk.begun).toEqual(["inserted k0", "inserted k1"]);
      await desk.end("inserted k1");
      expect(desk.begun).toHaveLength(2);
      await desk.end("inserted k0");
      expect(desk.begun.slice(2)).toEqual([line]);
      await desk.end(line);
      expect(desk.begun.slice(3)).toEqual(["inserted k5", "inserted k6"]);
      await desk.endAll();
      await whenIdle(tree.users);
    },
  );

  test("does not cut the others off when one fails: they are finished, and handled once", async () => {
    const desk = new Desk();
    await using tree = await start(desk, { maxAttempts: 2 });
    const before = await tree.worker(0);
    putKeys(tree.users, 0, 5);
    await rest();
    desk.fail("inserted k1");
    await rest();
    // Nothing new is begun, and the incarnation stays for what is being handled.
    expect([before.alive, desk.begun.length]).toEqual([true, 3]);
    await desk.end("inserted k0");
    expect(before.alive).toBe(true);
    await desk.end("inserted k2");
    await until(() => !before.alive);
    await desk.endAll();
    await whenIdle(tree.users);
    expect(desk.ended.toSorted()).toEqual(keys(0, 5).map((key) => `inserted ${key}`));
    expect(desk.begun.filter((name) => name === "inserted k1")).toHaveLength(2);
    expect(desk.begun).toHaveLength(6);
  });

  test("with onError resume tries again in place while others are handled", async () => {
    const desk = new Desk();
    await using tree = await start(desk, { maxAttempts: 2, onError: "resume" });
    const before = await tree.worker(0);
    putKeys(tree.users, 0, 3);
    await rest();
    desk.fail("inserted k1");
    await until(() => desk.begun.length === 4);
    await desk.endAll();
    await whenIdle(tree.users);
    expect(before.alive).toBe(true);
    expect(desk.begun.at(-1)).toBe("inserted k1");
  });

  test("gives up a poisoned event, and what waits for its key is handled behind it", async () => {
    using dead = new Listener<{ event: UserEvent }>("nebulex.streams.dead_letter");
    const seen: string[] = [];
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(
          users,
          async (event, { attempt }) => {
            await rest(1);
            seen.push(`${show(event)} ${attempt}`);
            if (show(event) === "inserted a") throw new Error("poison");
          },
          { concurrency: 3, maxAttempts: 2 },
        ),
      ],
    });
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.put("b", 1);
    await whenIdle(tree.users);
    expect(seen.filter((line) => line.includes(" a "))).toEqual([
      "inserted a 1",
      "inserted a 2",
      "updated a 1",
    ]);
    expect(seen.filter((line) => line.includes(" b "))).toEqual(["inserted b 1"]);
    expect(dead.messages.map(({ event }) => show(event))).toEqual(["inserted a"]);
  });

  test("that is killed has all that was being handled again", async () => {
    const desk = new Desk();
    await using tree = await start(desk);
    putKeys(tree.users, 0, 4);
    await rest();
    await desk.end("inserted k1");
    await tree.workerReborn(0, kill);
    await until(() => desk.begun.length === 7);
    expect(desk.begun.slice(4)).toEqual(["inserted k0", "inserted k2", "inserted k3"]);
    await desk.endAll();
    await whenIdle(tree.users);
  });

  test("is waited for by whenIdle", async () => {
    const desk = new Desk();
    await using tree = await start(desk);
    putKeys(tree.users, 0, 3);
    let idle = false;
    const waiting = whenIdle(tree.users).then(() => {
      idle = true;
    });
    await desk.end("inserted k0");
    await desk.end("inserted k2");
    expect(idle).toBe(false);
    await desk.end("inserted k1");
    await waiting;
    expect(idle).toBe(true);
  });

  test("does not keep the event loop for itself with a sync handler, and handles it all", async () => {
    const notes = new Notes();
    let turns = 0;
    await using tree = await Tree.start({
      children: (users) => [
        poolOf(
          users,
          (event) => {
            notes.note(event);
            // At least so long: a slower machine only makes more turns.
            const end = performance.now() + 0.02;
            while (performance.now() < end);
          },
          { concurrency: 3 },
        ),
      ],
    });
    putKeys(tree.users, 0, 5000);
    const idle = whenIdle(tree.users);
    while (notes.messages.length < 5000) {
      turns++;
      await rest(1);
    }
    await idle;
    expect(notes.lines).toEqual(keys(0, 5000).map((key) => `inserted ${key}`));
    expect(turns).toBeGreaterThan(5);
  });

  test("is not for batches", async () => {
    const handler = batchHandler<string, number>({ maxSize: 2, maxWait: 0, handle: () => {} });
    await using tree = await Tree.start();
    expect(() => poolOf(tree.users, handler as never, { concurrency: 2 })).toThrow(OptionError);
  });
});
