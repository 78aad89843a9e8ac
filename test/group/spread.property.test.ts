import { describe, expect, test } from "@jest/globals";
import { shareOf } from "../../src/group/spread.js";
import fc from "../helpers/fast-check.js";

type Owners = (string | null)[];

const names = ["a", "b", "c", "d", "e"];
const members = fc.subarray(names, { minLength: 1 });
const partitions = fc.integer({ min: 1, max: 17 });

/** Any owners, such as a group has in the middle of moving. */
const situation = fc.tuple(members, partitions).chain(([all, count]) =>
  fc.record({
    all: fc.constant(all),
    owners: fc.array(fc.constantFrom<string | null>(null, ...all), {
      minLength: count,
      maxLength: count,
    }),
  }),
);

function countOf(owners: Owners, name: string): number {
  return owners.filter((owner) => owner === name).length;
}

/** Every member acts once, each on what it sees then. @returns how many partitions changed hands */
function round(all: readonly string[], owners: Owners): number {
  let changes = 0;
  for (const member of all) {
    const { giveBack, take } = shareOf(member, all, owners);
    for (const partition of giveBack) owners[partition] = null;
    for (const partition of take) {
      owners[partition] = member;
      changes++;
    }
  }
  return changes;
}

/** Until nothing moves. @returns how many partitions changed hands */
function settle(all: readonly string[], owners: Owners): number {
  let moved = 0;
  for (let rounds = 0; rounds < 2 * all.length + 2; rounds++) {
    const before = JSON.stringify(owners);
    moved += round(all, owners);
    if (JSON.stringify(owners) === before) return moved;
  }
  throw new Error(`does not come to rest: ${JSON.stringify(owners)}`);
}

function expectSpread(all: readonly string[], owners: Owners): void {
  const base = Math.floor(owners.length / all.length);
  const counts = all.map((name) => countOf(owners, name));
  expect(owners).not.toContain(null);
  expect(Math.min(...counts)).toBe(base);
  expect(Math.max(...counts)).toBe(Math.ceil(owners.length / all.length));
}

/** How many partitions have to move at least, those that are free included. */
function leastMoves(all: readonly string[], owners: Owners): number {
  const base = Math.floor(owners.length / all.length);
  let extra = owners.length % all.length;
  const counts = all.map((name) => countOf(owners, name)).sort((a, b) => b - a);
  return counts.reduce((sum, count) => {
    const quota = base + (extra-- > 0 ? 1 : 0);
    return sum + Math.max(0, quota - count);
  }, 0);
}

describe("the shares of members", () => {
  test("members that see the same come to rest, with all partitions spread evenly, and as few as possible moved", () => {
    fc.assert(
      fc.property(situation, ({ all, owners }) => {
        const now = [...owners];
        const least = leastMoves(all, owners);
        expect(settle(all, now)).toBe(least);
        expectSpread(all, now);
      }),
    );
  });

  test("members come and go", () => {
    fc.assert(
      fc.property(partitions, fc.array(members, { minLength: 1, maxLength: 6 }), (count, steps) => {
        const owners: Owners = Array.from({ length: count }, () => null);
        for (const all of steps) {
          for (const [partition, owner] of owners.entries())
            if (owner !== null && !all.includes(owner)) owners[partition] = null;
          const least = leastMoves(all, owners);
          expect(settle(all, owners)).toBe(least);
          expectSpread(all, owners);
        }
      }),
    );
  });

  test("members that see what was a while ago never take one partition twice, and come to rest", () => {
    const act = fc.record({ who: fc.nat(4), looks: fc.boolean() });
    fc.assert(
      fc.property(situation, fc.array(act, { maxLength: 40 }), ({ all, owners }, acts) => {
        const now = [...owners];
        const seen = new Map(all.map((name) => [name, [...owners]]));
        for (const { who, looks } of acts) {
          const member = all[who % all.length] as string;
          if (looks) seen.set(member, [...now]);
          const { giveBack, take } = shareOf(member, all, seen.get(member) as Owners);
          for (const partition of giveBack) if (now[partition] === member) now[partition] = null;
          // The engine gives a partition to the first one only.
          for (const partition of take) now[partition] ??= member;
        }
        settle(all, now);
        expectSpread(all, now);
      }),
    );
  });

  test("two members with the same view never try the same partition", () => {
    fc.assert(
      fc.property(situation, ({ all, owners }) => {
        const taken = all.flatMap((member) => shareOf(member, all, owners).take);
        expect(new Set(taken).size).toBe(taken.length);
      }),
    );
  });

  test("a member gives back no more than others need", () => {
    fc.assert(
      fc.property(situation, ({ all, owners }) => {
        const given = all.flatMap((member) => shareOf(member, all, owners).giveBack).length;
        const free = countOf(
          owners.map((owner) => owner ?? "free"),
          "free",
        );
        const needed = all.reduce(
          (sum, name) =>
            sum + Math.max(0, shareOf(name, all, owners).quota - countOf(owners, name)),
          0,
        );
        expect(given).toBe(Math.max(0, needed - free));
      }),
    );
  });

  test("the partitions of a member that is gone are free only when its leases have expired", () => {
    expect(shareOf("a", ["a"], ["gone", "gone", "a", null])).toEqual({
      quota: 4,
      giveBack: [],
      take: [3],
    });
  });

  test("the extra partition stays where most are", () => {
    expect(shareOf("b", ["a", "b"], ["b", "b", "a"])).toMatchObject({ quota: 2, giveBack: [] });
    expect(shareOf("a", ["a", "b"], ["b", "b", "a"])).toMatchObject({ quota: 1, take: [] });
  });
});
