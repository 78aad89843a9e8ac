import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { shapes } from "./nodes.js";
import { beat, heartbeat, Timed } from "./timed.js";

const names = ["a", "b", "c"] as const;
const faults = { disconnect: "connect", pause: "resume" } as const;

type Fault = keyof typeof faults;
type Step =
  | { do: "write" | "read" | "fetch" | "drop"; node: number; key: string }
  | { do: "pass"; beats: number }
  /** Of all nodes together, or of one. */
  | { do: "outage"; fault: Fault; node: number | undefined }
  | { do: "mend" };

const node = fc.nat(names.length - 1);
const key = fc.constantFrom("p", "q");
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      do: fc.constantFrom("write", "read", "read", "read", "fetch", "drop"),
      node,
      key,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      do: fc.constant("pass"),
      beats: fc.double({ min: 0.1, max: 6, noNaN: true }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant("outage"),
      fault: fc.constantFrom("disconnect", "pause"),
      node: fc.oneof(fc.constant(undefined), node),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: "mend" } as const) },
);

/** Near caches in front of one source of truth, and a broker that goes away. */
class World extends Timed {
  readonly truth = new Map<string, number>();
  readonly stale: string[] = [];
  readonly #modes: readonly ("keep" | "bypass")[];
  /** When each node was cut off, and how. */
  readonly #cut = new Map<string, { since: number; fault: Fault }>();
  readonly #fetches: Promise<unknown>[] = [];

  constructor(modes: readonly ("keep" | "bypass")[]) {
    super();
    this.#modes = modes;
  }

  async begin(partitions: number | undefined): Promise<void> {
    for (const [index, name] of names.entries()) {
      const whileDisconnected = this.#modes[index] as "keep" | "bypass";
      await this.startTimed(name, { partitions, invalidator: { whileDisconnected } });
    }
    await this.pass(beat);
  }

  async take(one: Step): Promise<void> {
    switch (one.do) {
      case "pass":
        return await this.pass(one.beats * beat);
      case "outage":
        for (const name of one.node === undefined ? names : [names[one.node] as string]) {
          if (this.#cut.has(name)) continue;
          this.#cut.set(name, { since: this.clock.now(), fault: one.fault });
          this.hub[one.fault](name);
        }
        return;
      case "mend":
        return this.mend();
      case "write":
      case "read":
      case "fetch":
      case "drop":
        return this.#use(one.do, one.node, one.key);
    }
  }

  mend(): void {
    for (const [name, { fault }] of this.#cut) this.hub[faults[fault]](name);
    this.#cut.clear();
  }

  async heal(): Promise<void> {
    this.mend();
    await Promise.all(this.#fetches);
    await this.pass(4 * heartbeat);
    await this.quiet();
  }

  #use(what: "write" | "read" | "fetch" | "drop", index: number, key: string): void {
    const { users } = this.all[index] as (typeof this.all)[0];
    const read = (of: string): number => this.truth.get(of) ?? 0;
    if (what === "write") {
      this.truth.set(key, read(key) + 1);
      users.put(key, read(key));
    } else if (what === "drop") users.delete(key);
    else if (what === "read") users.getOrStore(key, read);
    else {
      const fetched = users.fetchOrStore(key, async (of) => {
        const value = read(of);
        for (let turn = 0; turn < 5; turn++) await nextTurn();
        return value;
      });
      this.#fetches.push(fetched);
    }
  }

  /**
   * Notes what bypassed caches give that is not true, where they must know that they are cut off.
   */
  look(): void {
    for (const [index, { name, users }] of this.all.entries()) {
      const { since = Infinity } = this.#cut.get(name) ?? {};
      if (this.#modes[index] === "keep" || this.clock.now() - since < heartbeat) continue;
      for (const [key, value] of users.getAll())
        if (value !== (this.truth.get(key) ?? 0))
          this.stale.push(`${name} gives ${key} = ${value}`);
    }
  }

  left(): string[] {
    return this.all.flatMap(({ name, users }) =>
      [...users.getAll()]
        .filter(([key, value]) => value !== (this.truth.get(key) ?? 0))
        .map(([key, value]) => `${name} holds ${key} = ${value}`),
    );
  }
}

const mode = fc.constantFrom("keep" as const, "bypass" as const, "bypass" as const);

describe.each(shapes)("partitions: %s", (partitions) => {
  test("bypassed caches give no stale value from a heartbeat of an outage on, and no cache holds one after it", async () => {
    await fc.assert(
      asyncProperty(
        fc.array(step, { minLength: 10, maxLength: 50 }),
        fc.tuple(mode, mode, mode),
        async (steps, modes) => {
          await using world = new World(modes);
          await world.begin(partitions);
          for (const one of steps) {
            await world.take(one);
            world.look();
          }
          await world.heal();
          expect([...world.stale, ...world.left()]).toEqual([]);
        },
      ),
      { numRuns: 15 },
    );
  }, 120_000);
});
