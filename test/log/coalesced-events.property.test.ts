import assert from "node:assert/strict";
import { expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { CoalescedEvents } from "../../src/log/coalesced-events.js";
import { CacheEvent } from "../../src/event/event.js";
import { about, aboutKeys, aboutQuery } from "../event/events.js";

const keys = ["a1", "a2", "b1", "b2"];
const someKeys = fc.subarray(keys, { minLength: 1 });
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant("put" as const), key: fc.constantFrom(...keys) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constantFrom("deleted" as const, "expired" as const, "evicted" as const),
      key: fc.constantFrom(...keys),
    }),
  },
  fc.record({ kind: fc.constant("putAll" as const), keys: someKeys }),
  fc.record({ kind: fc.constant("deleteKeys" as const), keys: someKeys }),
  fc.record({
    kind: fc.constant("deletePrefix" as const),
    prefix: fc.constantFrom("a", "a1", "b", undefined),
  }),
  fc.record({ kind: fc.constant("read" as const), count: fc.integer({ min: 1, max: 3 }) }),
);

type Picture = Map<unknown, unknown>;

/** The events of a cache with these entries, as it changes. */
class Model {
  readonly entries: Picture = new Map();
  #value = 0;

  put(key: string): CacheEvent {
    const previous = this.entries.get(key);
    const there = this.entries.has(key);
    const value = ++this.#value;
    this.entries.set(key, value);
    return there ? about("updated", key, { value, previous }) : about("inserted", key, { value });
  }

  putAll(all: readonly string[]): CacheEvent[] {
    const parts = { inserted: [] as string[], updated: [] as string[] };
    const previousValues = new Map(this.entries);
    for (const key of all) parts[this.entries.has(key) ? "updated" : "inserted"].push(key);
    const values = new Map(all.map((key) => [key, ++this.#value]));
    for (const [key, value] of values) this.entries.set(key, value);
    return (["inserted", "updated"] as const)
      .filter((type) => parts[type].length > 0)
      .map((type) =>
        aboutKeys(type, parts[type], type === "updated" ? { values, previousValues } : { values }),
      );
  }

  remove(type: "deleted" | "expired" | "evicted", key: string): CacheEvent[] {
    if (!this.entries.has(key)) return [];
    const previous = this.entries.get(key);
    this.entries.delete(key);
    return [about(type, key, { previous })];
  }

  removeKeys(all: readonly string[]): CacheEvent[] {
    const there = all.filter((key) => this.entries.has(key));
    if (there.length === 0) return [];
    const previousValues = new Map(there.map((key) => [key, this.entries.get(key)]));
    for (const key of there) this.entries.delete(key);
    return [aboutKeys("deleted", there, { previousValues })];
  }

  removePrefix(prefix: string | undefined): CacheEvent[] {
    const there = [...this.entries.keys()].filter(
      (key) => prefix === undefined || (key as string).startsWith(prefix),
    );
    if (there.length === 0) return [];
    for (const key of there) this.entries.delete(key);
    return [aboutQuery("deleted", prefix)];
  }
}

/**
 * Applies an event to a reader's picture, and checks that it fits what the reader has seen so far.
 */
function apply(picture: Picture, event: CacheEvent): void {
  const { type, target } = event;
  if (target.kind === "query") {
    const prefix = target.query?.prefix ?? "";
    for (const key of picture.keys()) if ((key as string).startsWith(prefix)) picture.delete(key);
    return;
  }
  const key = CacheEvent.keyOf(event, undefined);
  const before = { there: picture.has(key), previous: picture.get(key) };
  assert.equal(before.there, type !== "inserted");
  assert.equal(event.previous, before.previous);
  if (type === "inserted" || type === "updated") picture.set(key, event.value);
  else picture.delete(key);
}

test("a reader of coalesced events ends with the same picture as one of all events, and each event fits its picture", () => {
  fc.assert(
    fc.property(fc.array(command, { maxLength: 60 }), (commands) => {
      const model = new Model();
      const merged = new CoalescedEvents();
      const picture: Picture = new Map();
      let parts = 0;
      let given = 0;
      const read = (count: number): void => {
        for (let n = 0; n < count; n++) {
          const event = merged.shift();
          if (event === undefined) return;
          given++;
          apply(picture, event);
        }
      };
      for (const action of commands) {
        let events: CacheEvent[] = [];
        if (action.kind === "put") events = [model.put(action.key)];
        else if (action.kind === "putAll") events = model.putAll(action.keys);
        else if (action.kind === "deleteKeys") events = model.removeKeys(action.keys);
        else if (action.kind === "deletePrefix") events = model.removePrefix(action.prefix);
        else if (action.kind === "read") read(action.count);
        else events = model.remove(action.kind, action.key);
        for (const event of events) {
          merged.add(event);
          parts += CacheEvent.split(event).length;
        }
        expect(parts).toBe(given + merged.size + merged.coalesced);
      }
      read(Infinity);
      expect(picture).toEqual(model.entries);
    }),
    { numRuns: 500 },
  );
});
