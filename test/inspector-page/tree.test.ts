import { describe, expect, test } from "@jest/globals";
import { restartsNow, treeOf } from "../../src/inspector-page/children.js";
import { matcherOf, rowsOf } from "../../src/inspector-page/tree.js";
import type { TreeRow } from "../../src/inspector/snapshot.js";
import { FakeSource } from "../inspector/fake-source.js";

const rows = new FakeSource(() => 0, { children: 3, partitions: 2 }).read().tree;
const change = (name: string, changes: Partial<TreeRow>): TreeRow[] =>
  rows.map((row) => (row.name === name ? { ...row, ...changes } : row));
const all = { isOpen: () => true, matches: undefined, order: undefined };

describe("the rows of a tree", () => {
  test("are in the order of their places, below their parents, whatever order they come in", () => {
    const names = (given: readonly TreeRow[]): string[] =>
      rowsOf(treeOf(given).roots, all).map(
        ({ item, level }) => `${"  ".repeat(level - 1)}${item.row.name}`,
      );
    expect(names(rows)).toEqual([
      "shop",
      "  supervisor",
      "    orders",
      "    orders:stream",
      "    orders:handlers",
      "      orders:handlers:0",
      "      orders:handlers:1",
      "    sessions:workers",
      "      session-0",
      "      session-1",
      "      session-2",
    ]);
    expect(names([...rows].reverse())).toEqual(names(rows));
  });

  test("a row whose parent is not there is at the top", () => {
    const orphans = rows.filter(({ name }) => name !== "supervisor");
    expect(treeOf(orphans).roots.map(({ item }) => item.row.name)).toContain("orders");
  });

  test("a match is shown with what is above it, open", () => {
    const matches = matcherOf("SESSION 1");
    const shown = rowsOf(treeOf(rows).roots, {
      ...all,
      isOpen: () => false,
      matches: ({ row }) => matches?.([row.name]) ?? true,
    });
    expect(shown.map(({ item, open }) => [item.row.name, open])).toEqual([
      ["shop", true],
      ["supervisor", true],
      ["sessions:workers", true],
      ["session-1", undefined],
    ]);
    expect(matcherOf("  ")).toBeUndefined();
  });

  test("a row knows how many below it are not running, and whether one was restarted", () => {
    const tree = treeOf(change("session-1", { state: "restarting", startedAt: null }));
    expect(tree).toMatchObject({ notRunning: 1, running: rows.length - 1 });
    expect(tree.roots[0]?.item).toMatchObject({ below: rows.length - 1, notRunning: 1 });
    const restarted = treeOf(change("session-1", { incarnation: 2, startedAt: 77 }));
    expect(restarted.roots[0]?.item.restartedAt).toBe(77);
    expect(restarted.roots[0]?.item.notRunning).toBe(0);
  });

  test("restarts count for the limit as long as its window lasts", () => {
    const supervisor = rows.find(({ name }) => name === "supervisor") as TreeRow;
    const state = { ...supervisor.supervisor, restarts: 2, lastRestart: 1000, window: 5000 };
    const row = { ...supervisor, supervisor: state } as TreeRow;
    expect([6000, 6001].map((now) => restartsNow(row, now))).toEqual([2, 0]);
    expect(restartsNow(supervisor, 0)).toBe(0);
  });
});
