import { describe, expect, test } from "@jest/globals";
import { clusterGroup } from "../../src/index.js";
import { SimulatedClock } from "../../src/testing.js";
import { Gate, Listener } from "../helpers/actors.js";
import { GroupLab, type GroupNode, range } from "./lab.js";

const leaseTime = 3000;

/** In entries of five events each: an entry is trimmed as a whole. */
async function putInFives(
  clock: SimulatedClock,
  node: GroupNode,
  from: number,
  to: number,
): Promise<void> {
  for (let at = from; at <= to; at += 5) {
    node.put(at, Math.min(to, at + 4));
    await clock.settle();
  }
}

describe("what a group can't be given is a gap with exact bounds", () => {
  test("events that were trimmed while no node had the pool", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({
      clock,
      journal: { retain: 5, capacity: 20 },
      pool: { leaseTime },
      stream: { partitions: 1 },
    });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.advance(leaseTime);
    await a.stop();
    const writer = await lab.start("w", { pool: { group: "other" } });
    await putInFives(clock, writer, 11, 60);
    await clock.advance(leaseTime);
    lab.handled.length = 0;
    await lab.start("b");
    await clock.advance(leaseTime);
    const { generation } = (await lab.view()).partitions[0] as { generation: string };
    expect(lab.gaps).toEqual([
      {
        type: "gap",
        cache: "orders",
        name: "orders",
        partition: 0,
        from: 10,
        to: 39,
        reason: "trimmed",
        node: "b",
        epoch: generation,
        on: "b",
      },
    ]);
    expect(lab.keysOf("b")).toEqual(range(41, 60));
  });

  test("events that are trimmed under an owner that is too slow", async () => {
    const clock = new SimulatedClock();
    const gate = new Gate();
    await using lab = new GroupLab({
      clock,
      journal: { retain: 5, capacity: 100 },
      pool: { leaseTime },
      stream: { partitions: 1 },
      handle: () => gate.promise,
    });
    const a = await lab.start("a");
    await putInFives(clock, a, 1, 400);
    gate.open();
    await clock.advance(leaseTime);
    const [gap, ...others] = lab.gaps;
    expect(others).toEqual([]);
    expect(gap).toMatchObject({ reason: "trimmed", to: 299 });
    // All that had been read was handled before.
    const from = gap?.from as number;
    expect(from).toBeGreaterThanOrEqual(64);
    expect(lab.handled.map(({ position }) => position)).toEqual([
      ...Array.from({ length: from }, (_, position) => position),
      ...Array.from({ length: 100 }, (_, index) => 300 + index),
    ]);
    expect(new Set(lab.handled.map(({ fence }) => fence)).size).toBe(1);
  });

  test("a gap that was not handled is given again to the next owner", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({
      clock,
      journal: { retain: 5, capacity: 20 },
      pool: { leaseTime },
      stream: { partitions: 1 },
    });
    const a = await lab.start("a");
    await a.stop();
    const writer = await lab.start("w", { pool: { group: "other" } });
    await putInFives(clock, writer, 1, 60);
    await clock.advance(leaseTime);
    const b = await lab.start("b", {
      pool: { handler: { handle: () => {}, onGap: () => new Promise(() => {}) } },
    });
    await clock.advance(2 * leaseTime);
    await b.kill();
    await lab.start("c");
    await clock.advance(leaseTime + 1000);
    const ofC = lab.gaps.filter(({ on }) => on === "c");
    expect(ofC[0]).toMatchObject({ reason: "trimmed", from: 0, to: 39 });
  });

  test("a handler without onGap: the gap is warned of", async () => {
    const clock = new SimulatedClock();
    using warnings = new Listener<{ what: string }>("nebulex.warning");
    await using lab = new GroupLab({
      clock,
      journal: { retain: 5, capacity: 20 },
      pool: { leaseTime },
      stream: { partitions: 1 },
    });
    const a = await lab.start("a");
    await a.stop();
    const writer = await lab.start("w", { pool: { group: "other" } });
    await putInFives(clock, writer, 1, 60);
    await lab.start("b", { pool: { handler: () => {} } });
    await clock.advance(leaseTime);
    expect(warnings.messages.map(({ what }) => what)).toContainEqual(
      expect.stringMatching(/^gap of group mailer on stream orders, which no reader is given/),
    );
  });

  test("the journal is lost: a gap up to what was known, and the group begins at 0", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, pool: { leaseTime }, stream: { partitions: 1 } });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.advance(leaseTime);
    const before = (await lab.view()).partitions[0]?.generation;
    lab.hub.flush();
    a.put(11, 15);
    await clock.advance(2 * leaseTime);
    expect(lab.gaps).toMatchObject([{ reason: "journal_lost", from: 10, to: 9, epoch: before }]);
    expect(lab.handled.slice(10).map(({ key, position }) => [key, position])).toEqual(
      range(11, 15).map((key, position) => [key, position]),
    );
    expect(await clusterGroup(a.cache, "mailer").status()).toMatchObject([{ position: 5, lag: 0 }]);
  });

  test("the journal is lost with events that an owner had not handled", async () => {
    const clock = new SimulatedClock();
    const gate = new Gate();
    await using lab = new GroupLab({
      clock,
      pool: { leaseTime },
      stream: { partitions: 1 },
      handle: ({ target }) =>
        target.kind === "key" && target.key === "o4" ? gate.promise : undefined,
    });
    const a = await lab.start("a");
    a.put(1, 10);
    await clock.advance(200);
    lab.hub.flush();
    await clock.advance(2 * leaseTime);
    gate.open();
    a.put(11, 12);
    await clock.advance(2 * leaseTime);
    expect(lab.gaps).toMatchObject([{ reason: "journal_lost", from: 3, to: 9 }]);
    expect(lab.keysOf().filter((key) => key !== "o4")).toEqual([...range(1, 3), ...range(11, 12)]);
  });

  test("the last writes of a node that died may be missing: its marker is a gap in its sequences", async () => {
    const clock = new SimulatedClock();
    await using lab = new GroupLab({ clock, pool: { leaseTime }, stream: { partitions: 1 } });
    const a = await lab.start("a");
    await lab.start("b");
    a.put(1, 5);
    await clock.advance(leaseTime);
    await a.kill();
    await clock.advance(5 * leaseTime);
    expect(lab.gaps).toMatchObject([{ reason: "transport", node: "a", from: 5, to: 4, on: "b" }]);
    expect(await clusterGroup(lab.node("b").cache, "mailer").status()).toMatchObject([
      { position: 6, lag: 0 },
    ]);
  });
});
