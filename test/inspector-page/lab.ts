import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "@jest/globals";
import {
  type Browser,
  type BrowserContext,
  chromium,
  type Locator,
  type Page,
} from "playwright-core";
import { readAssets } from "../../src/inspector/assets.js";
import { InspectorServer, type ServerSettings } from "../../src/inspector/server.js";
import type { TreeRow } from "../../src/inspector/snapshot.js";
import { findBrowser, instruction } from "../helpers/browser.mjs";
import { projectRoot } from "../helpers/project-root.js";
import { type FakeOptions, FakeSource } from "../inspector/fake-source.js";

const path = findBrowser();
if (path === undefined) process.stderr.write(`tests left out: ${instruction}\n`);

/** Left out where there is no browser, but in CI. */
export const describeInBrowser =
  path !== undefined || process.env["CI"] === "true" ? describe : describe.skip;

/** What `npm run build:page` has built; `npm run test:page` runs it first. */
export const built = join(projectRoot, "dist", "inspector");

export type ContextOptions = NonNullable<Parameters<Browser["newContext"]>[0]>;

/** A browser for the tests of a file, and pages in it on which no error may happen. */
export class Lab {
  #browser: Browser | undefined;

  constructor() {
    beforeAll(async () => {
      if (path === undefined) throw new Error(instruction);
      this.#browser = await chromium.launch({ executablePath: path });
    });
    afterAll(async () => {
      await this.#browser?.close();
    });
  }

  /** A page of its own context: no cookie of another test is in it. */
  async page(options: ContextOptions = {}): Promise<WatchedPage> {
    const browser = this.#browser as Browser;
    const context = await browser.newContext({
      viewport: { width: 1280, height: 800 },
      timezoneId: "UTC",
      locale: "en-GB",
      ...options,
    });
    return new WatchedPage(context, await context.newPage());
  }
}

/** A page with the errors that happened on it. */
export class WatchedPage implements AsyncDisposable {
  readonly page: Page;
  readonly errors: string[] = [];
  readonly #context: BrowserContext;

  constructor(context: BrowserContext, page: Page) {
    this.#context = context;
    this.page = page;
    // Less than Jest waits for a test: the error names what was waited for.
    page.setDefaultTimeout(20_000);
    page.on("console", (message) => {
      // The form for the login comes with this status.
      const isForm = message.text().includes("401 (Unauthorized)");
      if (message.type() === "error" && !isForm) this.errors.push(message.text());
    });
    page.on("pageerror", (error) => this.errors.push(String(error)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}

/** Where the fake system and its page are. */
export interface Served extends AsyncDisposable {
  readonly source: FakeSource;
  readonly server: InspectorServer;
  readonly port: number;
  readonly url: string;
}

export interface ServeOptions extends FakeOptions {
  readonly settings?: Partial<ServerSettings>;
  readonly source?: FakeSource;
}

/** Serves the built page over an invented system. */
export async function serve({ settings, source, ...options }: ServeOptions = {}): Promise<Served> {
  const shown = source ?? new FakeSource(Date.now, options);
  const server = new InspectorServer(shown, {
    port: 0,
    host: "127.0.0.1",
    hosts: [],
    token: undefined,
    actions: false,
    values: false,
    assets: readAssets(built),
    acted: () => {},
    ...settings,
  });
  const { port, url } = await server.listen();
  return { source: shown, server, port, url, [Symbol.asyncDispose]: () => server.close() };
}

/** Expects that something comes into sight. */
export async function expectShown(place: Locator): Promise<void> {
  await place.waitFor();
}

const token = "0123456789abcdef";

/** Settings with a login and actions. */
export const acting = { token, actions: true } as const;

/** Logs in as "ana". */
export async function login(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByLabel("Token").fill(token);
  await page.getByLabel("Your name").fill("ana");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("tablist").waitFor();
}

/** The row of the tree with this name, as it is now. */
export function childOf(source: FakeSource, name: string): TreeRow {
  return source.read().tree.find((child) => child.name === name) as TreeRow;
}

/** The row of a grid with this id. */
export function row(page: Page, id: string): Locator {
  return page.locator(`.grid-body [data-id='${id}']`);
}

/** Rows of a grid that are in the document. */
export function rows(page: Page): Locator {
  return page.locator(".grid-body [role=row]");
}

/** A cell of a row, by the title of its column. */
export function cell(of: Locator, title: string): Locator {
  return of.locator(`[data-title="${title}"]`);
}

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

interface Violation {
  readonly id: string;
  readonly impact: string | null;
  readonly nodes: readonly { readonly html: string; readonly failureSummary: string }[];
}

/**
 * Expects that axe finds nothing serious or critical.
 *
 * @param within a selector
 */
export async function expectAccessible(
  page: Page,
  what: "all" | "colours" = "all",
  within = "html",
): Promise<void> {
  // Without a result: playwright would take seconds to copy all of axe.
  await page.evaluate(`void (globalThis.axe ?? (() => { ${axe} })())`);
  const only = what === "all" ? {} : { runOnly: ["color-contrast"] };
  const rules = { ...only, resultTypes: ["violations"] };
  const violations = await page.evaluate<readonly Violation[]>(
    `axe.run(${JSON.stringify(within)}, ${JSON.stringify(rules)}).then(({ violations }) => violations)`,
  );
  const bad = violations
    .filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => ({
      id,
      nodes: nodes.slice(0, 3).map(({ html, failureSummary }) => `${html}\n${failureSummary}`),
    }));
  expect(bad).toEqual([]);
}
