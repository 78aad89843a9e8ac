import { describe, expect, test } from "@jest/globals";
import { inspect } from "node:util";
import { CacheEvent, causeOf, MultiTarget, topicOf } from "../../src/event/event.js";
import { eventTypes, keysOf } from "../../src/event/types.js";
import { about, aboutKeys, aboutQuery, source } from "./events.js";

describe("topics", () => {
  test.each(eventTypes)(
    "of %s name the instance, the partition if there is one, and the type",
    (type) => {
      expect(topicOf("users", null, type)).toBe(`users:${type}`);
      expect(topicOf("users", 2, type)).toBe(`users:2:${type}`);
      expect(about(type, "k").metadata.topic).toBe(`tenant:2:${type}`);
    },
  );
});

describe("the keys of an event", () => {
  test.each([
    ["one key", about("updated", "k"), ["k"]],
    ["several keys", aboutKeys("deleted", ["a", "b"]), ["a", "b"]],
    ["a prefix", aboutQuery("deleted", "u:"), undefined],
    ["everything", aboutQuery("deleted"), undefined],
  ])("about %s", (_what, event, keys) => {
    expect(keysOf(event)).toEqual(keys);
  });
});

describe("an event", () => {
  test("has everything that the contract says", () => {
    const origin = {};
    const event = new CacheEvent("updated", causeOf("put", origin, true), source, "k", 7, 12);
    expect(event).toMatchObject({
      cache: "users",
      name: "tenant",
      type: "updated",
      command: "put",
    });
    expect(event.target).toEqual({ kind: "key", key: "k" });
    expect(event.metadata).toEqual({
      topic: "tenant:2:updated",
      partition: 2,
      partitions: 4,
      node: "node-1",
      epoch: "e1",
      sequence: 7,
      position: null,
      timestamp: 1_000_012,
      origin,
      fill: true,
    });
    expect(event.metadata.origin).toBe(origin);
  });

  test("gives the same metadata each time", () => {
    const event = about("inserted", "k");
    expect(event.metadata).toBe(event.metadata);
  });

  test("says that it is an invalidator's or a snapshot's only if it is", () => {
    const plain = about("deleted", "k").metadata;
    expect("invalidation" in plain || "snapshot" in plain).toBe(false);
    const invalidation = { ...causeOf("delete"), invalidation: true };
    expect(new CacheEvent("deleted", invalidation, source, "k", 0, 0).metadata.invalidation).toBe(
      true,
    );
  });

  test.each([undefined, null, 0, Number.NaN, "", { kind: "keys" }, [1]])(
    "has the key %p as its target",
    (key) => {
      expect(about("inserted", key).target).toEqual({ kind: "key", key });
    },
  );

  test("has keys or a query as its target", () => {
    expect(aboutKeys("deleted", ["a", "b"]).target).toEqual({ kind: "keys", keys: ["a", "b"] });
    expect(aboutQuery("deleted", "p").target).toEqual({ kind: "query", query: { prefix: "p" } });
    expect(aboutQuery("deleted").target).toEqual({ kind: "query", query: null });
  });

  test("has no value, not even an undefined one, unless it was added", () => {
    const event = about("inserted", "k");
    for (const name of ["value", "previous", "values", "previousValues"])
      expect(name in event).toBe(false);
  });

  test("is complete as JSON, and when it is inspected", () => {
    const event = about("updated", "k", { value: 1, previous: undefined });
    const { metadata } = event;
    expect(JSON.parse(JSON.stringify(event))).toEqual({
      cache: "users",
      name: "tenant",
      type: "updated",
      command: "put",
      target: { kind: "key", key: "k" },
      metadata,
      value: 1,
    });
    const text = inspect(event, { depth: 5 });
    for (const part of ["tenant:2:updated", "key: 'k'", "value: 1", "previous: undefined", "e1"])
      expect(text).toContain(part);
  });

  test("shows the values of several keys as JSON", () => {
    const event = aboutKeys("updated", ["a", "b"], {
      values: new Map([
        ["a", 1],
        ["b", 2],
      ]),
    });
    expect(JSON.parse(JSON.stringify(event)).values).toEqual([
      ["a", 1],
      ["b", 2],
    ]);
  });

  test("of several keys is split into one of each, with its own values", () => {
    const event = aboutKeys("updated", ["a", "b"], {
      values: new Map([["a", 1]]),
      previousValues: new Map([["b", undefined]]),
    });
    const [a, b] = CacheEvent.split(event);
    expect([a?.target, b?.target]).toEqual([
      { kind: "key", key: "a" },
      { kind: "key", key: "b" },
    ]);
    expect([a?.value, "previous" in a!]).toEqual([1, false]);
    expect(["value" in b!, "previous" in b!]).toEqual([false, true]);
    expect(a?.metadata).toEqual(event.metadata);
  });

  test("of one key or of a query is not split", () => {
    for (const event of [about("deleted", "k"), aboutQuery("deleted")])
      expect(CacheEvent.split(event)).toEqual([event]);
  });

  test("distinguishes a key that looks like a target from a target", () => {
    const key = new MultiTarget({ kind: "query", query: null }).target;
    expect(CacheEvent.keyOf(about("inserted", key), "none")).toBe(key);
    expect(CacheEvent.keyOf(aboutQuery("deleted"), "none")).toBe("none");
  });
});
