import { describe, expect, test } from "@jest/globals";
import { Truth } from "./truth.js";

describe("the age of what is read", () => {
  const truth = new Truth();
  truth.acknowledged("k", 0, 100);
  truth.acknowledged("k", 1, 200);
  truth.doubted("k", 2);
  truth.acknowledged("k", 3, 400);

  test.each([
    ["the newest", 3, 1000, 0],
    ["what was the newest when the read began", 1, 399, 0],
    ["one that was replaced before", 1, 450, 50],
    ["an older one", 0, 450, 250],
    ["one that may have come later than the newest", 2, 450, 0],
    ["one that is not acknowledged yet", 4, 1000, 0],
  ])("is that of %s", (_name, value, at, age) => {
    expect(truth.ageOf("k", value, at)).toBe(age);
  });

  test("is wrong for nothing, where something is", () => {
    expect(truth.ageOf("k", undefined, 1000)).toBeNaN();
    expect(truth.ageOf("other", undefined, 1000)).toBe(0);
  });

  test("counts from the loss of all", () => {
    const lost = new Truth();
    lost.acknowledged("k", 0, 100);
    lost.lost(500);
    expect(lost.ageOf("k", 0, 450)).toBe(0);
    expect(lost.ageOf("k", 0, 700)).toBe(200);
    expect(lost.ageOf("k", undefined, 700)).toBe(0);
    lost.acknowledged("k", 1, 800);
    expect(lost.ageOf("k", undefined, 900)).toBeNaN();
    expect(lost.ageOf("k", 1, 900)).toBe(0);
    expect(lost.ageOf("k", 0, 900)).toBe(400);
  });
});
