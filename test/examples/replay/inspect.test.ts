import { beforeAll, expect, test } from "@jest/globals";
import { replay } from "../../../examples/replay/replay.js";
import { parseCommand } from "../../../examples/replay/options.js";
import { FakePage } from "../../inspector/client.js";
import { buildPage } from "../../inspector/page.js";
import { batchesOf, traceFolder } from "./helpers.js";

beforeAll(buildPage);

test("--inspect takes a port", () => {
  expect(parseCommand(["--inspect"])).toMatchObject({ options: { inspect: 4040 } });
  expect(parseCommand(["--inspect", "--port", "0"])).toMatchObject({ options: { inspect: 0 } });
});

test("a replay is shown on a page, which is open until the end is wanted", async () => {
  const folder = traceFolder();
  const batches = await batchesOf(folder.write("short.lis", "0 1000 0 0\n"));
  folder.remove();
  let port = 0;
  const seen: string[] = [];
  const { handled } = await replay(batches, {
    maxEntries: 100,
    partitions: 2,
    chaos: 0,
    inspect: {
      port,
      onOpen: (url) => {
        port = Number(new URL(url).port);
      },
      onDone: async (result) => {
        using page = await FakePage.open(port);
        const { tree, groups } = await page.until((state) => state.groups.length > 0);
        seen.push(...tree.map(({ name }) => name));
        expect(groups.reduce((sum, group) => sum + (group.handled ?? 0), 0)).toBe(result.handled);
      },
    },
  });
  expect(handled).toBeGreaterThan(0);
  expect(seen).toEqual([
    "system",
    "supervisor",
    "inspector",
    "replay",
    "replay:stream",
    "replay:handlers",
    "replay:handlers:0",
    "replay:handlers:1",
  ]);
});
