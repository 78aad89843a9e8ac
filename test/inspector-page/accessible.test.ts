import { expect, test } from "@jest/globals";
import {
  type ContextOptions,
  describeInBrowser,
  expectAccessible,
  Lab,
  rows,
  serve,
} from "./lab.js";
import { Replay } from "./replay.js";

const views = ["tree", "streams", "caches", "nodes", "timeline"] as const;

describeInBrowser("axe finds nothing serious", () => {
  const lab = new Lab();

  const schemes: [string, ContextOptions][] = [
    ["light", { colorScheme: "light" }],
    ["dark", { colorScheme: "dark" }],
    ["phone", { colorScheme: "light", viewport: { width: 390, height: 800 } }],
  ];
  test.each(schemes)("on any view, with the details of a row: %s", async (_, options) => {
    await using replay = await Replay.start({ children: 100 }, { actions: true, viewer: "ana" });
    replay.run(60);
    await using watched = await lab.page(options);
    const { page, errors } = watched;
    await page.goto(replay.url);
    for (const view of views) {
      await page.locator(`#tab-${view}`).click();
      await rows(page).first().waitFor();
      await expectAccessible(page);
      await rows(page).nth(1).click();
      await page.locator(".details").waitFor();
      await expectAccessible(page);
      await page.getByRole("button", { name: "Close the details" }).click();
    }
    expect(errors).toEqual([]);
  });

  test.each(schemes)("on the form for the login: %s", async (_, options) => {
    await using served = await serve({ settings: { token: "0123456789abcdef" } });
    await using watched = await lab.page(options);
    const { page } = watched;
    await page.goto(served.url);
    await page.getByLabel("Token").waitFor();
    await expectAccessible(page);
  });

  test("in a dialog, and beside dead letters", async () => {
    await using served = await serve({ settings: { token: "0123456789abcdef", actions: true } });
    await using watched = await lab.page();
    const { page } = watched;
    await page.goto(served.url);
    await page.getByLabel("Token").fill("0123456789abcdef");
    await page.getByRole("button", { name: "Log in" }).click();
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
