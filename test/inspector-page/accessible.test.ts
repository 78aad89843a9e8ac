import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import {
  acting,
  type ContextOptions,
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

describeInBrowser("axe finds nothing serious", () => {
  const lab = new Lab();

  const schemes: [string, ContextOptions][] = [
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 600 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 600 } }],
    ["phone", { colorScheme: "light", viewport: { width: 390, height: 640 } }],
  ];
  describe.each(schemes)("%s", (scheme, options) => {
    let replay: Replay;
    let watched: WatchedPage;

    beforeAll(async () => {
      replay = await Replay.start({ children: 100 }, { actions: true, viewer: "ana" });
      replay.run(60);
      watched = await lab.page(options);
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
      if (scheme === "phone") await expectAccessible(page);
      await rows(page).nth(1).click();
      await page.locator(".details").waitFor();
      if (scheme === "phone") await expectAccessible(page, "all", ".details");
      else await expectAccessible(page, scheme === "dark" ? "colours" : "all");
      await page.getByRole("button", { name: "Close the details" }).click();
      expect(watched.errors).toEqual([]);
    });
  });

  test.each(schemes)("on the form for the login: %s", async (_, options) => {
    await using served = await serve({ settings: acting });
    await using watched = await lab.page(options);
    const { page } = watched;
    await page.goto(served.url);
    await page.getByLabel("Token").waitFor();
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
