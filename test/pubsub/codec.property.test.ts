import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { binaryCodec } from "../../src/pubsub/binary-codec.js";
import { frame, RejectedMessageError, unframe } from "../../src/pubsub/frame.js";
import { jsonCodec } from "../../src/pubsub/json-codec.js";
import { maxDepth } from "../../src/pubsub/encodable.js";
import { ofVersion, sealed } from "./sealed.js";

const text = fc.oneof(fc.string(), fc.string({ unit: "binary" }), fc.string({ minLength: 60 }));
const fieldName = fc
  .oneof(text, fc.constantFrom("constructor", "toString", "$map", "$date", "prototype", "length"))
  .filter((name) => name !== "__proto__");

const { value } = fc.letrec((tie) => ({
  leaf: fc.oneof(
    text,
    fc.string({ unit: fc.integer({ min: 0, max: 0xffff }).map((u) => String.fromCharCode(u)) }),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.double(),
    fc.constantFrom(-0, Number.NaN, Infinity, -Infinity, 2 ** 32, 2 ** 53, -(2 ** 63), 2 ** 64),
    fc.bigInt(),
    fc.bigInt({ min: -(2n ** 4000n), max: 2n ** 4000n }),
    fc.boolean(),
    fc.constantFrom(null, undefined),
    fc.date({ noInvalidDate: false }),
    fc.uint8Array(),
  ),
  value: fc.oneof(
    { maxDepth: 4, depthSize: "small" },
    tie("leaf"),
    fc.array(tie("value"), { maxLength: 5 }),
    fc.dictionary(fieldName, tie("value"), { maxKeys: 5, noNullPrototype: true }),
    fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 4 }).map((list) => new Map(list)),
    fc.array(tie("value"), { maxLength: 4 }).map((list) => new Set(list)),
  ),
}));

class Time {
  readonly time: number;

  constructor(time: number) {
    this.time = time;
  }
}

/** The same value with each date as its time: on Node.js 20 two invalid dates are never equal. */
function datesAsTimes(given: unknown): unknown {
  if (given instanceof Date) return new Time(given.getTime());
  if (Array.isArray(given)) return given.map(datesAsTimes);
  if (given instanceof Set) return new Set([...given].map(datesAsTimes));
  if (given instanceof Map)
    return new Map([...given].map(([key, item]) => [datesAsTimes(key), datesAsTimes(item)]));
  if (typeof given !== "object" || given === null || given instanceof Uint8Array) return given;
  return Object.fromEntries(
    Object.entries(given).map(([name, item]) => [name, datesAsTimes(item)]),
  );
}

