import { beforeAll, describe, expect, test } from "@jest/globals";
import { isDeepStrictEqual } from "node:util";
import { CacheEvent, causeOf, MultiTarget } from "../../src/event/event.js";
import type { EventType } from "../../src/event/types.js";
import { defaultHash, hashReady } from "../../src/index.js";
import { hashKey, partitionOfHash } from "../../src/event/key-hash.js";
import { runOk } from "../helpers/run.js";
import { aboutKeys, aboutQuery, source } from "../event/events.js";

function partitionOf(key: unknown, type: EventType = "inserted", partitions = 64): number {
  const event = new CacheEvent(type, causeOf("put"), { ...source, partitions }, key, 0, 0);
  return defaultHash(event);
}

/** Keys that are equal in every pair, and not the same object. */
const twins: [string, () => unknown][] = [
  ["a string", () => "user:1"],
  ["an empty string", () => ""],
  ["a string beyond ASCII", () => "schlüssel-鍵-🔑"],
  ["a number", () => 42.5],
  ["NaN", () => Number.NaN],
  ["Infinity", () => Infinity],
  ["a bigint", () => 2n ** 80n],
  ["a boolean", () => true],
  ["null", () => null],
  ["undefined", () => undefined],
  ["a date", () => new Date(1_700_000_000_000)],
  ["a buffer", () => Buffer.from("abc")],
  ["a Uint8Array", () => new Uint8Array([1, 2, 3])],
  ["a Float64Array", () => new Float64Array([1, 2])],
  ["an ArrayBuffer", () => new Uint8Array([1, 2]).buffer],
  ["an array", () => [1, "a", [null]]],
  ["an object", () => ({ a: 1, b: { c: [new Date(5), 2n] } })],
  ["a map", () => new Map([["a", { b: 1 }]])],
  ["a set", () => new Set([1, 2])],
  ["a symbol", () => Symbol.for("s")],
];

beforeAll(() => hashReady);

describe("the default hash", () => {
  test.each(twins)("gives the same partition for the same value: %s", (_name, make) => {
    expect(hashKey(make())).toBe(hashKey(make()));
    for (const partitions of [1, 4, 8])
      expect(partitionOf(make(), "inserted", partitions)).toBe(
        partitionOf(make(), "deleted", partitions),
      );
  });

  test("gives an integer from 0 to partitions - 1", () => {
    for (let n = 0; n < 1000; n++) {
      const partition = partitionOf(`key-${n}`, "inserted", 7);
      expect(Number.isInteger(partition) && partition >= 0 && partition < 7).toBe(true);
    }
  });

  test("gives the same partition in another process", async () => {
    const script = `
      import { hashKey, hashReady } from "./src/event/key-hash.ts";
      await hashReady;
      const keys = ["user:1", "鍵", 42.5, -0, 0 / 0, 12345678901234567890n, true, null, new Date(5), Buffer.from("abc"),
        { b: [1, { d: 2, c: 3 }], a: new Map([["x", new Set([2, 1])]]) }];
      console.log(JSON.stringify(keys.map((key) => hashKey(key))));`;
    const printed = await runOk(process.execPath, [
      "--import",
      "tsx",
      "--input-type=module",
      "-e",
      script,
    ]);
    const keys = [
      "user:1",
      "鍵",
      42.5,
      0,
      Number.NaN,
      12345678901234567890n,
      true,
      null,
      new Date(5),
      new Uint8Array([97, 98, 99]),
      { a: new Map([["x", new Set([1, 2])]]), b: [1, { c: 3, d: 2 }] },
    ];
    expect(JSON.parse(printed)).toEqual(keys.map((key) => hashKey(key)));
  });

  test("does not mind the order of an object's keys, of a map's entries, of a set's members", () => {
    expect(hashKey({ a: 1, b: { c: 1, d: 2 } })).toBe(hashKey({ b: { d: 2, c: 1 }, a: 1 }));
    expect(
      hashKey(
        new Map<unknown, unknown>([
          ["a", 1],
          [2, "b"],
        ]),
      ),
    ).toBe(
      hashKey(
        new Map<unknown, unknown>([
          [2, "b"],
          ["a", 1],
        ]),
      ),
    );
    expect(hashKey(new Set([1, "1", 2n]))).toBe(hashKey(new Set([2n, 1, "1"])));
  });

  test("takes -0 for 0, as a Map does, at any depth", () => {
    expect(hashKey(-0)).toBe(hashKey(0));
    expect(hashKey([{ a: -0 }])).toBe(hashKey([{ a: 0 }]));
  });

  test("takes every NaN for the same key, whatever its bits", () => {
    const bits = [
      0x7ff8000000000000n,
      0xfff8000000000000n,
      0x7ff8000000000001n,
      0x7ff4000000000000n,
    ];
    const nans = new Float64Array(new BigUint64Array(bits).buffer);
    for (const nan of nans) expect(hashKey(nan)).toBe(hashKey(Number.NaN));
  });

  test("differs for values of different kinds, and for similar structures", () => {
    const keys = [
      1,
      "1",
      1n,
      true,
      "true",
      null,
      "null",
      undefined,
      "",
      0,
      false,
      [],
      {},
      [1],
      ["1"],
      [[1]],
      { 1: 1 },
      [1, 2],
      [12],
      ["a", "b"],
      ["ab"],
      ["a,b"],
      { a: "b" },
      { a: { b: 1 } },
      [undefined],
      [null],
      new Date(1),
      new Set([1]),
      new Map([[1, 1]]),
      Buffer.from("1"),
    ];
    const hashes = keys.map((key) => hashKey(key));
    expect(new Set(hashes).size).toBe(keys.length);
  });

  test("gives a Buffer and a Uint8Array of the same bytes the same partition, wherever they begin", () => {
    const within = new Uint8Array([0, 1, 2, 3, 4]).subarray(1, 4);
    expect(hashKey(within)).toBe(hashKey(Buffer.from([1, 2, 3])));
  });

  test("spreads keys evenly", () => {
    for (const make of [(n: number) => `user:${n}`, (n: number) => n, (n: number) => ({ id: n })]) {
      const counts = Array.from({ length: 8 }, () => 0);
      for (let n = 0; n < 16_000; n++) counts[partitionOfHash(hashKey(make(n)), 8)]!++;
      for (const count of counts) expect(Math.abs(count - 2000)).toBeLessThan(200);
    }
  });

  test("refuses functions, what refers to itself, what is nested too deeply, and what is too large", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    let deep: unknown = 1;
    for (let n = 0; n < 10_000; n++) deep = [deep];
    let shared: unknown = 1;
    for (let n = 0; n < 60; n++) shared = [shared, shared];
    for (const key of [() => 1, [() => 1], cycle, deep, shared])
      expect(() => hashKey(key)).toThrow(TypeError);
    // And is none the worse for it.
    expect(hashKey([1])).toBe(hashKey([1]));
  });

  test("refuses an event that is not about a single key", () => {
    for (const event of [aboutKeys("deleted", ["a"]), aboutQuery("deleted")])
      expect(() => defaultHash(event)).toThrow(TypeError);
  });

  test("hashes a key that looks like a target", () => {
    const key = new MultiTarget({ kind: "query", query: null }).target;
    expect(isDeepStrictEqual(key, { kind: "query", query: null })).toBe(true);
    expect(partitionOf(key)).toBe(partitionOf({ query: null, kind: "query" }));
  });
});
