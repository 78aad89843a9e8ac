import { describe, expect, test } from "@jest/globals";
import {
  type ActorRef,
  ActorExitError,
  defineCache,
  OptionError,
  spawn,
  StreamNotFoundError,
  type SubscribeOptions,
  whenIdle,
} from "../../src/index.js";
import { Gate, Listener, rest, until } from "../helpers/actors.js";
import {
  keys,
  Notes,
  putKeys,
  show,
  Tree,
  type UserMessage,
  type Users,
} from "../helpers/streams.js";

/** An actor that hands what it gets to a function. */
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

describe("who subscribes", () => {
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

  test("as an actor that stops itself gets nothing behind the message in hand", async () => {
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
  ])("and %s is told of, and called again for what follows", async (_name, fail) => {
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

describe("which events", () => {
  test("are picked by type", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, {
      events: ["deleted", "updated", "deleted"],
    });
    expect(subscription.topics).toEqual(["users:updated", "users:deleted"]);
    tree.users.put("a", 1);
    tree.users.put("a", 2);
    tree.users.delete("a");
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["updated a", "deleted a"]);
    expect(subscription.lag).toBe(0);
  });

  test("are never lost for who waits for a rare type, however many others there are", async () => {
    await using tree = await Tree.start({ stream: { partitions: 2, retain: 10 } });
    const notes = new Notes();
    tree.users.subscribe(notes.note, { events: ["deleted"], partition: "all", gaps: true });
    for (let round = 0; round < 5; round++) {
      putKeys(tree.users, 0, 1000);
      await rest(3);
    }
    tree.users.delete("k7");
    await whenIdle(tree.users);
    expect(notes.lines).toEqual(["deleted k7"]);
  });

  test("of one partition have its number in their topic", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, { partition: 2, events: ["inserted"] });
    expect([subscription.partition, subscription.topics]).toEqual([2, ["users:2:inserted"]]);
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    expect(notes.events.length).toBeGreaterThan(5);
    for (const { metadata } of notes.events)
      expect(metadata).toMatchObject({ partition: 2, partitions: 4, topic: "users:2:inserted" });
    expect(notes.sequences).toEqual(notes.sequences.map((_, index) => index));
  });

  test("of all partitions are each key's in order", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const notes = new Notes();
    const subscription = tree.users.subscribe(notes.note, { partition: "all" });
    expect(subscription.partition).toBe("all");
    expect(subscription.topics).toHaveLength(20);
    for (let round = 0; round < 3; round++) putKeys(tree.users, 0, 500);
    await whenIdle(tree.users);
    expect(notes.events).toHaveLength(1500);
    for (const key of keys(0, 500)) {
      const own = notes.lines.filter((line) => line.endsWith(` ${key}`));
      expect(own).toEqual([`inserted ${key}`, `updated ${key}`, `updated ${key}`]);
    }
  });

  test("are of a partition that few others read, by default", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const chosen = keys(0, 8).map(() => tree.users.subscribe(() => {}).partition as number);
    expect(chosen).toEqual([0, 1, 2, 3, 0, 1, 2, 3]);
    const grouped = [0, 1, 2, 3].map(
      () => tree.users.subscribe(() => {}, { group: "g" }).partition,
    );
    expect(grouped).toEqual([0, 1, 2, 3]);
  });

  test("are the group's own for an automatic reader that takes the place of a dead one", async () => {
    await using tree = await Tree.start({ stream: { partitions: 4 } });
    const ref = await syncListener(tree, () => {});
    const { partition } = tree.users.subscribe(ref, { group: "g" });
    await ref.kill();
    expect(tree.users.subscribe(() => {}, { group: "g" }).partition).toBe(partition);
  });

  test("have no partition on a stream without", async () => {
    await using tree = await Tree.start();
    const notes = new Notes();
    for (const partition of ["auto", "all"] as const)
      expect(tree.users.subscribe(notes.note, { partition }).partition).toBeNull();
    tree.users.put("a", 1);
    await whenIdle(tree.users);
    expect(notes.events[0]?.metadata).toMatchObject({
      partition: null,
      partitions: null,
      topic: "users:inserted",
    });
  });
});

