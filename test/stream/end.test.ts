import { describe, expect, test } from "@jest/globals";
import { createSystem, getStream, StreamNotFoundError, whenIdle } from "../../src/index.js";
import { rest, until } from "../helpers/actors.js";
import {
  crash,
  keys,
  kill,
  Notes,
  putKeys,
  show,
  stop,
  Tree,
  type UserMessage,
} from "../helpers/streams.js";

const end = { value: undefined, done: true };

const read = async (events: AsyncIterable<UserMessage>): Promise<string[]> => {
  const seen: string[] = [];
  for await (const event of events) seen.push(show(event));
  return seen;
};

const inserted = (from: number, to: number): string[] =>
  keys(from, to).map((key) => `inserted ${key}`);

/** A tree, and how the system that it runs in is stopped. */
type Started = [tree: Tree, stopSystem: () => Promise<unknown>];

const systems: [string, () => Promise<Started>][] = [
  [
    "stop() of a tree with a system of its own",
    async () => {
      const tree = await Tree.start();
      return [tree, () => tree.sup.stop()];
    },
  ],
  [
    "a kill of a tree with a system of its own",
    async () => {
      const tree = await Tree.start();
      return [tree, () => tree.sup.ref.kill()];
    },
  ],
  [
    "a tree with a system of its own that gives up",
    async () => {
      const tree = await Tree.start({ maxRestarts: 0 });
      return [
        tree,
        async () => {
          await kill(await tree.ref("users"));
          await tree.sup.exited;
        },
      ];
    },
  ],
  [
    "stop() of the system that a tree was started in",
    async () => {
      const system = createSystem();
      const tree = await Tree.start({ system });
      return [tree, () => system.stop()];
    },
  ],
];

describe.each(systems)("%s", (_name, start) => {
  test("ends a loop that waits, and one with events left, which gets them all", async () => {
    const [tree, stopSystem] = await start();
    const waiting = read(tree.users.events({ gaps: true }));
    const late = tree.users.events({ gaps: true, group: "late" });
    putKeys(tree.users, 0, 200);
    await stopSystem();
    expect(await waiting).toEqual(inserted(0, 200));
    expect(await read(late)).toEqual(inserted(0, 200));
    expect(late.lag).toBe(0);
    expect(await late.next()).toEqual(end);
    expect(await late.return?.()).toEqual(end);
    expect(() => tree.users.events()).toThrow(StreamNotFoundError);
  });

  test("ends callbacks after the rest of the events; a pending one may finish", async () => {
    const [tree, stopSystem] = await start();
    const notes = new Notes();
    const sync = tree.users.subscribe(notes.note, { gaps: true });
    const slow: string[] = [];
    let release = (): void => {};
    const gate = new Promise<void>((resolve) => (release = resolve));
    const pending = tree.users.subscribe(
      async (event) => {
        await gate;
        slow.push(show(event as UserMessage));
      },
      { group: "slow" },
    );
    putKeys(tree.users, 0, 50);
    await stopSystem();
    await until(() => notes.lines.length === 50);
    expect(notes.lines).toEqual(inserted(0, 50));
    expect(pending.lag).toBe(50);
    release();
    await until(() => pending.lag === 0);
    await until(() => sync.lag === 0);
    expect(slow).toEqual(inserted(0, 50));
  });
});

describe("an iterator", () => {
  test.each([
    ["stream server", "crashes", "users:stream", crash],
    ["stream server", "is killed", "users:stream", kill],
    ["stream server", "is stopped in order", "users:stream", stop],
    ["cache", "crashes", "users", crash],
  ])("goes on when the %s %s", async (_who, _what, id, how) => {
    const tree = await Tree.start();
    const seen = read(tree.users.events());
    const notes = new Notes();
    tree.users.subscribe(notes.note);
    await tree.reborn(id, how);
    await until(() => getStream(tree.users).registered);
    putKeys(tree.users, 0, 3);
    await tree.sup.stop();
    expect(await seen).toEqual(inserted(0, 3));
    expect(notes.lines).toEqual(inserted(0, 3));
  });

  test("stays, with a gap, when a tree is stopped in a system that goes on, until that ends", async () => {
    const system = createSystem();
    const tree = await Tree.start({ system });
    const events = tree.users.events({ gaps: true });
    putKeys(tree.users, 0, 3);
    await tree.sup.stop();
    expect(show((await events.next()).value as UserMessage)).toBe("gap stream_restarted 0..2");
    let ended = false;
    const asked = events.next().finally(() => (ended = true));
    await rest();
    expect(ended).toBe(false);
    await system.stop();
    expect(await asked).toEqual(end);
  });

  test("reads the rest of its own system's log though the cache runs in another one again", async () => {
    const first = await Tree.start();
    const { users } = first;
    const events = users.events({ gaps: true, group: "g" });
    putKeys(users, 0, 3);
    await first.sup.stop();
    await using second = await Tree.start({ cache: users });
    const next = second.users.events({ gaps: true, group: "g" });
    putKeys(second.users, 3, 5);
    expect(await read(events)).toEqual(inserted(0, 3));
    expect(show((await next.next()).value as UserMessage)).toBe("inserted k3");
    expect(getStream(users).groups()).toHaveLength(1);
  });

  test("that is left with unread events is ended by return() and by its signal", async () => {
    const tree = await Tree.start();
    const { signal, abort } = ((controller) => ({
      signal: controller.signal,
      abort: () => controller.abort(),
    }))(new AbortController());
    const returned = tree.users.events();
    const aborted = tree.users.events({ signal });
    putKeys(tree.users, 0, 3);
    await tree.sup.stop();
    expect(show((await returned.next()).value as UserMessage)).toBe("inserted k0");
    expect(await returned.return?.()).toEqual(end);
    expect(await returned.next()).toEqual(end);
    abort();
    expect(await aborted.next()).toEqual(end);
  });
});

test("whenIdle waits for callbacks that have something left when their system is stopped", async () => {
  const tree = await Tree.start();
  let release = (): void => {};
  const gate = new Promise<void>((resolve) => (release = resolve));
  const subscription = tree.users.subscribe(() => gate);
  putKeys(tree.users, 0, 3);
  let idle = false;
  const whenDone = whenIdle(tree.users).then(() => (idle = true));
  await tree.sup.stop();
  await rest();
  expect(idle).toBe(false);
  release();
  await whenDone;
  expect(subscription.lag).toBe(0);
});
