import { describe, expect, test } from "@jest/globals";
import { getStream, whenIdle } from "../../src/index.js";
import { Gate, Listener } from "../helpers/actors.js";
import {
  kill,
  Notes,
  poolOf,
  putKeys,
  show,
  Tree,
  type UserEvent,
  type Users,
} from "../helpers/streams.js";

/** What a reader believes is in the cache; it complains of an event that does not fit. */
class Picture {
  /**
   * By partition: an event about a query is about one partition, whatever the others have still to
   * report.
   */
  readonly #partitions = new Map<number | null, Map<string, number | undefined>>();
  readonly faults: string[] = [];

  get entries(): Map<string, number | undefined> {
    return new Map([...this.#partitions.values()].flatMap((entries) => [...entries]));
  }

  readonly apply = (event: UserEvent): void => {
    const { target } = event;
    const { partition } = event.metadata;
    const entries = this.#partitions.get(partition) ?? new Map<string, number | undefined>();
    this.#partitions.set(partition, entries);
    if (target.kind === "query") {
      const prefix = target.query?.prefix ?? "";
      for (const key of entries.keys()) if (key.startsWith(prefix)) entries.delete(key);
      return;
    }
    for (const key of target.kind === "key" ? [target.key] : target.keys) {
      const there = entries.has(key);
      if (there === (event.type === "inserted")) this.faults.push(show(event));
      if (target.kind === "key" && event.previous !== entries.get(key))
        this.faults.push(`previous of ${show(event)}`);
      const value = target.kind === "key" ? event.value : event.values?.get(key);
      if (event.type === "inserted" || event.type === "updated") entries.set(key, value);
      else entries.delete(key);
    }
  };
}

function churn(users: Users, rounds: number): void {
  for (let n = 0; n < rounds; n++) {
    const key = `k${(n * 7) % 50}`;
    if (n % 11 === 3) users.delete(key);
    else if (n % 97 === 5) users.deleteAll({ prefix: "k1" });
    else if (n % 53 === 7)
      users.putAll([
        [key, n],
        [`k${n % 50}`, -n],
      ]);
    else users.put(key, n);
  }
}

describe.each([1, 4])("overflow coalesce on %i partitions", (partitions) => {
  const start = (picture: Picture, gate: Gate, stream: object = {}) =>
    Tree.start({
      stream: { partitions, capacity: 100, retain: 0, include: ["value", "previous"], ...stream },
      children: (users) => [
        poolOf(
          users,
          async (event) => {
            await gate.promise;
            picture.apply(event);
          },
          { overflow: "coalesce" },
        ),
      ],
    });

  test("brings a reader that is behind by any amount to the right picture, without a gap", async () => {
    using gaps = new Listener("nebulex.streams.gap");
    const [picture, gate] = [new Picture(), new Gate()];
    await using tree = await start(picture, gate);
    churn(tree.users, 20_000);
    gate.open();
    await whenIdle(tree.users);
    expect(picture.entries).toEqual(tree.users.getAll());
    expect(picture.faults).toEqual([]);
    expect(gaps.messages).toEqual([]);
    const groups = getStream(tree.users).groups();
    expect(groups.every(({ lag, dropped }) => lag === 0 && dropped === 0)).toBe(true);
    expect(groups.some(({ coalesced }) => coalesced > 1000)).toBe(true);
  });

  test("keeps what it has merged when its reader is killed, again and again", async () => {
    const [picture, gate] = [new Picture(), new Gate()];
    gate.open();
    const events: UserEvent[] = [];
    await using tree = await Tree.start({
      stream: { partitions, capacity: 100, retain: 0, include: ["value", "previous"] },
      children: (users) => [
        poolOf(
          users,
          (event, { self }) => {
            events.push(event);
            if (events.length % 50 === 0) void self.kill();
            else picture.apply(event);
          },
          { overflow: "coalesce" },
        ),
      ],
    });
    for (let round = 0; round < 5; round++) {
      churn(tree.users, 3000);
      await tree.workerReborn(0, kill);
    }
    await whenIdle(tree.users);
    expect(picture.entries).toEqual(tree.users.getAll());
    expect(picture.faults).toEqual([]);
  });

  test("reports a gap when the keys don't fit, and loses nothing without a report", async () => {
    const [notes, gate] = [new Notes(), new Gate()];
    await using tree = await Tree.start({
      stream: { partitions, capacity: 50, retain: 0 },
      children: (users) => [
        poolOf(
          users,
          {
            handle: async (event) => {
              await gate.promise;
              notes.note(event);
            },
            onGap: (gap) => notes.note(gap),
          },
          { overflow: "coalesce" },
        ),
      ],
    });
    putKeys(tree.users, 0, 10_000);
    gate.open();
    await whenIdle(tree.users);
    expect(notes.gaps.length).toBeGreaterThan(0);
    const missed = notes.gaps.reduce((sum, { from, to }) => sum + to - from + 1, 0);
    expect(notes.events.length + missed).toBe(10_000);
  });
});

describe("overflow gap", () => {
  test("gives up the oldest, and says exactly which", async () => {
    const [notes, gate] = [new Notes(), new Gate()];
    await using tree = await Tree.start({
      stream: { partitions: 4, capacity: 50 },
      children: (users) => [
        poolOf(users, {
          handle: async (event) => {
            await gate.promise;
            notes.note(event);
          },
          onGap: (gap) => notes.note(gap),
        }),
      ],
    });
    putKeys(tree.users, 0, 1000);
    gate.open();
    await whenIdle(tree.users);
    for (let partition = 0; partition < 4; partition++) {
      const own = notes.events.filter(({ metadata }) => metadata.partition === partition);
      const [gap, ...others] = notes.gaps.filter((one) => one.partition === partition);
      expect(others).toEqual([]);
      const sequences = own.map(({ metadata }) => metadata.sequence);
      expect(sequences.slice(-50)).toEqual(
        Array.from({ length: 50 }, (_, index) => (gap?.to ?? 0) + 1 + index),
      );
      expect(gap?.from).toBe(sequences.length - 50);
    }
  });
});
