import { expect, test } from "@jest/globals";
import { pause } from "../../src/clock.js";
import { clusterGroup } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing.js";
import fc, { asyncProperty } from "../helpers/fast-check.js";
import { GroupLab, type GroupNode } from "./lab.js";

const leaseTime = 600;
const partitions = 3;

type Step =
  | { kind: "put"; who: number; count: number }
  | { kind: "join" }
  | { kind: "leave"; who: number }
  | { kind: "kill"; who: number }
  | { kind: "cut"; who: number }
  | { kind: "mend"; who: number }
  | { kind: "advance"; ms: number }
  | { kind: "pause" | "resume"; who: number; partition: number };

const who = fc.nat(9);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("put" as const),
      who,
      count: fc.integer({ min: 1, max: 60 }),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("advance" as const),
      ms: fc.integer({ min: 1, max: 2 * leaseTime }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("join" as const) }) },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom("leave", "kill", "cut", "mend"), who)
      .map(([kind, number]) => ({ kind, who: number }) as Step),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom("pause" as const, "resume" as const),
      who,
      partition: fc.nat(partitions - 1),
    }),
  },
);

/** What was begun and handled in one partition, in the order in which it was. */
interface Trace {
  readonly begun: { fence: number; position: number }[];
  readonly handled: { fence: number; position: number }[];
}

class World {
  readonly clock = new SimulatedClock();
  readonly traces: Trace[] = Array.from({ length: partitions }, () => ({ begun: [], handled: [] }));
  readonly lab: GroupLab;
  readonly #slow: (position: number) => number;
  readonly #cut = new Set<string>();
  #started = 0;
  #keys = 0;

  constructor(capacity: number, slow: number) {
    this.#slow = (position) => (slow === 0 ? 0 : position % slow);
    this.lab = new GroupLab({
      clock: this.clock,
      journal: { retain: 10, capacity },
      stream: { partitions },
      pool: { leaseTime },
      handle: async ({ metadata }, { fence, partition }) => {
        const trace = this.traces[partition as number] as Trace;
        const position = metadata.position as number;
        trace.begun.push({ fence, position });
        const ms = this.#slow(position);
        if (ms > 0) await pause(this.clock, ms);
        trace.handled.push({ fence, position });
      },
    });
  }

  markers: ReadonlySet<number>[] = [];

  async run(steps: readonly Step[]): Promise<void> {
    this.markers = await this.lab.noteMarkers(partitions);
    await this.#join();
    for (const it of steps) await this.#do(it);
    for (const name of this.#cut) this.lab.hub.connect(name);
    if (this.lab.nodes.size === 0) await this.#join();
    const [node] = this.lab.nodes.values();
    await this.clock.advance(3000);
    await clusterGroup((node as GroupNode).cache, "mailer").resume();
    for (let round = 0; round < 100 && !(await this.#isDone(node as GroupNode)); round++)
      await this.clock.advance(leaseTime);
  }

  async #join(): Promise<void> {
    await this.lab.start(`n${this.#started++}`);
  }

  #pick(number: number): GroupNode | undefined {
    const all = [...this.lab.nodes.values()];
    return all[number % all.length];
  }

  async #do(it: Step): Promise<void> {
    if (it.kind === "advance") return await this.clock.advance(it.ms);
    if (it.kind === "join") {
      if (this.lab.nodes.size < 4) await this.#join();
      return;
    }
    const node = this.#pick(it.who);
    if (node === undefined) return;
    if (it.kind === "put") {
      node.put(this.#keys, this.#keys + it.count - 1);
      this.#keys += it.count;
      await this.clock.settle(3);
    } else if (it.kind === "leave") {
      const stopped = node.stop();
      await this.clock.advance(6000);
      await stopped;
    } else if (it.kind === "kill") await node.kill();
    else if (it.kind === "cut") {
      this.lab.hub.disconnect(node.name);
      this.#cut.add(node.name);
    } else if (it.kind === "mend") {
      this.lab.hub.connect(node.name);
      this.#cut.delete(node.name);
    } else await this.#direct(node, it.kind, it.partition);
  }

  async #direct(node: GroupNode, kind: "pause" | "resume", partition: number): Promise<void> {
    const group = clusterGroup(node.cache, "mailer");
    // A node that is cut off, or was before it could create the group, can't direct it.
    await group[kind](partition).catch(() => {});
  }

  async #isDone(node: GroupNode): Promise<boolean> {
    const states = await clusterGroup(node.cache, "mailer").status();
    return states.every(({ lag, owner }) => lag === 0 && owner !== null);
  }

  /** The positions that hold no event, or that a gap has reported. */
  excused(partition: number): Set<number> {
    const excused = new Set<number>();
    for (const { reason, from, to, partition: of } of this.lab.gaps)
      if (reason === "trimmed" && of === partition)
        for (let position = from; position <= to; position++) excused.add(position);
    return excused;
  }
}

function expectRight(world: World, partition: number, next: number): void {
  const { begun, handled } = world.traces[partition] as Trace;
  // No two owners at once: whoever begins an event has the newest lease there has been.
  const fences = begun.map(({ fence }) => fence);
  expect(fences).toEqual([...fences].sort((a, b) => a - b));
  // In order under each lease, each event once.
  const byFence = new Map<number, number[]>();
  for (const { fence, position } of begun)
    byFence.set(fence, [...(byFence.get(fence) ?? []), position]);
  let done = -1;
  for (const positions of byFence.values()) {
    expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
    const again = positions.filter((position) => position <= done).length;
    // One may have been in hand.
    expect(again).toBeLessThanOrEqual(64 + 1);
    done = Math.max(done, ...positions);
  }
  const seen = new Set(handled.map(({ position }) => position));
  const excused = world.excused(partition);
  const missing = Array.from({ length: next }, (_, position) => position).filter(
    (position) => !seen.has(position) && !excused.has(position),
  );
  // The others are markers, each of which is a gap, too.
  expect(missing.filter((position) => !world.markers[partition]?.has(position))).toEqual([]);
  const told = world.lab.gaps.filter(
    (gap) => gap.partition === partition && gap.from === gap.to + 1,
  );
  expect(told.length).toBeGreaterThanOrEqual(missing.length);
}

test("whatever comes and goes: handled + gaps = written, in order, and no two owners at once", async () => {
  await fc.assert(
    asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 25 }),
      fc.constantFrom(1000, 100),
      fc.constantFrom(0, 0, 7, 40),
      async (steps, capacity, slow) => {
        const world = new World(capacity, slow);
        await world.run(steps);
        const [node] = world.lab.nodes.values();
        const states = await clusterGroup((node as GroupNode).cache, "mailer").status();
        for (const { partition, position, lag } of states) {
          expect(lag).toBe(0);
          expectRight(world, partition, position);
        }
        const closing = world.lab[Symbol.asyncDispose]();
        await world.clock.advance(20_000);
        await closing;
      },
    ),
    { numRuns: 60 },
  );
});
