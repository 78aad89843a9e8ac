import { expect, test } from "@jest/globals";
import type { ActionReport } from "../../src/inspector/server.js";
import { acting, cell, childOf, describeInBrowser, Lab, login, row, rows, serve } from "./lab.js";

describeInBrowser("actions on the page", () => {
  const lab = new Lab();

  test("there are none, unless they are on", async () => {
    await using served = await serve({ settings: { token: acting.token } });
    await using watched = await lab.page();
    const { page } = watched;
    await login(page, served.url);
    await row(page, childOf(served.source, "orders").id).click();
    await page.getByRole("complementary").getByText("Last exit").waitFor();
    expect(await page.getByRole("button", { name: "Terminate…" }).count()).toBe(0);
  });

  test("a child is restarted once it is confirmed, by who is logged in", async () => {
    const reports: ActionReport[] = [];
    await using served = await serve({
      settings: { ...acting, acted: (report) => void reports.push(report) },
    });
    await using watched = await lab.page();
    const { page, errors } = watched;
    await login(page, served.url);
    const { id } = childOf(served.source, "session-3");
    await page.getByRole("searchbox").fill("session-3");
    await row(page, id).click();
    await page.getByRole("button", { name: "Restart…" }).click();
    const dialog = page.getByRole("dialog", { name: "Restart session-3?" });
    await dialog.getByRole("button", { name: "Cancel" }).click();
    await dialog.waitFor({ state: "detached" });
    expect(reports).toEqual([]);
    await page.getByRole("button", { name: "Restart…" }).click();
    await dialog.getByRole("button", { name: "Restart" }).click();
    await page.getByRole("status").getByText("restart of session-3: done").waitFor();
    await cell(row(page, id), "Incarnation").getByText("2").waitFor();
    expect(reports).toMatchObject([{ who: "ana", action: { name: "restart" } }]);
    expect(errors).toEqual([]);
  });

  test("what can't be done is said in the dialog, and is not done", async () => {
    await using served = await serve({ settings: acting, children: 0, partitions: 1 });
    await using watched = await lab.page();
    const { page } = watched;
    await login(page, served.url);
    const { id } = childOf(served.source, "orders");
    await row(page, id).click();
    await page.getByRole("button", { name: "Terminate…" }).click();
    // The incarnation that the dialog is about is over.
    while (childOf(served.source, "orders").incarnation === 1) served.source.crashChild();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: "Terminate" }).click();
    await dialog.getByRole("alert").getByText("it has been restarted").waitFor();
    await page.keyboard.press("Escape");
    await dialog.waitFor({ state: "detached" });
    expect(childOf(served.source, "orders").state).toBe("running");
  });

  test("partitions are paused, resumed and sought", async () => {
    await using served = await serve({ settings: acting });
    await using watched = await lab.page();
    const { page } = watched;
    const confirm = async (name: string): Promise<void> => {
      await page.getByRole("dialog").getByRole("button", { name, exact: true }).click();
      await page.getByRole("dialog").waitFor({ state: "detached" });
    };
    await login(page, served.url);
    await page.getByRole("tab", { name: "Streams" }).click();
    const place = row(page, "place s1:3:mail");
    await place.click();
    await page.getByRole("button", { name: "Pause…" }).click();
    await confirm("Pause");
    await place.getByText("paused").waitFor();
    await page.getByRole("button", { name: "Resume…" }).click();
    await confirm("Resume");
    await place.getByText("paused").waitFor({ state: "detached" });
    await page.getByLabel("Seek to").selectOption("a position");
    await page.getByLabel("Position", { exact: true }).fill("x");
    expect(await page.getByRole("button", { name: "Seek…" }).isDisabled()).toBe(true);
    await page.getByLabel("Position", { exact: true }).fill("0");
    await page.getByRole("button", { name: "Seek…" }).click();
    await page.getByText("It goes on from position 0.").waitFor();
    await confirm("Seek");
    await page.getByRole("status").getByText("seek of 1 partitions: done").waitFor();
    // All partitions of a group at once.
    await rows(page).filter({ hasText: "cluster scope" }).click();
    await page.getByRole("button", { name: "Pause…" }).click();
    await confirm("Pause");
    await page.getByRole("status").getByText("pause of 8 partitions: done").waitFor();
    expect(served.source.read().groups.filter(({ paused }) => paused)).toHaveLength(8);
  });

  test("a dead letter is handled again, and others are dropped", async () => {
    const reports: ActionReport[] = [];
    await using served = await serve({
      settings: { ...acting, acted: (report) => void reports.push(report) },
    });
    await using watched = await lab.page();
    const { page } = watched;
    await login(page, served.url);
    await page.getByRole("tab", { name: "Streams" }).click();
    await rows(page).filter({ hasText: "cluster scope" }).click();
    await page.getByRole("button", { name: "Show 3 dead letters" }).click();
    const letters = page.locator(".letters > li");
    await letters.first().getByRole("checkbox").check();
    await page.getByRole("button", { name: "Retry chosen…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
    await page.getByRole("status").getByText("1 dead letters: retry").waitFor();
    await letters.nth(2).waitFor({ state: "detached" });
    expect(await letters.count()).toBe(2);
    await page.getByRole("button", { name: "Drop all…" }).click();
    await page.getByRole("dialog").getByText("This can't be undone.").waitFor();
    await page.getByRole("dialog").getByRole("button", { name: "Drop" }).click();
    await page.getByText("There are none.").waitFor();
    expect(reports.map(({ action }) => [action.name, action.of])).toEqual([
      ["retry", { stream: "s1", group: "mail", ids: ["0:1"] }],
      ["drop", { stream: "s1", group: "mail", ids: "all" }],
    ]);
  });
});
