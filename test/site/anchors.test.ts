import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import { checkAnchors } from "../../docs/site/anchors.js";

const folder = mkdtempSync(join(tmpdir(), "anchors-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test("a link to a heading that is missing is named with its page", () => {
  mkdirSync(join(folder, "reference"));
  writeFileSync(
    join(folder, "a.html"),
    '<h1 id="top"></h1><a href="#top"></a><a href="/reference/#b"></a>',
  );
  writeFileSync(join(folder, "reference", "index.html"), '<h1 id="b"></h1><a href="/a#top"></a>');
  expect(() => checkAnchors(folder)).not.toThrow();
  writeFileSync(join(folder, "c.html"), '<a class="x" href="/a#gone"></a><a href="#gone"></a>');
  expect(() => checkAnchors(folder)).toThrow(/\/c: \/a#gone\n\/c: \/c#gone$/);
});
