import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import type { Page } from "playwright-core";
import {
  acting,
  describeInBrowser,
  expectAccessible,
  Lab,
  login,
  rows,
  serve,
  type WatchedPage,
} from "./lab.js";
import { Replay } from "./replay.js";

const views = ["tree", "streams", "caches", "nodes", "timeline"] as const;

/** The page is the same but for its colours. */
async function expectAccessibleInDark(page: Page): Promise<void> {
  await page.emulateMedia({ colorScheme: "dark" });
  await expectAccessible(page, "colours");
  await page.emulateMedia({ colorScheme: "light" });
}

describeInBrowser("axe finds nothing serious", () => {
  const lab = new Lab();

  const desktop = { width: 1280, height: 600 };
  const phone = { width: 390, height: 640 };

  describe.each([
    ["desktop", desktop],
    ["phone", phone],
  ])("%s", (device, viewport) => {
    let replay: Replay;
    let watched: WatchedPage;

    beforeAll(async () => {
      replay = await Replay.start({ children: 100 }, { actions: true, viewer: "ana" });
      replay.run(60);
      watched = await lab.page({ colorScheme: "light", viewport });
      await watched.page.goto(replay.url);
    });

    afterAll(async () => {
      await watched[Symbol.asyncDispose]();
      await replay[Symbol.asyncDispose]();
    });

    test.each(views)("%s, with the details of a row", async (view) => {
      const { page } = watched;
      await page.locator(`#tab-${view}`).click();
      await rows(page).first().waitFor();
      // There the details lie over the rest.
      if (device === "phone") await expectAccessible(page);
      await rows(page).nth(1).click();
      await page.locator(".details").waitFor();
      if (device === "phone") await expectAccessible(page, "all", ".details");
      else {
        await expectAccessible(page);
        await expectAccessibleInDark(page);
      }
      await page.getByRole("button", { name: "Close the details" }).click();
      expect(watched.errors).toEqual([]);
    });
  });

  test("on the form for the login", async () => {
    await using served = await serve({ settings: acting });
    await using watched = await lab.page({ colorScheme: "light", viewport: desktop });
    const { page } = watched;
    await page.goto(served.url);
    await page.getByLabel("Token").waitFor();
    await expectAccessible(page);
    await expectAccessibleInDark(page);
    await page.setViewportSize(phone);
    await expectAccessible(page);
  });

  test("in a dialog, and beside dead letters", async () => {
    await using served = await serve({ settings: acting });
    await using watched = await lab.page();
    const { page } = watched;
    await login(page, served.url);
    await page.getByRole("tab", { name: "Streams" }).click();
    await rows(page).filter({ hasText: "mail" }).first().click();
    await page.getByRole("button", { name: /^Show \d+ dead letters/ }).click();
    await page.locator(".letters > li").first().waitFor();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Drop all…" }).click();
    await page.getByRole("dialog").waitFor();
    await expectAccessible(page);
  });
});
