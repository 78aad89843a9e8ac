import { performance } from "node:perf_hooks";
import { describe, expect, test } from "@jest/globals";
import type { Tree as RunningTree, UserMessage, Users } from "../helpers/streams.js";

// The sources take their clock when they are loaded: here, one that advances only by `compute`.
let now = 0;
const { now: realNow } = performance;
performance.now = () => now;
const { spawn, whenIdle } = await import("../../src/index.js");
const { nextTurn } = await import("../../src/timers.js");
const { isGap, poolOf, putKeys, Tree } = await import("../helpers/streams.js");
performance.now = realNow;

const perBurst = 1000;
const bursts = 20;
/** Milliseconds that the writer takes for a burst, and readers for all its events. */
const writing = 25;
const reading = 20;

/** Keeps the event loop. */
function compute(ms: number): void {
  now += ms;
}

/** Counts what a reader is given, each event after some computing. */
class Account {
  events = 0;
  readonly gaps: UserMessage[] = [];
  readonly note = (message: UserMessage): void => {
    if (isGap(message)) this.gaps.push(message);
    else {
      this.events++;
      compute(reading / perBurst);
    }
  };
}

interface Kind {
  name: string;
  partitions?: number;
  read: (users: Users, tree: RunningTree, account: Account) => unknown;
}

const pool = (
  users: Users,
  tree: RunningTree,
  handler: Parameters<typeof poolOf>[1],
  options?: Parameters<typeof poolOf>[2],
) => tree.sup.startChild(poolOf(users, handler, options));

const kinds: Kind[] = [
  {
    name: "a pool",
    read: (users, tree, { note }) => pool(users, tree, { handle: note, onGap: note }),
  },
  {
    name: "a pool over 4 partitions",
    partitions: 4,
    read: (users, tree, { note }) => pool(users, tree, { handle: note, onGap: note }),
  },
  {
    name: "a pool of async handlers",
    read: (users, tree, { note }) =>
      pool(users, tree, { handle: async (event) => note(event), onGap: note }),
  },
  {
    name: "a pool with concurrency",
    read: (users, tree, { note }) =>
      pool(users, tree, { handle: note, onGap: note }, { concurrency: 16 }),
  },
  {
    name: "a pool of batches",
    read: (users, tree, { note }) =>
      pool(users, tree, {
        maxSize: 10,
        maxWait: 0,
        handle: (events) => events.forEach(note),
        onGap: note,
      }),
  },
  { name: "a callback", read: (users, _, { note }) => users.subscribe(note, { gaps: true }) },
  {
    name: "an actor",
    read: async (users, tree, { note }) => {
      const receive = (_: void, message: UserMessage): void => note(message);
      const ref = await spawn(tree.sup.system, { receive });
      users.subscribe(ref, { gaps: true });
    },
  },
];

describe("a writer that never pauses", () => {
  test.each(kinds)("overtakes no reader that needs less time: $name", async (kind) => {
    const stream = {
      capacity: 3 * perBurst,
      ...(kind.partitions === undefined ? {} : { partitions: kind.partitions }),
    };
    await using tree = await Tree.start({ stream });
    const account = new Account();
    await kind.read(tree.users, tree, account);
    for (let burst = 0; burst < bursts; burst++) {
      putKeys(tree.users, 0, perBurst);
      compute(writing);
      await nextTurn();
    }
    await whenIdle(tree.users);
    expect(account.gaps).toEqual([]);
    expect(account.events).toBe(bursts * perBurst);
  });
});

test("readers take the events of a burst in alternation, all in order", async () => {
  await using tree = await Tree.start();
  const seen: number[][] = [[], [], []];
  let longest = 0;
  let row: { reader: number; events: number } | undefined;
  for (const [reader, sequences] of seen.entries())
    tree.users.subscribe(({ metadata }) => {
      sequences.push(metadata.sequence);
      if (row?.reader !== reader) row = { reader, events: 0 };
      longest = Math.max(longest, ++row.events);
    });
  putKeys(tree.users, 0, 5000);
  await whenIdle(tree.users);
  for (const sequences of seen)
    expect(sequences).toEqual(Array.from({ length: 5000 }, (_, sequence) => sequence));
  expect(longest).toBeLessThan(1000);
});
