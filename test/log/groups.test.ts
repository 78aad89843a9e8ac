import { describe, expect, test } from "@jest/globals";
import { GroupBusyError } from "../../src/errors.js";
import { Groups } from "../../src/log/groups.js";
import { makeLog, TestReader } from "./logs.js";

describe("groups", () => {
  test("keep one cursor for each partition, busy as long as it has a reader", () => {
    const groups = new Groups();
    const { cursor } = new TestReader(makeLog(10), 0, { group: "g" });
    groups.add("g", 3, cursor);
    expect([groups.find("g", 3), groups.find("g", 2), groups.find("h", 3)]).toEqual([
      cursor,
      undefined,
      undefined,
    ]);
    expect(() => groups.checkFree("g", 3, 3)).toThrow(GroupBusyError);
    cursor.detach();
    expect(groups.isBusy("g", 3)).toBe(false);
    groups.checkFree("g", 3, 3);
  });

  test("end with their last cursor; one that was replaced does not end its successor", () => {
    const groups = new Groups();
    const [before, after] = [0, 1].map(
      () => new TestReader(makeLog(10), 0, { group: "g" }).cursor,
    ) as [TestReader["cursor"], TestReader["cursor"]];
    groups.add("g", 0, before);
    groups.add("g", 0, after);
    groups.delete("g", before);
    expect(groups.find("g", 0)).toBe(after);
    groups.delete("g", after);
    groups.delete("g", after);
    expect([...groups.entries()]).toEqual([]);
  });
});
