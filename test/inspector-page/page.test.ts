import { expect, test } from "@jest/globals";
import type { Page } from "playwright-core";
import { hostile } from "../inspector/fake-source.js";
import {
  acting,
  cell,
  childOf,
  describeInBrowser,
  expectShown,
  Lab,
  login,
  row,
  rows,
  serve,
} from "./lab.js";
import { Replay } from "./replay.js";

const openTab = (page: Page, name: string) => page.getByRole("tab", { name }).click();

/** The element that has the focus, by its row's id. */
const focused = (page: Page) => page.locator("[data-id]:focus").getAttribute("data-id");

describeInBrowser("the page", () => {
  const lab = new Lab();

  test("shows each view, and says in one line what is wrong", async () => {
    await using served = await serve();
    await using watched = await lab.page();
    const { page, errors } = watched;
    await page.goto(served.url);
    await row(page, childOf(served.source, "orders:handlers:3").id).waitFor();
    const health = page.getByRole("group", { name: "Health" });
    await health.getByRole("button", { name: "1 node silent" }).click();
    await expect(rows(page).allInnerTexts()).resolves.toEqual([expect.stringContaining("shop-3")]);
    await health.getByRole("button", { name: /partitions handled by nobody/ }).click();
    await rows(page).filter({ hasText: "partition 2" }).getByText("nobody").waitFor();
    await openTab(page, "Caches");
    await rows(page).filter({ hasText: "orders / sessions" }).first().waitFor();
    await openTab(page, "Timeline");
    served.source.crashChild();
    await rows(page).filter({ hasText: "PaymentError" }).first().waitFor();
    expect(page.url()).toContain("#timeline");
    expect(errors).toEqual([]);
  });

  test("of a cluster has no tree and no caches", async () => {
    await using served = await serve({ kind: "cluster" });
    await using watched = await lab.page();
    const { page, errors } = watched;
    await page.goto(`${served.url}#tree`);
    await row(page, "place s1:0:mail").waitFor();
    const tabs = await page.getByRole("tab").allInnerTexts();
    expect(tabs.map((text) => text.split("\n")[0])).toEqual(["Streams", "Nodes", "Timeline"]);
    expect(errors).toEqual([]);
  });

  test("shows a crash with its stack: the row has a new incarnation", async () => {
    await using served = await serve({ children: 0, partitions: 1 });
    await using watched = await lab.page();
    const { page } = watched;
    const { id, path } = childOf(served.source, "orders:handlers:0");
    await page.goto(served.url);
    await row(page, id).click();
    const details = page.getByRole("complementary");
    await details.getByText("It has not ended by itself.").waitFor();
    while (childOf(served.source, "orders:handlers:0").incarnation === 1)
      served.source.crashChild();
    await row(page, id).locator('[data-title="Incarnation"]', { hasText: "2" }).waitFor();
    await details.getByText("at charge (file:///app/pay.js:12:9)").waitFor();
    // From there to what the timeline says of it, and back.
    await details.getByRole("button", { name: "orders:handlers:0 restarts" }).first().click();
    await details.getByText("attempt").waitFor();
    await details.getByRole("button", { name: path }).click();
    await expectShown(details.getByText("at charge (file:///app/pay.js:12:9)"));
  });

  test("keys and errors are text, whatever is in them", async () => {
    await using served = await serve({
      children: 0,
      settings: { ...acting, values: true },
    });
    await using watched = await lab.page();
    const { page, errors } = watched;
    await login(page, served.url);
    const { id } = childOf(served.source, "orders");
    while (childOf(served.source, "orders").incarnation === 1) served.source.crashChild();
    await cell(row(page, id), "Last exit").getByText(hostile, { exact: false }).waitFor();
    await row(page, id).click();
    await page.locator(".error-text pre").getByText(hostile, { exact: false }).waitFor();
    await openTab(page, "Timeline");
    await rows(page).filter({ hasText: hostile }).first().click();
    await page.locator(".details").getByText(hostile, { exact: false }).first().waitFor();
    await openTab(page, "Streams");
    await row(page, "place s1:0:mail").click();
    await page.getByRole("button", { name: "Show 2 dead letters" }).click();
    await page.locator(".letter-head").getByText(hostile).first().waitFor();
    await page.getByText(`{ customer: '${hostile}' }`).first().waitFor();
    expect(await page.title()).toContain("shop");
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("script").count()).toBe(1);
    expect(errors).toEqual([]);
  });

  test("2,000 children: only the rows in sight are in the document", async () => {
    await using served = await serve({ children: 2000 });
    await using watched = await lab.page();
    const { page } = watched;
    await page.goto(served.url);
    const many = row(page, childOf(served.source, "sessions:workers").id);
    await many.waitFor();
    // Folded at first.
    expect(await many.getAttribute("aria-expanded")).toBe("false");
    const few = 60;
    expect(await rows(page).count()).toBeLessThan(few);
    await many.click();
    await page.keyboard.press("ArrowRight");
    const grid = page.getByRole("treegrid");
    await page.locator('[role=treegrid][aria-rowcount="2015"]').waitFor();
    expect(await rows(page).count()).toBeLessThan(few);
    await page.keyboard.press("End");
    await row(page, childOf(served.source, "session-1999").id).waitFor();
    expect(await focused(page)).toBe(childOf(served.source, "session-1999").id);
    expect(await rows(page).count()).toBeLessThan(few);
    await page.keyboard.press("Home");
    await row(page, childOf(served.source, "shop").id).waitFor();
    await page.getByRole("searchbox").fill("session-1777");
    await row(page, childOf(served.source, "session-1777").id).waitFor();
    // The one, and what is above it.
    expect(await rows(page).count()).toBe(4);
    expect(await grid.getAttribute("aria-rowcount")).toBe("5");
  });

  test("by keyboard: tabs, the tree, details, and the focus stays over updates", async () => {
    await using replay = await Replay.start({ children: 5, partitions: 2 });
    await using watched = await lab.page();
    const { page } = watched;
    const id = (name: string): string => childOf(replay.source, name).id;
    await page.goto(replay.url);
    await page.getByRole("tab", { name: "Tree" }).focus();
    await page.keyboard.press("ArrowLeft");
    await page.getByRole("tab", { name: "Timeline", selected: true }).waitFor();
    await page.keyboard.press("Home");
    await page.getByRole("tab", { name: "Tree", selected: true }).waitFor();
    await row(page, id("shop")).focus();
    await page.keyboard.press("ArrowDown");
    expect(await focused(page)).toBe(id("supervisor"));
    await page.keyboard.press("ArrowLeft");
    await page.locator('[role=treegrid][aria-rowcount="3"]').waitFor();
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    expect(await focused(page)).toBe(id("orders"));
    await page.keyboard.press("End");
    expect(await focused(page)).toBe(id("session-4"));
    await page.keyboard.press("ArrowLeft");
    expect(await focused(page)).toBe(id("sessions:workers"));
    await page.keyboard.press("Enter");
    await page.getByRole("complementary", { name: "Details: sessions:workers" }).waitFor();
    replay.run(3);
    await cell(row(page, id("shop")), "Age")
      .getByText("3 s")
      .waitFor();
    expect(await focused(page)).toBe(id("sessions:workers"));
    await page.keyboard.press("Escape");
    await page.getByRole("complementary").waitFor({ state: "detached" });
    expect(await focused(page)).toBe(id("sessions:workers"));
  });

  test("a partition falls behind and catches up: its lag, age, owner and marks", async () => {
    await using replay = await Replay.start({ children: 0 });
    await using watched = await lab.page();
    const { page } = watched;
    const lagOf = (id: string): number =>
      replay.source.read().groups.find((group) => group.id === id)?.lag ?? 0;
    const runUntil = (isMet: () => boolean): void => {
      while (!isMet()) replay.run(1);
    };
    const slow = row(page, "place s1:2:index");
    const shows = (lag: number): Promise<void> =>
      cell(slow, "Lag").getByText(lag.toLocaleString("en-US"), { exact: true }).waitFor();
    await page.goto(`${replay.url}#streams`);
    runUntil(() => lagOf("s1:2:index") > 3000);
    const first = lagOf("s1:2:index");
    await shows(first);
    await slow.getByText("1 failed attempt").waitFor();
    runUntil(() => lagOf("s1:2:index") > first);
    await shows(lagOf("s1:2:index"));
    runUntil(() => lagOf("s1:2:index") === 0);
    await shows(0);
    await slow.getByText("1 failed attempt").waitFor({ state: "detached" });
    await row(page, "place s1:4:mail").getByText("paused").waitFor();
    await row(page, "place s1:1:mail").getByText("3 gaps").waitFor();
    await row(page, "place s1:1:mail").click();
    const details = page.getByRole("complementary");
    await details.getByText("Gaps: overrun").waitFor();
    await expectShown(details.getByRole("img", { name: /^Lag, the last 5 minutes/ }));
  });

  test("a new incarnation is marked for ten seconds, also above where it is folded", async () => {
    await using replay = await Replay.start({ children: 0, partitions: 1 });
    await using watched = await lab.page();
    const { page } = watched;
    const { id } = childOf(replay.source, "orders:handlers:0");
    const above = row(page, childOf(replay.source, "orders:handlers").id);
    await page.goto(replay.url);
    await row(page, id).waitFor();
    while (childOf(replay.source, "orders:handlers:0").incarnation === 1)
      replay.source.crashChild();
    replay.send();
    await page.locator(`.recent[data-id='${id}']`).waitFor();
    await above.click();
    await page.keyboard.press("ArrowLeft");
    await above.getByText("restarted below").waitFor();
    await page.keyboard.press("ArrowRight");
    replay.time += 10_000;
    replay.send();
    await page.locator(`.recent[data-id='${id}']`).waitFor({ state: "detached" });
    expect(await row(page, id).count()).toBe(1);
  });

  test("the timeline has the newest first, is filtered, and stays where it is read", async () => {
    await using replay = await Replay.start({ children: 5, partitions: 1 });
    for (let crash = 0; crash < 50; crash++) {
      replay.source.crashChild();
      replay.run(1);
    }
    await using watched = await lab.page();
    const { page } = watched;
    await page.goto(`${replay.url}#timeline`);
    const newest = (): number => replay.source.timeline.lastId;
    await row(page, String(newest())).waitFor();
    await page.keyboard.press("Tab");
    await row(page, String(newest())).focus();
    await page.keyboard.press("PageDown");
    await page.keyboard.press("PageDown");
    const read = await focused(page);
    const place = () => page.locator("[data-id]:focus").boundingBox();
    const before = await place();
    replay.source.crashChild();
    replay.run(1);
    await page.getByText(`${newest()} of ${newest()} entries`).waitFor();
    expect(await focused(page)).toBe(read);
    expect((await place())?.y).toBe(before?.y);
    await page.getByRole("button", { name: "owner", exact: true }).click();
    await page.getByRole("searchbox").fill("no such entry");
    await page.getByText("No entry matches.").waitFor();
    await page.getByRole("searchbox").fill("shop-2");
    await page.getByText(/^[1-9]\d* of /).waitFor();
    for (const text of await rows(page).allInnerTexts())
      expect(text).toContain("mail, partition 0");
  });
});
