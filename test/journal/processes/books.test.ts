import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { CacheEntryEvent, GapEvent } from "../../../src/index.js";
import { Bookkeeper } from "./bookkeeper.js";
import { Books, type WrittenPart } from "./books.js";

describe("the books of a group", () => {
  let folder: string;
  let books: Books;
  const nodes = new Map<string, Bookkeeper>();
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "nebulex-streams-books-"));
    books = new Books(join(folder, "books"));
    for (const name of ["x", "y"]) nodes.set(name, new Bookkeeper(join(folder, "books"), name));
  });
  afterEach(() => {
    for (const node of nodes.values()) node.close();
    rmSync(folder, { recursive: true, force: true });
  });

  const handle = (node: string, fence: number, position: number, sequence = position): void => {
    const metadata = { partition: 0, position, epoch: "e", sequence };
    nodes.get(node)?.event({ metadata } as CacheEntryEvent, fence);
  };
  const gap = (reason: GapEvent["reason"], from: number, to: number, epoch = "e"): void => {
    nodes.get("x")?.gap({ partition: 0, epoch, from, to, reason } as GapEvent, 1);
  };
  const accountOf = (written: Partial<WrittenPart>) => {
    books.read();
    return books.account([{ epoch: "e", partition: 0, count: 3, ...written }]);
  };

  test("have what was handled once, again, out of order, and not at all", () => {
    handle("x", 1, 0, 1);
    handle("x", 1, 1, 0);
    handle("x", 1, 2, 1);
    handle("x", 1, 3, 7);
    expect(accountOf({ count: 5 })).toEqual({
      written: 5,
      handled: 2,
      announced: 0,
      unannounced: 3,
      twice: 1,
      outOfOrder: 1,
      madeUp: 1,
    });
  });

  test("refuse what comes with a smaller fence than they have seen", () => {
    handle("x", 1, 0);
    handle("y", 2, 1);
    handle("x", 1, 2);
    handle("y", 2, 2);
    expect(accountOf({})).toMatchObject({ handled: 3, unannounced: 0, twice: 0 });
    expect(books.refused).toBe(1);
    expect(books.changes).toBe(1);
    expect(books.twoOwners).toBe(0);
    handle("x", 2, 3);
    books.read();
    expect(books.twoOwners).toBe(1);
  });

  test("take a gap without an end for all that is missing from there on", () => {
    handle("x", 1, 0);
    gap("transport", 1, 0);
    expect(accountOf({})).toMatchObject({ announced: 2, unannounced: 0 });
    expect(books.lostBefore(0, 2)).toBe(0);
    expect(books.lostBefore(0, 3)).toBe(1);
  });

  test("count positions that are lost, in each generation once", () => {
    handle("x", 1, 0);
    gap("trimmed", 1, 1, "generation");
    gap("trimmed", 1, 1, "generation");
    expect(accountOf({})).toMatchObject({ announced: 1, unannounced: 1 });
    gap("trimmed", 2, 2, "generation");
    expect(accountOf({})).toMatchObject({ announced: 2, unannounced: 0 });
  });

  test("take a generation that is lost for all that is missing", () => {
    handle("x", 1, 0);
    gap("journal_lost", 1, 1, "generation");
    expect(accountOf({})).toMatchObject({ announced: 2, unannounced: 0 });
    expect(books.lostBefore(0, 3)).toBe(1);
  });
});
