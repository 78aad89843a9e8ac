import { expect, test } from "@jest/globals";
import type { JetStreamSession } from "../../src/journal/jetstream-session.js";
import { NatsMembers } from "../../src/journal/nats-members.js";
import { keys } from "../../src/journal/nats-names.js";
import { SimulatedClock } from "../../src/testing.js";

const group = { cache: "c", name: "n", group: "g" };
const prefix = keys.member(group, "");
const key = keys.member(group, "m");
const minute = 60_000;

function makeMembers() {
  const clock = new SimulatedClock();
  const removed: (readonly [string, number])[] = [];
  let revisions = 100;
  const state = {
    put: () => Promise.resolve(++revisions),
    replace: () => Promise.resolve(++revisions),
    get: () => Promise.resolve(undefined),
    remove: (key: string, revision: number) => {
      removed.push([key, revision]);
      return Promise.resolve(true);
    },
  } as unknown as JetStreamSession["state"];
  const members = new NatsMembers(clock, () => ({ state }) as JetStreamSession);
  const value = (revision: number, ttl: number, isNew = false, member = "m") => {
    const text = JSON.stringify({ member, ttl, isNew });
    const value = new TextEncoder().encode(text);
    return { key: keys.member(group, member), revision, value, time: 0 };
  };
  return { clock, members, removed, value, living: () => members.living(prefix, state) };
}

test("a member that has left does not come back with a value that was read before", () => {
  const { members, value, living } = makeMembers();
  expect(members.learn(value(3, 1000, true))).toBe(true);
  expect(living()).toEqual(["m"]);
  const before = members.all();
  expect(members.learn(value(5, 0))).toBe(true);
  expect(living()).toEqual([]);
  expect(members.learn(value(3, 1000), before.get(key))).toBe(false);
  expect(living()).toEqual([]);
  // It has announced itself again.
  expect(members.learn(value(6, 1000, true))).toBe(true);
  expect(living()).toEqual(["m"]);
});

test("a member whose time is over does not live, and is removed a minute later, once", async () => {
  const { clock, members, removed, value, living } = makeMembers();
  members.learn(value(3, 1000, true));
  await clock.advance(999);
  expect(living()).toEqual(["m"]);
  await clock.advance(1);
  expect(living()).toEqual([]);
  await clock.advance(minute - 1001);
  expect(living()).toEqual([]);
  expect(removed).toEqual([]);
  await clock.advance(1);
  expect(living()).toEqual([]);
  expect(living()).toEqual([]);
  expect(removed).toEqual([[key, 3]]);
});

test("others hear of a member that announces itself again when its time is over", async () => {
  const { clock, members, value } = makeMembers();
  members.learn(value(3, 1000, true));
  expect(members.learn(value(4, 1000))).toBe(false);
  await clock.advance(1000);
  expect(members.learn(value(5, 1000))).toBe(true);
});

test("a member that leaves removes nothing: the others do, a minute later", async () => {
  const { clock, members, removed, value, living } = makeMembers();
  await members.join(group, "m", 1000);
  members.learn(value(101, 1000, true));
  members.learn(value(7, 10 * minute, true, "n"));
  await members.leaveGroup(group, "m");
  expect(removed).toEqual([]);
  members.learn(value(102, 0));
  expect(living()).toEqual(["n"]);
  await clock.advance(minute);
  expect(living()).toEqual(["n"]);
  expect(removed).toEqual([[key, 102]]);
});

test("the last member to leave removes its key, and those of the others", async () => {
  const { members, removed, value } = makeMembers();
  await members.join(group, "m", 1000);
  members.learn(value(101, 1000, true));
  members.learn(value(7, 0, false, "n"));
  await members.leaveGroup(group, "m");
  expect(removed).toEqual([
    [keys.member(group, "n"), 7],
    [key, 102],
  ]);
});

test("a node that leaves is removed a minute later, and the last one at once, with the others", async () => {
  const stream = { cache: "c", name: "n" };
  const kept = new Map<string, { key: string; revision: number; value: Uint8Array }>();
  let revisions = 0;
  const write = (key: string, text: string): Promise<number> => {
    kept.set(key, { key, revision: ++revisions, value: new TextEncoder().encode(text) });
    return Promise.resolve(revisions);
  };
  const state = {
    get: (key: string) => Promise.resolve(kept.get(key)),
    values: () => Promise.resolve([...kept.values()]),
    replace: (key: string, text: string, revision: number) =>
      (kept.get(key)?.revision ?? 0) === revision ? write(key, text) : Promise.resolve(undefined),
    remove: (key: string) => Promise.resolve(kept.delete(key)),
  } as unknown as JetStreamSession["state"];
  const clock = new SimulatedClock();
  const members = new NatsMembers(clock, () => ({ state }) as JetStreamSession);
  const beat = (node: string, epoch = "1"): Promise<unknown> =>
    members.beat(stream, { node, epoch, startedAt: 1, info: "" }, 10 * minute);
  const alive = async (): Promise<string[]> =>
    (await members.nodes(stream)).map(({ node }) => node);
  for (const node of ["a", "b", "d"]) await beat(node);
  await members.leave(stream, "a", "1");
  await members.leave(stream, "b", "1");
  expect(await alive()).toEqual(["d"]);
  expect(kept.size).toBe(3);
  // One of them is back.
  await beat("b", "2");
  expect(await alive()).toEqual(["b", "d"]);
  await clock.advance(minute);
  expect(await alive()).toEqual(["b", "d"]);
  expect([...kept.keys()]).toEqual([keys.node(stream, "b"), keys.node(stream, "d")]);
  await members.leave(stream, "b", "2");
  await members.leave(stream, "d", "1");
  expect(kept.size).toBe(0);
});

test("a member whose key was not found is forgotten, unless it was heard of since", () => {
  const { members, value, living } = makeMembers();
  members.learn(value(3, 1000));
  const before = members.all();
  members.learn(value(4, 1000));
  members.keepOnly(prefix, new Set(), before);
  expect(living()).toEqual(["m"]);
  members.keepOnly(prefix, new Set(), members.all());
  expect(living()).toEqual([]);
});

test("what a bucket holds that was created again replaces what was known of the other one", () => {
  const { members, value, living } = makeMembers();
  members.learn(value(300, 0));
  const before = members.all();
  members.learn(value(2, 1000), before.get(key));
  expect(living()).toEqual(["m"]);
});
