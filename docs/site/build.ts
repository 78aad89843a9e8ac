import { rmSync } from "node:fs";
import { build } from "vitepress";
import { checkAnchors } from "./anchors.js";
import { writeGuides } from "./guides.js";
import { outputFolder, pagesFolder, siteRoot } from "./paths.js";
import { writeReference } from "./reference.js";

/**
 * Builds the whole site into `.site/public`.
 *
 * @throws when a link or a heading that is linked to is missing, or an export has no docstring
 */
export async function buildSite(): Promise<void> {
  rmSync(pagesFolder, { recursive: true, force: true });
  rmSync(outputFolder, { recursive: true, force: true });
  await writeReference();
  writeGuides();
  await build(siteRoot);
  checkAnchors(outputFolder);
}
