import { describe, expect, test } from "@jest/globals";
import {
  defineCache,
  IdleTimeoutError,
  OptionError,
  spawn,
  StreamNotFoundError,
  whenIdle,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { failure, Gate, rest } from "../helpers/actors.js";
import { kill, Notes, poolOf, putKeys, Tree } from "../helpers/streams.js";

describe("whenIdle", () => {
  test("resolves at once when there is nothing to wait for", async () => {
    await using tree = await Tree.start();
    tree.users.put("a", 1);
    expect(await whenIdle(tree.users)).toBeUndefined();
  });

  test("waits for callbacks, actors and groups, until the slowest has handled all", async () => {
    const gates = { callback: new Gate(), actor: new Gate(), pool: new Gate() };
    const handled: string[] = [];
    const wait = async (reader: keyof typeof gates): Promise<void> => {
      await gates[reader].promise;
      handled.push(reader);
    };
    await using tree = await Tree.start({
      stream: { partitions: 4 },
      children: (users) => [poolOf(users, () => wait("pool"))],
    });
    tree.users.subscribe(() => wait("callback"), { partition: "all" });
    const ref = await spawn(tree.sup.system, { receive: () => wait("actor") });
    tree.users.subscribe(ref, { partition: "all" });
    tree.users.put("a", 1);
    let idle = false;
    const waiting = whenIdle(tree.users).then(() => {
      idle = true;
    });
    for (const gate of Object.values(gates)) {
      await rest();
      expect(idle).toBe(false);
      gate.open();
    }
    await waiting;
    expect(handled.toSorted()).toEqual(["actor", "callback", "pool"]);
  });

  test("does not wait for what is written after the call", async () => {
    await using tree = await Tree.start();
    const gate = new Gate();
    const subscription = tree.users.subscribe(({ target }) =>
      (target as { key: string }).key === "b" ? gate.promise : undefined,
    );
    tree.users.put("a", 1);
    const waiting = whenIdle(tree.users);
    tree.users.put("b", 1);
    await waiting;
    expect(subscription.lag).toBe(1);
    const all = whenIdle(tree.users);
    gate.open();
    await all;
    expect(subscription.lag).toBe(0);
  });

  test("waits for each instance by itself", async () => {
    const users = defineCache<string, number>({ name: "users" });
    await using tree = await Tree.start({ cache: users });
    tree.users.subscribe(() => new Promise(() => {}));
    tree.users.put("a", 1);
    expect(await failure(whenIdle(users.instance("tenant")))).toBeInstanceOf(StreamNotFoundError);
  });

  test("gives up after its timeout, and leaves no timer however it ends", async () => {
    const clock = new SimulatedClock();
    await using tree = await Tree.start({ clock });
    const gate = new Gate();
    tree.users.subscribe(() => gate.promise);
    tree.users.put("a", 1);
    const pending = clock.pending;
    const error = failure(whenIdle(tree.users, { timeout: 100 }));
    const later = whenIdle(tree.users, { timeout: 1000 });
    await clock.advance(99);
    expect(clock.pending).toBe(pending + 2);
    await clock.advance(1);
    expect(await error).toBeInstanceOf(IdleTimeoutError);
    expect(await error).toMatchObject({ stream: "users", timeout: 100, code: "E_IDLE_TIMEOUT" });
    gate.open();
    await later;
    expect(clock.pending).toBe(pending);
  });

  test("rejects where there is no stream, and for wrong options", async () => {
    const users = defineCache<string, number>({ name: "users" });
    expect(await failure(whenIdle(users))).toBeInstanceOf(StreamNotFoundError);
    await using tree = await Tree.start({ cache: users });
    expect(await failure(whenIdle(tree.users, { timeout: -1 }))).toBeInstanceOf(OptionError);
    expect(await failure(whenIdle(tree.users, { limit: 1 } as never))).toBeInstanceOf(OptionError);
  });

  test("waits for a group without a reader until another one reads on", async () => {
    await using tree = await Tree.start();
    const ref = await spawn(tree.sup.system, { receive: () => {} });
    tree.users.subscribe(ref, { group: "g" });
    await ref.kill();
    tree.users.put("a", 1);
    expect(await failure(whenIdle(tree.users, { timeout: 20 }))).toBeInstanceOf(IdleTimeoutError);
    const notes = new Notes();
    tree.users.subscribe(notes.note, { group: "g" });
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["inserted a"]);
  });

  test("does not wait for what a new epoch has taken away", async () => {
    await using tree = await Tree.start();
    const ref = await spawn(tree.sup.system, { receive: () => {} });
    tree.users.subscribe(ref, { group: "g" });
    await ref.kill();
    tree.users.put("a", 1);
    const waiting = whenIdle(tree.users);
    await rest();
    await tree.reborn("users:stream", (server) => server.stop());
    expect(await waiting).toBeUndefined();
  });

  test("holds over the death of the stream server", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    tree.users.subscribe(notes.note);
    putKeys(tree.users, 0, 1000);
    const waiting = whenIdle(tree.users);
    await tree.reborn("users:stream", kill);
    await waiting;
    expect(notes.messages).toHaveLength(1000);
  });
});