describe.each([binaryCodec, jsonCodec])("the codec $name", (codec) => {
  const both = (given: unknown): unknown => codec.decode(codec.encode(given));

  test("brings back what it encodes", () => {
    fc.assert(
      fc.property(value, (given) => {
        // Jest's own strict comparison trips over a field named constructor.
        expect(isDeepStrictEqual(datesAsTimes(both(given)), datesAsTimes(given))).toBe(true);
      }),
      { numRuns: 1500, examples: [[new Date(NaN)], [new Map([[new Date(NaN), 1]])]] },
    );
  });

  test("brings back a Uint8Array as just that, a copy of its own", () => {
    const given = Buffer.from("some bytes").subarray(2, 6);
    const bytes = codec.encode([given]);
    const [back] = codec.decode(bytes) as [Uint8Array];
    expect(Object.getPrototypeOf(back)).toBe(Uint8Array.prototype);
    bytes.fill(0);
    expect(back).toEqual(new Uint8Array(given));
  });

  test("keeps what an array has no item at as undefined", () => {
    // oxlint-disable-next-line no-sparse-arrays
    expect(both([1, , 3])).toStrictEqual([1, undefined, 3]);
  });

  class Point {
    x = 1;
  }
  class Ages extends Map {}
  class List extends Array {}
  const circle: unknown[] = [];
  circle.push({ circle });
  const roundMap = new Map<string, unknown>();
  roundMap.set("self", roundMap);

  test.each([
    ["a function", () => 1, "cannot encode a function"],
    ["a symbol", Symbol("s"), "cannot encode a symbol"],
    ["an instance", new Point(), "cannot encode an instance of Point"],
    ["an error", new TypeError("e"), "cannot encode an instance of TypeError"],
    ["a regular expression", /x/, "cannot encode an instance of RegExp"],
    ["a class of Maps", new Ages(), "cannot encode an instance of Ages"],
    ["a class of arrays", new List(), "cannot encode an instance of List"],
    ["other typed arrays", new Float64Array(1), "cannot encode an instance of Float64Array"],
    ["a boxed number", new Number(1), "cannot encode an instance of Number"],
    ["a circle", circle, "contains itself"],
    ["a circle of Maps", roundMap, "contains itself"],
    ["a field named __proto__", JSON.parse('{"__proto__": 1}'), "the field name '__proto__'"],
  ])("refuses %s, wherever it is", (_what, given, message) => {
    const places = [given, [given], { a: given }, new Map([[given, 1]]), new Set([given])];
    for (const place of places) expect(() => codec.encode(place)).toThrow(message);
  });

  test("accepts any depth up to its limit, and no more", () => {
    const nests: ((inner: unknown) => unknown)[] = [
      (inner) => [inner],
      (inner) => ({ inner }),
      (inner) => new Map([[1, inner]]),
      (inner) => new Set([inner]),
    ];
    for (const nest of nests) {
      let given: unknown = "core";
      for (let depth = 0; depth < maxDepth; depth++) given = nest(given);
      expect(both(given)).toStrictEqual(given);
      expect(() => codec.encode(nest(given))).toThrow("nested deeper");
    }
  });

  test("does nothing but reject, whatever the bytes are", () => {
    const take = (bytes: Uint8Array): void => {
      try {
        unframe(bytes, 10_000);
      } catch (error) {
        if (!(error instanceof RejectedMessageError)) throw error;
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        take(bytes);
        take(sealed(codec.id, bytes));
      }),
      { numRuns: 3000 },
    );
    const mutations = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(value, mutations, fc.nat(), (given, changes, cut) => {
        const content = codec.encode(given);
        take(sealed(codec.id, content.subarray(0, cut % content.length)));
        for (const [at, byte] of changes) content[at % content.length] = byte;
        take(sealed(codec.id, content));
        const whole = frame(codec, given);
        for (const [at, byte] of changes) whole[at % whole.length] = byte;
        take(whole);
      }),
      { numRuns: 3000 },
    );
    expect(Object.keys(Object.prototype)).toEqual([]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("rejects a message with bytes left over", () => {
    const bytes = Uint8Array.of(...codec.encode({ a: 1 }), 0xc0);
    expect(() => unframe(sealed(codec.id, bytes), 1000)).toThrow(RejectedMessageError);
  });
});

describe("the binary codec", () => {
  test("lets a getter encode", () => {
    const given = {
      get other() {
        return binaryCodec.decode(binaryCodec.encode(["from within"]));
      },
    };
    const encoded = binaryCodec.encode([given, "after"]);
    expect(binaryCodec.decode(encoded)).toEqual([{ other: ["from within"] }, "after"]);
  });

  test("encodes as before once a value could not be encoded", () => {
    expect(() => binaryCodec.encode(["x".repeat(5_000_000), () => 1])).toThrow("a function");
    expect(binaryCodec.decode(binaryCodec.encode(["a", 1]))).toEqual(["a", 1]);
  });
});

test.each([binaryCodec, jsonCodec])("the codec $name leaves room before a value", (codec) => {
  const given = ["a text", new Map([[1, { of: "values" }]]), "x".repeat(3000)];
  expect(codec.encode(given, 7).subarray(7)).toEqual(codec.encode(given));
});

describe("hostile messages", () => {
  const reasonOf = (bytes: Uint8Array, maxSize = 2_000_000): string => {
    try {
      unframe(bytes, maxSize);
      return "taken";
    } catch (error) {
      return (error as RejectedMessageError).reason;
    }
  };
  const binary = (...bytes: number[]): Uint8Array => sealed(1, Uint8Array.from(bytes));
  const json = (content: string): Uint8Array => sealed(2, Buffer.from(content));

  test.each([
    ["nothing", Uint8Array.of(), "truncated"],
    ["a head alone", binary(), "truncated"],
    ["another version", ofVersion(2), "version"],
    ["another codec", sealed(9, Uint8Array.of(0)), "codec"],
    ["an array of 4 billion", binary(0xdd, 0xff, 0xff, 0xff, 0xff), "malformed"],
    ["a map of 4 billion", binary(0xdf, 0xff, 0xff, 0xff, 0xff), "malformed"],
    ["a string of 4 billion", binary(0xdb, 0xff, 0xff, 0xff, 0xff), "malformed"],
    ["an extension of 4 billion", binary(0xc9, 0xff, 0xff, 0xff, 0xff, 3), "malformed"],
    ["an unknown extension", binary(0xd4, 99, 0), "malformed"],
    ["a timestamp", binary(0xd6, 0xff, 0, 0, 0, 0), "malformed"],
    ["the byte that is never used", binary(0xc1), "malformed"],
    ["a number as field name", binary(0x81, 0x01, 0x01), "malformed"],
    ["__proto__", binary(0x81, 0xa9, ...Buffer.from("__proto__"), 0x80), "malformed"],
    ["a Map of no list", binary(0xd4, 7, 1), "malformed"],
    ["a Map with half an entry", binary(0xd5, 7, 0x91, 1), "malformed"],
    ["a Set inside out", binary(0xd5, 8, 0x91, 0x91), "malformed"],
    ["JSON __proto__", json('{"__proto__":{"polluted":1}}'), "malformed"],
    ["JSON nested __proto__", json('[{"a":1,"__proto__":{"polluted":1}}]'), "malformed"],
    ["JSON $object __proto__", json('{"$object":{"__proto__":{"polluted":1}}}'), "malformed"],
    ["an unknown JSON form", json('{"$class":"Date"}'), "malformed"],
    ["a JSON number by an inherited name", json('{"$number":"constructor"}'), "malformed"],
    ["a JSON bigint of octal", json('{"$bigint":"0o17"}'), "malformed"],
    ["a JSON bigint of too many digits", json(`{"$bigint":"${"9".repeat(1001)}"}`), "malformed"],
    ["a JSON Map of half entries", json('{"$map":[[1]]}'), "malformed"],
    ["broken UTF-8", sealed(2, Uint8Array.of(0x22, 0xff, 0x22)), "malformed"],
  ])("%s is rejected", (_what, bytes, reason) => {
    expect(reasonOf(bytes)).toBe(reason);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("nesting is followed to the same depth as when encoding", () => {
    const nested = (depth: number): Uint8Array[] => [
      binary(...Array<number>(depth).fill(0x91), 0xc0),
      json("[".repeat(depth) + "1" + "]".repeat(depth)),
      json('{"$set":['.repeat(depth) + "1" + "]}".repeat(depth)),
    ];
    expect(nested(maxDepth).map((bytes) => reasonOf(bytes))).toEqual(["taken", "taken", "taken"]);
    expect(nested(maxDepth + 2).map((bytes) => reasonOf(bytes))).toEqual(
      Array<string>(3).fill("malformed"),
    );
  });

  test("nesting bombs are rejected", () => {
    const bomb = (byte: number): Uint8Array => sealed(1, Buffer.alloc(100_000, byte));
    expect(reasonOf(bomb(0x91))).toBe("malformed");
    expect(reasonOf(json("[".repeat(100_000) + "]".repeat(100_000)))).toBe("malformed");
    expect(reasonOf(json('{"$set":['.repeat(50_000) + "]}".repeat(50_000)))).toBe("malformed");
  });

  test("a message over the limit is not even decoded", () => {
    expect(reasonOf(json('"' + "x".repeat(100) + '"'), 100)).toBe("oversized");
  });

  test("a field named constructor is a field", () => {
    const back = unframe(frame(binaryCodec, { constructor: 1, prototype: 2 }), 1000);
    expect(back).toStrictEqual({ constructor: 1, prototype: 2 });
  });
});