describe("where a reader begins", () => {
  const start = () => Tree.start({ stream: { partitions: 1, retain: 10 } });
  const read = async (users: Users, from: SubscribeOptions["from"]): Promise<string[]> => {
    const notes = new Notes();
    users.subscribe(notes.note, { gaps: true, ...(from === undefined ? {} : { from }) });
    users.put("new", 1);
    await whenIdle(users);
    return notes.messages.map((message) =>
      message.type === "gap" ? show(message) : String(message.metadata.sequence),
    );
  };
  const sequences = (from: number, to: number): string[] =>
    keys(from, to).map((key) => key.slice(1));

  test.each([
    ["default", undefined, ["100"]],
    ["latest", "latest" as const, ["100"]],
    ["earliest", "earliest" as const, sequences(90, 101)],
    ["a sequence that is kept", 95, sequences(95, 101)],
    ["the oldest kept", 90, sequences(90, 101)],
    ["the next event's", 100, ["100"]],
    ["a sequence that is gone", 42, ["gap overrun 42..89", ...sequences(90, 101)]],
  ])("%s", async (_name, from, expected) => {
    await using tree = await start();
    putKeys(tree.users, 0, 100);
    await whenIdle(tree.users);
    await rest(2);
    expect(await read(tree.users, from)).toEqual(expected);
  });

  test("beyond the end is an error that says where the end is", async () => {
    await using tree = await start();
    putKeys(tree.users, 0, 5);
    expect(() => tree.users.subscribe(() => {}, { from: 6 })).toThrow(
      new OptionError(
        "from",
        'invalid value for option "from": expected a sequence <= 5 (the next event\'s), got: 6',
      ),
    );
  });
});

describe("options that are wrong", () => {
  const partitioned = { partitions: 4 };
  test.each([
    [
      partitioned,
      { partition: 10 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: 10',
    ],
    [
      partitioned,
      { partition: -1 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: -1',
    ],
    [
      partitioned,
      { partition: 1.5 },
      'invalid value for option "partition": expected an integer >= 0 and < 4 (the number of partitions), got: 1.5',
    ],
    [
      {},
      { partition: 0 },
      'invalid value for option "partition": expected "all" or "auto" (the stream has no partitions), got: 0',
    ],
    [
      {},
      { partition: "some" },
      'invalid value for option "partition": expected an integer, "all" or "auto", got: \'some\'',
    ],
    [
      {},
      { events: [] },
      'invalid value for option "events": expected a non-empty array of values among "inserted", "updated", "deleted", "expired", "evicted", got: []',
    ],
    [
      {},
      { events: ["gone"] },
      'invalid value for option "events": expected a non-empty array of values among "inserted", "updated", "deleted", "expired", "evicted", got: [ \'gone\' ]',
    ],
    [{}, { group: "" }, "invalid value for option \"group\": expected a non-empty string, got: ''"],
    [{}, { gaps: 1 }, 'invalid value for option "gaps": expected a boolean, got: 1'],
    [
      {},
      { from: -1 },
      'invalid value for option "from": expected "latest", "earliest" or an integer >= 0 (a sequence), got: -1',
    ],
    [
      {},
      { from: 1, partition: "all" },
      'invalid value for option "from": expected "latest" or "earliest" (a sequence belongs to one partition) for partition "all", got: 1',
    ],
  ])("%p, %p", async (stream, options, message) => {
    await using tree = await Tree.start({ stream });
    for (const call of [
      () => tree.users.subscribe(() => {}, options as never),
      () => tree.users.events(options as never),
    ]) {
      expect(call).toThrow(OptionError);
      expect(call).toThrow(message);
    }
  });

  test("are named if nobody knows them", async () => {
    await using tree = await Tree.start();
    expect(() => tree.users.subscribe(() => {}, { topic: "x" } as never)).toThrow(
      /^unknown option "topic" for subscribe/,
    );
    expect(() => tree.users.subscribe(() => {}, { signal: 1 } as never)).toThrow(
      /^unknown option "signal"/,
    );
    expect(() => tree.users.events({ signal: 1 } as never)).toThrow(
      'invalid value for option "signal": expected an AbortSignal, got: 1',
    );
  });

  test("are StreamNotFoundErrors at the call where there is no stream", () => {
    const users = defineCache({ name: "users" });
    expect(() => users.subscribe(() => {})).toThrow(StreamNotFoundError);
    expect(() => users.events()).toThrow("stream server not found: users");
  });
});

describe.each(["broadcast", "broadcast_from"] as const)("with %s", (broadcastFun) => {
  test("an actor's own events come to it or not; to all others they do", async () => {
    await using tree = await Tree.start({ stream: { broadcastFun } });
    const [mine, others, plain] = [new Notes(), new Notes(), new Notes()];
    const me = await syncListener(tree, mine.note);
    tree.users.subscribe(me);
    tree.users.subscribe(await syncListener(tree, others.note));
    tree.users.subscribe(plain.note);
    tree.users.from(me).put("a", 1);
    tree.users.put("b", 1);
    await whenIdle(tree.users);
    const all = ["inserted a", "inserted b"];
    expect(mine.lines).toEqual(broadcastFun === "broadcast" ? all : ["inserted b"]);
    expect([others.lines, plain.lines]).toEqual([all, all]);
    expect(plain.events.map(({ metadata }) => metadata.origin)).toEqual([me, null]);
  });
});
