import { describe, expect, test } from "@jest/globals";
import { type ActorRef, ActorExitError, OptionError, spawn, whenIdle } from "../../src/index.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import { keys, Notes, putKeys, show, Tree, type UserMessage } from "../helpers/streams.js";

/** an actor that passes what it receives to a function. */
function listener(
  tree: Tree,
  receive: (message: UserMessage) => unknown,
): Promise<ActorRef<UserMessage>> {
  return spawn<void, UserMessage>(tree.sup.system, {
    receive: async (_state, message) => void (await receive(message)),
  });
}

function syncListener(
  tree: Tree,
  receive: (message: UserMessage, self: { stop(): void; self: ActorRef<UserMessage> }) => void,
): Promise<ActorRef<UserMessage>> {
  return spawn<void, UserMessage>(tree.sup.system, {
    receive: (_state, message, ctx) => receive(message, ctx),
  });
}

/** Whatever is asked of it, it throws; also when it is asked whether it is a promise. */
const hostile = new Proxy(
  {},
  {
    has: () => {
      throw new Error("boom");
    },
  },
);

describe("a subscriber", () => {
  test("as a function is called with each event, in order", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    tree.users.subscribe(notes.note);
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.delete("a");
    expect(notes.lines).toEqual([]);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["inserted a", "updated a", "deleted a"]);
  });

  test("as an async function is called with the next event when it is done with the last", async () => {
    await using tree = await Tree.start();
    const gates = [new Gate(), new Gate()];
    const seen: string[] = [];
    const subscription = tree.users.subscribe(async (event) => {
      seen.push(`>${show(event)}`);
      await gates[seen.length >> 1]?.promise;
      seen.push(`<${show(event)}`);
    });
    putKeys(tree.users, 0, 2);
    await rest();
    expect(seen).toEqual([">inserted k0"]);
    expect(subscription.lag).toBe(2);
    gates[0]?.open();
    await until(() => seen.length === 3);
    expect(seen).toEqual([">inserted k0", "<inserted k0", ">inserted k1"]);
    expect(subscription.lag).toBe(1);
    gates[1]?.open();
    await whenIdle(tree.users);
    expect(subscription.lag).toBe(0);
  });

  test("as an actor gets the events as messages, between its other messages", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    const ref = await syncListener(tree, notes.note);
    const subscription = tree.users.subscribe(ref);
    putKeys(tree.users, 0, 200);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(keys(0, 200).map((key) => `inserted ${key}`));
    expect(subscription.lag).toBe(0);
  });

  test("as a slow actor leaves what it has not handled in the log", async () => {
    await using tree = await Tree.start();
    const gate = new Gate();
    const notes = new Notes();
    const ref = await listener(tree, async (message) => {
      await gate.promise;
      notes.note(message);
    });
    const subscription = tree.users.subscribe(ref);
    putKeys(tree.users, 0, 100);
    await rest();
    expect(subscription.lag).toBe(100);
    gate.open();
    await whenIdle(tree.users);
    expect(notes.events).toHaveLength(100);
  });

  test("as an actor that stops itself receives nothing behind the present message", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    const ref = await syncListener(tree, (message, ctx) => {
      notes.note(message);
      if (notes.messages.length === 3) ctx.stop();
    });
    tree.users.subscribe(ref);
    putKeys(tree.users, 0, 100);
    await until(() => !ref.alive);
    await rest();
    expect(notes.lines).toEqual(["inserted k0", "inserted k1", "inserted k2"]);
  });

  test("as an actor of a group that is killed over an event leaves it to the next", async () => {
    await using tree = await Tree.start();
    const first = new Notes();
    const ref = await syncListener(tree, (message, { self }) => {
      first.note(message);
      if (first.messages.length === 3) void self.kill();
    });
    tree.users.subscribe(ref, { group: "g" });
    putKeys(tree.users, 0, 5);
    await until(() => !ref.alive);
    await rest();
    const second = new Notes();
    tree.users.subscribe(second.note, { group: "g" });
    await whenIdle(tree.users);
    expect(first.lines).toEqual(["inserted k0", "inserted k1", "inserted k2"]);
    expect(second.lines).toEqual(["inserted k2", "inserted k3", "inserted k4"]);
  });

  test("ends with the actor", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    const ref = await syncListener(tree, notes.note);
    const subscription = tree.users.subscribe(ref);
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    await ref.stop();
    tree.users.put("b", 1);
    await whenIdle(tree.users);
    expect([notes.lines, subscription.lag]).toEqual([["inserted a"], 0]);
    subscription.unsubscribe();
  });

  test("must be alive", async () => {
    await using tree = await Tree.start();
    const ref = await syncListener(tree, () => {});
    await ref.kill();
    expect(() => tree.users.subscribe(ref)).toThrow(ActorExitError);
  });

  test("must be an actor or a function", async () => {
    await using tree = await Tree.start();
    for (const subscriber of [undefined, null, {}, "x"])
      expect(() => tree.users.subscribe(subscriber as never)).toThrow(OptionError);
  });

  test.each([
    [
      "throws",
      () => {
        throw new Error("boom");
      },
    ],
    ["rejects", () => Promise.reject(new Error("boom"))],
    ["answers with something hostile", () => hostile],
  ])("and %s is reported, and called again for what follows", async (_name, fail) => {
    using errors = new Listener<Record<string, unknown>>("nebulex.streams.handler_error");
    await using tree = await Tree.start({ stream: { partitions: 1 } });
    const notes = new Notes();
    tree.users.subscribe(
      ((message: UserMessage) => {
        notes.note(message);
        return notes.messages.length === 2 ? fail() : undefined;
      }) as never,
      { group: "g" },
    );
    putKeys(tree.users, 0, 4);
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(keys(0, 4).map((key) => `inserted ${key}`));
    expect(errors.messages).toEqual([
      {
        cache: "users",
        name: "users",
        partition: 0,
        group: "g",
        event: notes.messages[1],
        error: new Error("boom"),
        attempt: 1,
      },
    ]);
  });

  test("with no group is reported with a null group", async () => {
    using errors = new Listener<{ group: unknown }>("nebulex.streams.handler_error");
    await using tree = await Tree.start();
    tree.users.subscribe(() => {
      throw new Error("boom");
    });
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect(errors.messages.map(({ group }) => group)).toEqual([null]);
  });
});

describe("unsubscribe", () => {
  test("ends it, also within an event and while one is awaited, and twice", async () => {
    await using tree = await Tree.start();
    const [inside, awaiting] = [new Notes(), new Notes()];
    const gate = new Gate();
    const first = tree.users.subscribe((event) => {
      inside.note(event);
      first.unsubscribe();
    });
    const second = tree.users.subscribe(async (event) => {
      awaiting.note(event);
      await gate.promise;
    });
    putKeys(tree.users, 0, 3);
    await until(() => awaiting.messages.length === 1);
    second.unsubscribe();
    second.unsubscribe();
    gate.open();
    putKeys(tree.users, 3, 6);
    await rest();
    expect([inside.lines, awaiting.lines]).toEqual([["inserted k0"], ["inserted k0"]]);
    expect([first.lag, second.lag]).toEqual([0, 0]);
    await whenIdle(tree.users);
  });

  test("happens at the end of a `using` block", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    {
      using subscription = tree.users.subscribe(notes.note);
      expect(subscription.partition).toBeNull();
    }
    tree.users.put("a", 1);
    await rest();
    expect(notes.lines).toEqual([]);
  });
});
