import { describe, expect, test } from "@jest/globals";
import { CoalescedEvents } from "../../src/log/coalesced-events.js";
import { CacheEvent } from "../../src/event/event.js";
import type { EventType } from "../../src/event/types.js";
import { about, aboutKeys, aboutQuery } from "../event/events.js";

function coalesce(...events: CacheEvent[]): { given: CacheEvent[]; coalesced: number } {
  const merged = new CoalescedEvents();
  for (const event of events) merged.add(event);
  const given: CacheEvent[] = [];
  for (let next = merged.shift(); next !== undefined; next = merged.shift()) given.push(next);
  return { given, coalesced: merged.coalesced };
}

const pairs: [EventType, EventType, EventType | "nothing"][] = [
  ["inserted", "updated", "inserted"],
  ["inserted", "deleted", "nothing"],
  ["inserted", "expired", "nothing"],
  ["inserted", "evicted", "nothing"],
  ["updated", "updated", "updated"],
  ["updated", "deleted", "deleted"],
  ["updated", "expired", "expired"],
  ["updated", "evicted", "evicted"],
  ["deleted", "inserted", "updated"],
  ["expired", "inserted", "updated"],
  ["evicted", "inserted", "updated"],
];

describe("coalesced events", () => {
  test.each(pairs)("%s and then %s is %s", (first, second, expected) => {
    const { given, coalesced } = coalesce(
      about(first, "k", first === "inserted" ? { value: 1 } : { value: 1, previous: 0 }),
      about(second, "k", { previous: 1, value: 2 }),
    );
    expect(given.map(({ type }) => type)).toEqual(expected === "nothing" ? [] : [expected]);
    expect(coalesced).toBe(expected === "nothing" ? 2 : 1);
  });

  test.each(["invalidate", "invalidateAll"])("%s of what is new is not cancelled", (command) => {
    const { given, coalesced } = coalesce(
      about("inserted", "k"),
      about("deleted", "k", {}, command),
      about("inserted", "k"),
      about("deleted", "k"),
    );
    expect(given.map(({ type }) => type)).toEqual(["deleted"]);
    expect(coalesced).toBe(3);
  });

  test.each([
    [["deleted", "inserted", "deleted"], "deleted"],
    [["deleted", "inserted", "updated"], "updated"],
    [["inserted", "deleted", "inserted"], "inserted"],
    [["updated", "evicted", "inserted", "expired"], "expired"],
    [["inserted", "updated", "deleted"], undefined],
    [["inserted", "deleted", "inserted", "updated", "deleted"], undefined],
  ] as [EventType[], EventType | undefined][])("%p come to %s", (types, expected) => {
    const { given, coalesced } = coalesce(...types.map((type) => about(type, "k")));
    expect(given.map(({ type }) => type)).toEqual(expected === undefined ? [] : [expected]);
    expect(coalesced).toBe(types.length - given.length);
  });

  test("have the newest value, sequence and command, and as previous what the reader last saw", () => {
    const first = about("updated", "k", { value: "b", previous: "a" });
    const last = about("updated", "k", { value: "c", previous: "b" });
    const [given] = coalesce(first, last).given;
    expect(given).toMatchObject({ type: "updated", value: "c", previous: "a" });
    expect(given?.metadata.sequence).toBe(last.metadata.sequence);
  });

  test("of an entry that was removed and inserted again have the first value as previous", () => {
    const [given] = coalesce(
      about("deleted", "k", { previous: "a" }),
      about("inserted", "k", { value: "b" }),
    ).given;
    expect(given).toMatchObject({ type: "updated", value: "b", previous: "a" });
  });

  test("that are inserted have no previous", () => {
    const [given] = coalesce(
      about("inserted", "k", { value: "a" }),
      about("updated", "k", { value: "b", previous: "a" }),
    ).given;
    expect([given?.type, given?.value, "previous" in given!]).toEqual(["inserted", "b", false]);
  });

  test("are the same objects where there is nothing to merge", () => {
    const events = [about("inserted", "a"), about("deleted", "b"), aboutQuery("deleted", "x")];
    const { given, coalesced } = coalesce(...events);
    expect(given.every((event, index) => event === events[index])).toBe(true);
    expect([given.length, coalesced]).toEqual([3, 0]);
  });

  test("are in the order of the newest of each key", () => {
    const { given } = coalesce(
      about("inserted", "a"),
      about("inserted", "b"),
      about("updated", "a"),
    );
    expect(given.map((event) => CacheEvent.keyOf(event, undefined))).toEqual(["b", "a"]);
  });

  test("count an event about several keys as one a key", () => {
    const { given, coalesced } = coalesce(
      aboutKeys("inserted", ["a", "b"], {
        values: new Map([
          ["a", 1],
          ["b", 2],
        ]),
      }),
      about("deleted", "a"),
      about("updated", "b", { value: 3 }),
    );
    expect(given.map(({ type, target, value }) => [type, target, value])).toEqual([
      ["inserted", { kind: "key", key: "b" }, 3],
    ]);
    expect(coalesced).toBe(3);
  });

  test("about a prefix take with them what they match, and nothing else", () => {
    const query = aboutQuery("deleted", "a");
    const { given, coalesced } = coalesce(
      about("inserted", "a1"),
      about("updated", "b1"),
      about("updated", 5),
      query,
    );
    expect(given.map((event) => CacheEvent.keyOf(event, "query"))).toEqual(["b1", 5, "query"]);
    expect(coalesced).toBe(1);
  });

  test("about a prefix replace older ones about the same, or about less", () => {
    const wide = aboutQuery("deleted", "a");
    const other = aboutQuery("deleted", "b");
    const all = aboutQuery("deleted");
    const { given, coalesced } = coalesce(
      all,
      aboutQuery("deleted", "a"),
      other,
      aboutQuery("deleted", "a1"),
      wide,
    );
    expect(given).toEqual([all, other, wide]);
    expect(coalesced).toBe(2);
  });

  test("about everything replace all others, older queries included", () => {
    const all = aboutQuery("deleted");
    const { given, coalesced } = coalesce(
      about("inserted", "a"),
      aboutQuery("deleted", "a"),
      about("updated", 5),
      all,
    );
    expect(given).toEqual([all]);
    expect(coalesced).toBe(3);
  });

  test("are given behind a query that came before them", () => {
    const { given } = coalesce(
      about("updated", "a1"),
      aboutQuery("deleted", "a"),
      about("inserted", "a1"),
    );
    expect(given.map(({ target, type }) => [target.kind, type])).toEqual([
      ["query", "deleted"],
      ["key", "inserted"],
    ]);
  });

  test("have the offset of the oldest that is to be given", () => {
    const merged = new CoalescedEvents();
    expect(merged.oldest).toBeUndefined();
    const events = [about("inserted", "a"), about("inserted", "b"), about("updated", "a")];
    for (const event of events) merged.add(event);
    expect(merged.oldest).toBe(events[0]?.metadata.sequence);
    merged.shift();
    expect(merged.oldest).toBe(events[0]?.metadata.sequence);
    merged.shift();
    expect(merged.oldest).toBeUndefined();
  });
});
