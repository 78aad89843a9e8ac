import { expect, test } from "@jest/globals";
import type { JetStreamSession } from "../../src/journal/jetstream-session.js";
import { NatsMembers } from "../../src/journal/nats-members.js";
import { SimulatedClock } from "../../src/testing.js";

const key = "group.c.n.g.member.m";

function makeMembers() {
  const clock = new SimulatedClock();
  const removed: number[] = [];
  const state = {
    remove: (_key: string, revision: number) => {
      removed.push(revision);
      return Promise.resolve(true);
    },
  } as unknown as JetStreamSession["state"];
  const members = new NatsMembers(clock, () => {
    throw new Error("not connected");
  });
  const value = (revision: number, ttl: number, isNew = false) => {
    const text = JSON.stringify({ member: "m", ttl, isNew });
    return { key, revision, value: new TextEncoder().encode(text), time: 0 };
  };
  return { clock, members, removed, value, living: () => members.living("group.c.n.g.", state) };
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

test("a member whose time is over is removed, once", async () => {
  const { clock, members, removed, value, living } = makeMembers();
  members.learn(value(3, 1000, true));
  await clock.advance(999);
  expect(living()).toEqual(["m"]);
  await clock.advance(1);
  expect(living()).toEqual([]);
  expect(living()).toEqual([]);
  expect(removed).toEqual([3]);
});

test("a member whose key was not found is forgotten, unless it was heard of since", () => {
  const { members, value, living } = makeMembers();
  members.learn(value(3, 1000));
  const before = members.all();
  members.learn(value(4, 1000));
  members.keepOnly("group.c.n.g.", new Set(), before);
  expect(living()).toEqual(["m"]);
  members.keepOnly("group.c.n.g.", new Set(), members.all());
  expect(living()).toEqual([]);
});

test("what a bucket holds that was created again replaces what was known of the other one", () => {
  const { members, value, living } = makeMembers();
  members.learn(value(300, 0));
  const before = members.all();
  members.learn(value(2, 1000), before.get(key));
  expect(living()).toEqual(["m"]);
});
