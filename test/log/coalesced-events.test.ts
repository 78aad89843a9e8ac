import { describe, expect, test } from "@jest/globals";
import { CoalescedEvents } from "../../src/log/coalesced-events.js";
import { CacheEvent } from "../../src/event/event.js";
import type { EventType } from "../../src/event/types.js";
import { about, aboutKeys, aboutQuery } from "../event/events.js";

function coalesce(...events: CacheEvent[]): { told: CacheEvent[]; coalesced: number } {
  const merged = new CoalescedEvents();
  for (const event of events) merged.add(event);
  const told: CacheEvent[] = [];
  for (let next = merged.shift(); next !== undefined; next = merged.shift()) told.push(next);
  return { told, coalesced: merged.coalesced };
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
    const { told, coalesced } = coalesce(
      about(first, "k", first === "inserted" ? { value: 1 } : { value: 1, previous: 0 }),
      about(second, "k", { previous: 1, value: 2 }),
    );
    expect(told.map(({ type }) => type)).toEqual(expected === "nothing" ? [] : [expected]);
    expect(coalesced).toBe(expected === "nothing" ? 2 : 1);
  });

  test.each(["invalidate", "invalidateAll"])("%s of what is new is not cancelled", (command) => {
    const { told, coalesced } = coalesce(
      about("inserted", "k"),
      about("deleted", "k", {}, command),
      about("inserted", "k"),
      about("deleted", "k"),
    );
    expect(told.map(({ type }) => type)).toEqual(["deleted"]);
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
    const { told, coalesced } = coalesce(...types.map((type) => about(type, "k")));
    expect(told.map(({ type }) => type)).toEqual(expected === undefined ? [] : [expected]);
    expect(coalesced).toBe(types.length - told.length);
  });

  test("have the newest value, sequence and command, and as previous what the reader last saw", () => {
    const first = about("updated", "k", { value: "b", previous: "a" });
    const last = about("updated", "k", { value: "c", previous: "b" });
    const [told] = coalesce(first, last).told;
    expect(told).toMatchObject({ type: "updated", value: "c", previous: "a" });
    expect(told?.metadata.sequence).toBe(last.metadata.sequence);
  });

  test("of an entry that went and came again have as previous what there was before", () => {
    const [told] = coalesce(
      about("deleted", "k", { previous: "a" }),
      about("inserted", "k", { value: "b" }),
    ).told;
    expect(told).toMatchObject({ type: "updated", value: "b", previous: "a" });
  });

  test("that are inserted have no previous", () => {
    const [told] = coalesce(
      about("inserted", "k", { value: "a" }),
      about("updated", "k", { value: "b", previous: "a" }),
    ).told;
    expect([told?.type, told?.value, "previous" in told!]).toEqual(["inserted", "b", false]);
  });

  test("are those that came, the very same objects, where there is nothing to merge", () => {
    const events = [about("inserted", "a"), about("deleted", "b"), aboutQuery("deleted", "x")];
    const { told, coalesced } = coalesce(...events);
    expect(told.every((event, index) => event === events[index])).toBe(true);
    expect([told.length, coalesced]).toEqual([3, 0]);
  });

  test("stand in the order of the newest of each key", () => {
    const { told } = coalesce(
      about("inserted", "a"),
      about("inserted", "b"),
      about("updated", "a"),
    );
    expect(told.map((event) => CacheEvent.keyOf(event, undefined))).toEqual(["b", "a"]);
  });

  test("count an event about several keys as one a key", () => {
    const { told, coalesced } = coalesce(
      aboutKeys("inserted", ["a", "b"], {
        values: new Map([
          ["a", 1],
          ["b", 2],
        ]),
      }),
      about("deleted", "a"),
      about("updated", "b", { value: 3 }),
    );
    expect(told.map(({ type, target, value }) => [type, target, value])).toEqual([
      ["inserted", { kind: "key", key: "b" }, 3],
    ]);
    expect(coalesced).toBe(3);
  });

  test("about a prefix take with them what they match, and nothing else", () => {
    const query = aboutQuery("deleted", "a");
    const { told, coalesced } = coalesce(
      about("inserted", "a1"),
      about("updated", "b1"),
      about("updated", 5),
      query,
    );
    expect(told.map((event) => CacheEvent.keyOf(event, "query"))).toEqual(["b1", 5, "query"]);
    expect(coalesced).toBe(1);
  });

  test("about a prefix take with them the older ones about the same, or about less", () => {
    const wide = aboutQuery("deleted", "a");
    const other = aboutQuery("deleted", "b");
    const all = aboutQuery("deleted");
    const { told, coalesced } = coalesce(
      all,
      aboutQuery("deleted", "a"),
      other,
      aboutQuery("deleted", "a1"),
      wide,
    );
    expect(told).toEqual([all, other, wide]);
    expect(coalesced).toBe(2);
  });

  test("about everything take all with them, older queries included", () => {
    const all = aboutQuery("deleted");
    const { told, coalesced } = coalesce(
      about("inserted", "a"),
      aboutQuery("deleted", "a"),
      about("updated", 5),
      all,
    );
    expect(told).toEqual([all]);
    expect(coalesced).toBe(3);
  });

  test("stay behind a query that came before them", () => {
    const { told } = coalesce(
      about("updated", "a1"),
      aboutQuery("deleted", "a"),
      about("inserted", "a1"),
    );
    expect(told.map(({ target, type }) => [target.kind, type])).toEqual([
      ["query", "deleted"],
      ["key", "inserted"],
    ]);
  });

  test("say which the oldest is that there is something to tell of", () => {
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
