import { describe, expect, test } from "@jest/globals";
import { nilAdapter } from "nebulex-streams";
import { asyncAdapter } from "./async-adapter.js";
import { Nodes, shapes } from "./nodes.js";

describe.each(shapes)("with %p partitions", (partitions) => {
  test.each([
    ["in the process", undefined],
    ["elsewhere", asyncAdapter],
    ["nowhere", nilAdapter],
  ])(
    "what is invalidated is deleted on the other node, though it is not here (store: %s)",
    async (_, adapter) => {
      await using nodes = new Nodes();
      const a = await nodes.start(
        "a",
        adapter === undefined ? { partitions } : { partitions, adapter: adapter() },
      );
      const b = await nodes.start("b", { partitions });
      const left = async (): Promise<string[]> => {
        await nodes.quiet();
        return [...b.users.getAll().keys()].sort();
      };
      const fill = async (): Promise<void> => {
        for (const key of ["a1", "a2", "b1", "b2"]) await b.users.fetchOrStore(key, () => 1);
        await nodes.quiet();
      };
      await fill();
      await (a.users.delete("a1") as unknown);
      expect(await left()).toEqual(["a1", "a2", "b1", "b2"]);
      await (a.users.invalidate("a1") as unknown);
      expect(await left()).toEqual(["a2", "b1", "b2"]);
      await (a.users.invalidateAll({ keys: ["a2", "b1", "x"] }) as unknown);
      expect(await left()).toEqual(["b2"]);
      await fill();
      await (a.users.invalidateAll({ prefix: "a" }) as unknown);
      expect(await left()).toEqual(["b1", "b2"]);
      await (a.users.invalidateAll() as unknown);
      expect(await left()).toEqual([]);
    },
  );
});

test("where sees one node's entries; what it picks is deleted on all", async () => {
  await using nodes = new Nodes();
  const [a, b] = [await nodes.start("a"), await nodes.start("b")];
  for (const { users } of [a, b]) await users.fetchOrStore("both", () => 1);
  await b.users.fetchOrStore("there", () => 1);
  expect(a.users.invalidateAll({ where: (_key, value) => value === 1 })).toBe(1);
  await nodes.quiet();
  expect([...b.users.getAll().keys()]).toEqual(["there"]);
});
