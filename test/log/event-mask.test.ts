import { expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { eventTypes } from "../../src/event/types.js";
import {
  allTypes,
  bitOf,
  eventsOption,
  maskOf,
  typeOfBit,
  typesOf,
} from "../../src/log/event-mask.js";

test("a mask has one bit for each type", () => {
  expect(eventTypes.map((type) => typeOfBit(bitOf(type)))).toEqual(eventTypes);
  expect(maskOf(eventTypes)).toBe(allTypes);
});

test("a mask and its types are the same set", () => {
  fc.assert(
    fc.property(fc.subarray([...eventTypes]), (types) => {
      expect(typesOf(maskOf(types))).toEqual(eventTypes.filter((type) => types.includes(type)));
    }),
  );
});

test("the option is a list of types with at least one", () => {
  expect(eventsOption("events", ["deleted", "deleted"])).toBe(maskOf(["deleted"]));
  expect(() => eventsOption("events", [])).toThrow('invalid value for option "events"');
  expect(() => eventsOption("events", ["moved"])).toThrow('invalid value for option "events"');
});
