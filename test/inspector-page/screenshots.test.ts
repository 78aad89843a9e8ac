import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";
import { projectRoot } from "../helpers/project-root.js";
import { type ContextOptions, describeInBrowser, Lab, row, rows } from "./lab.js";
import { Replay } from "./replay.js";

// Those of docs/ are drawn anew by: UPDATE_SCREENSHOTS=1 npm run test:page -- screenshots
const isUpdate = process.env["UPDATE_SCREENSHOTS"] === "1";
const folder = join(projectRoot, "docs", "images");
const maxSize = 75_000;
const quality = 75;

const wide: ContextOptions = { viewport: { width: 1160, height: 600 } };
const phone: ContextOptions = {
  viewport: { width: 390, height: 640 },
  deviceScaleFactor: 1.5,
  isMobile: true,
  hasTouch: true,
};

interface Screenshot {
  readonly name: string;
  readonly view: string;
  readonly options: ContextOptions;
  readonly prepare?: (page: Page, replay: Replay) => Promise<void>;
}

const screenshots: readonly Screenshot[] = [
  {
    name: "inspector-tree-light",
    view: "tree",
    options: { ...wide, colorScheme: "light" },
    prepare: async (page, { source }) => {
      const crashed = source.read().tree.find(({ name }) => name === "orders:handlers:3");
      await row(page, crashed?.id ?? "").click();
      await page.locator(".details pre").waitFor();
    },
  },
  {
    name: "inspector-streams-phone",
    view: "streams",
    options: { ...phone, colorScheme: "light" },
  },
  {
    name: "inspector-streams-light",
    view: "streams",
    options: { ...wide, colorScheme: "light" },
  },
  {
    name: "inspector-streams-dark",
    view: "streams",
    options: { ...wide, colorScheme: "dark" },
    prepare: async (page) => {
      await row(page, "place s1:2:mail").click();
      await page.locator(".details canvas").first().waitFor();
    },
  },
  {
    name: "inspector-timeline-light",
    view: "timeline",
    options: { ...wide, colorScheme: "light" },
    prepare: async (page) => {
      await rows(page).filter({ hasText: "exit" }).first().click();
      await page.locator(".details pre").waitFor();
    },
  },
];

test("the screenshots of docs/ are there, and small", () => {
  const sizes = screenshots.map(
    ({ name }) => [name, sizeOf(join(folder, `${name}.webp`))] as const,
  );
  expect(sizes.filter(([, size]) => size === undefined || size > maxSize)).toEqual([]);
});

function sizeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.size;
}

/** A PNG as WebP, which takes less than half of its size: the package has these images. */
async function webpOf(png: Buffer, lab: Lab): Promise<Buffer> {
  const [width, height] = [png.readUInt32BE(16), png.readUInt32BE(20)];
  await using watched = await lab.page({ viewport: { width, height } });
  const { page } = watched;
  const source = `data:image/png;base64,${png.toString("base64")}`;
  await page.setContent(`<body style="margin: 0"><img style="display: block" src="${source}">`);
  const session = await page.context().newCDPSession(page);
  const { data } = await session.send("Page.captureScreenshot", { format: "webp", quality });
  return Buffer.from(data, "base64");
}

describeInBrowser("screenshots for docs/", () => {
  const lab = new Lab();
  const drawn = isUpdate ? folder : mkdtempSync(join(tmpdir(), "inspector-page-"));
  afterAll(() => {
    if (!isUpdate) rmSync(drawn, { recursive: true });
  });

  test.each(screenshots)("$name", async ({ name, view, options, prepare }) => {
    const system = { children: 60, key: "c-1041" };
    await using replay = await Replay.start(system, { actions: true, viewer: "ana" });
    replay.run(300);
    await using watched = await lab.page(options);
    const { page, errors } = watched;
    await page.goto(`${replay.url}#${view}`);
    await rows(page).first().waitFor();
    await prepare?.(page, replay);
    mkdirSync(drawn, { recursive: true });
    const path = join(drawn, `${name}.webp`);
    writeFileSync(path, await webpOf(await page.screenshot({ animations: "disabled" }), lab));
    expect(errors).toEqual([]);
    expect(sizeOf(path)).toBeLessThanOrEqual(maxSize);
  });
});
