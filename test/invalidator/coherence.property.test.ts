import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { Nodes, shapes, Wall } from "./nodes.js";

const names = ["a", "b", "c"] as const;
const keyList = ["p1", "p2", "p3", "q1", "q2", "q3"] as const;
/** Keys that nothing else uses, in every partition. */
const sentinels = Array.from({ length: 32 }, (_, index) => `s${index}`);

type Step =
  | {
      do: "put" | "increment" | "read" | "fetch" | "touch";
      node: number;
      key: string;
      turns: number;
    }
  | { do: "putAll"; node: number; keys: string[] }
  | { do: "drop"; node: number }
  | { do: "evict"; node: number; prefix: string }
  | { do: "disconnect" | "connect" | "pause" | "resume"; node: number }
  | { do: "pass"; milliseconds: number }
  | { do: "set"; node: number; milliseconds: number }
  | { do: "turn"; turns: number };

const node = fc.nat(names.length - 1);
const key = fc.constantFrom(...keyList);
const turns = fc.integer({ min: 1, max: 8 });
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom("put", "increment", "read", "read", "fetch", "fetch", "touch"),
      node,
      key,
      turns,
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("putAll"),
      node,
      keys: fc.uniqueArray(key, { minLength: 1 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("drop"), node }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("evict"), node, prefix: fc.constantFrom("p", "q") }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom("disconnect", "connect", "pause", "resume"), node }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("pass"),
      milliseconds: fc.integer({ min: 1, max: 20 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("set"),
      node,
      milliseconds: fc.integer({ min: -200, max: 200 }),
    }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant("turn"), turns }) },
);

/**
 * Three near caches, with clocks of their own that are set now and then, in front of one source of
 * truth.
 */
class World extends Nodes {
  readonly truth = new Map<string, number>();
  readonly walls: readonly Wall[];
  readonly fetches: Promise<unknown>[] = [];
  /** How many of each node's next messages are lost. */
  readonly losses = new Map<string, number>();
  #version = 0;

  constructor(skews: readonly number[]) {
    super();
    this.walls = skews.map((skew) => new Wall(1_700_000_000_000 + skew));
    this.fate = ({ from }) => {
      const left = this.losses.get(from) ?? 0;
      if (left === 0) return undefined;
      this.losses.set(from, left - 1);
      return "drop";
    };
  }

  async take(step: Step): Promise<void> {
    if (step.do === "pass") {
      for (const wall of this.walls) wall.pass(step.milliseconds);
      return;
    }
    if (step.do === "set") {
      this.walls[step.node]?.set(step.milliseconds);
      return;
    }
    if (step.do === "turn") {
      for (let turn = 0; turn < step.turns; turn++) await nextTurn();
      return;
    }
    const name = names[step.node] as string;
    const users = this.all[step.node]?.users as (typeof this.all)[0]["users"];
    const read = (of: string): number => this.truth.get(of) ?? 0;
    const write = (of: string): number => {
      this.truth.set(of, ++this.#version);
      return this.#version;
    };
    switch (step.do) {
      case "put":
        users.put(step.key, write(step.key));
        break;
      case "increment": {
        // Of a value that may be old: what is true is what comes of it.
        this.truth.set(step.key, users.increment(step.key, 1000));
        break;
      }
      case "putAll":
        users.putAll(step.keys.map((of) => [of, write(of)]));
        break;
      case "read":
        users.getOrStore(step.key, read);
        break;
      case "touch":
        users.expire(step.key, 60_000);
        break;
      case "fetch":
        this.fetches.push(
          users.fetchOrStore(step.key, async (of) => {
            const value = read(of);
            for (let turn = 0; turn < step.turns; turn++) await nextTurn();
            return value;
          }),
        );
        break;
      case "evict":
        users.deleteAll({ prefix: step.prefix });
        break;
      case "drop":
        this.losses.set(name, (this.losses.get(name) ?? 0) + 1);
        break;
      case "disconnect":
      case "connect":
      case "pause":
      case "resume":
        this.hub[step.do](name);
        break;
    }
  }

  async heal(): Promise<void> {
    this.fate = undefined;
    for (const name of names) {
      this.hub.resume(name);
      this.hub.connect(name);
    }
    await this.quiet();
    // Loss shows with the next message: one in every partition, that changes nothing.
    for (const { users } of this.all)
      for (const sentinel of sentinels) users.put(sentinel, 0, { fill: true });
    await Promise.all(this.fetches);
    await this.quiet();
  }

  stale(): string[] {
    return this.all.flatMap(({ name, users }) =>
      [...users.getAll()]
        .filter(([of, value]) => !sentinels.includes(of) && value !== (this.truth.get(of) ?? 0))
        .map(([of, value]) => `${name}: ${of} = ${value}, not ${this.truth.get(of) ?? 0}`),
    );
  }
}

describe.each(shapes)("partitions: %s", (partitions) => {
  test("when all messages that were not lost have come, no cache holds what is not true", async () => {
    const skew = fc.integer({ min: -100, max: 100 });
    await fc.assert(
      asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 80 }),
        fc.tuple(skew, skew, skew),
        async (steps, skews) => {
          await using world = new World(skews);
          for (const [index, name] of names.entries())
            await world.start(name, { partitions, clock: world.walls[index] as Wall });
          for (const one of steps) await world.take(one);
          await world.heal();
          expect(world.stale()).toEqual([]);
        },
      ),
      { numRuns: 25 },
    );
  }, 120_000);
});
