import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as main from "nebulex-streams";
import * as nats from "nebulex-streams/nats";
import * as redis from "nebulex-streams/redis";
import * as testing from "nebulex-streams/testing";
import { type Browser, chromium, type Page } from "playwright-core";
import { type ServedSite, serveSite } from "../../docs/site/serve.js";
import { findBrowser, instruction } from "../helpers/browser.mjs";
import { projectRoot } from "../helpers/project-root.js";

const path = findBrowser();
const describeInBrowser =
  path !== undefined || process.env["CI"] === "true" ? describe : describe.skip;
if (path === undefined) process.stderr.write(`tests left out: ${instruction}\n`);

/** What `npm run docs` has built; `npm run test:site` runs it first. */
const output = join(projectRoot, ".site", "public");
const guides = readdirSync(join(projectRoot, "docs"))
  .filter((name) => name.endsWith(".md"))
  .map((name) => name.replace(/\.md$/, ""));

describeInBrowser("the documentation's site", () => {
  let site: ServedSite;
  let browser: Browser;

  beforeAll(async () => {
    if (path === undefined) throw new Error(instruction);
    site = await serveSite(output);
    browser = await chromium.launch({ executablePath: path });
  });

  afterAll(async () => {
    await browser?.close();
    await site?.[Symbol.asyncDispose]();
  });

  /** Calls `use` with a new page, and expects that there was no error on it. */
  async function expectNoError(use: (page: Page) => Promise<void>): Promise<void> {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") errors.push(message.text());
    });
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("requestfailed", (request) => errors.push(`not loaded: ${request.url()}`));
    page.on("response", (response) => {
      if (response.status() >= 400) errors.push(`${response.status()}: ${response.url()}`);
    });
    try {
      await use(page);
      expect(errors).toEqual([]);
    } finally {
      await page.close();
    }
  }

  /** Waits until the page has this text: a link changes the address before the text. */
  async function shows(page: Page, text: string, place = ".vp-doc"): Promise<void> {
    await page.locator(place, { hasText: text }).first().waitFor();
  }

  async function search(page: Page, text: string): Promise<void> {
    await page.getByRole("button", { name: "Search" }).first().click();
    await page.locator("#localsearch-input").fill(text);
    await page.locator(".results .result").first().click();
  }

  test.each(["/", "/introduction", "/reference/", ...guides.map((name) => `/${name}`)])(
    "%s opens without an error",
    async (place) => {
      await expectNoError(async (page) => {
        await page.goto(new URL(place, site.url).href, { waitUntil: "load" });
        await page.locator(".vp-doc").first().waitFor();
      });
    },
  );

  test("the API reference has a page for each export", () => {
    const pages = new Set(
      readdirSync(join(output, "reference"), { recursive: true, encoding: "utf8" }).map((name) =>
        basename(name, ".html"),
      ),
    );
    const exported = Object.keys({ ...main, ...redis, ...nats, ...testing });
    expect(exported.filter((name) => !pages.has(name))).toEqual([]);
  });

  test("the search finds a page of the API reference", async () => {
    await expectNoError(async (page) => {
      await page.goto(site.url);
      await search(page, "HandlerPoolOptions");
      await page.waitForURL("**/interfaces/HandlerPoolOptions*");
      await shows(page, "HandlerPoolOptions", "h1");
      const row = page.locator("tr", { hasText: "maxAttempts" }).first();
      expect(await row.innerText()).toContain("Default 1.");
    });
  });

  test("the search finds a section of a guide", async () => {
    await expectNoError(async (page) => {
      await page.goto(new URL("/reference/", site.url).href);
      await search(page, "Registries and monitors");
      await page.waitForURL("**/supervision#registries-and-monitors");
      await shows(page, "Supervision", "h1");
    });
  });

  test("links lead from a guide to an example, and from there by the menu to the reference", async () => {
    await expectNoError(async (page) => {
      await page.goto(new URL("/examples", site.url).href);
      await page.locator(".vp-doc").getByRole("link", { name: "01-quick-start" }).click();
      await page.waitForURL("**/examples/01-quick-start");
      await shows(page, "startSupervisor", "pre");
      await page.getByRole("link", { name: "API reference" }).first().click();
      await page.waitForURL("**/reference/");
      await page.getByRole("link", { name: "nebulex-streams/testing" }).first().click();
      await page.waitForURL("**/testing/");
      await shows(page, "injectFaults");
    });
  });

  test("what there is not is not found, and says so", async () => {
    const page = await browser.newPage();
    const response = await page.goto(new URL("/no-such-page", site.url).href);
    expect(response?.status()).toBe(404);
    // It is drawn by a script, once the page has been loaded.
    await page.getByText("PAGE NOT FOUND").waitFor();
    await page.close();
  });
});
