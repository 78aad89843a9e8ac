import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@jest/globals";
import { waitFor } from "../../src/testing/wait-for.js";
import { maxViewers } from "../../src/inspector/viewers.js";
import { FakePage } from "../inspector/client.js";
import { acting, childOf, describeInBrowser, expectShown, Lab, login, row, serve } from "./lab.js";
import { Replay } from "./replay.js";

describeInBrowser("the page's connection", () => {
  const lab = new Lab();

  test("after an end of the server it connects again, to what there is then", async () => {
    await using watched = await lab.page();
    const { page } = watched;
    const first = await serve();
    await page.goto(first.url);
    await page.getByText("live").waitFor();
    await first.server.close();
    await page.getByText("reconnecting").waitFor();
    // What was there can still be read.
    await row(page, childOf(first.source, "orders").id).click();
    await using second = await serve({ children: 3, settings: { port: first.port } });
    await page.getByText("live").waitFor();
    await page.getByText(/^\d+ rows of 17$/).waitFor();
    expect(second.source.looked).toBe(1);
  });

  test("without news, what is shown is said to be old", async () => {
    await using replay = await Replay.start();
    replay.silence();
    await using watched = await lab.page();
    const { page } = watched;
    await page.clock.install();
    await page.goto(replay.url);
    await page.getByText("live").waitFor();
    await page.clock.fastForward(5000);
    await page
      .getByText(/^What is shown is (?:[5-9]|\d\d) s old: the server does not answer\.$/)
      .waitFor();
    replay.run(1);
    await expectShown(page.getByText("live"));
    await page.getByText(/^What is shown is/).waitFor({ state: "detached" });
  });

  test("trouble of the source is said", async () => {
    await using served = await serve({ kind: "cluster" });
    await using watched = await lab.page();
    const { page } = watched;
    await page.goto(served.url);
    await page.getByText("live").waitFor();
    served.source.trouble = "the broker does not answer";
    await expectShown(
      page.getByText("What is shown is not up to date: the broker does not answer"),
    );
  });

  test("once the login is over, there is the form for it", async () => {
    await using served = await serve({ settings: acting });
    await using watched = await lab.page();
    const { page } = watched;
    await page.goto(served.url);
    await page.getByLabel("Token").fill("not the token at all");
    await page.getByRole("button", { name: "Log in" }).click();
    await page.getByRole("alert").getByText("Wrong token.").waitFor();
    await login(page, served.url);
    await page.getByText("ana").waitFor();
    const other = await page.context().newPage();
    await other.goto(served.url);
    await other.getByRole("button", { name: "Log out" }).click();
    await expectShown(page.getByLabel("Token"));
  });

  test("beside too many pages it waits for a place", async () => {
    await using served = await serve();
    const others = await Promise.all(
      Array.from({ length: maxViewers }, () => FakePage.open(served.port)),
    );
    await using watched = await lab.page();
    const { page } = watched;
    await page.clock.install();
    await page.goto(served.url);
    await page.getByText("The server has as many pages as it serves.").waitFor();
    for (const other of others) other[Symbol.dispose]();
    await waitFor(() => served.source.looked === 0);
    await page.clock.fastForward(2000);
    await expectShown(page.getByText("live"));
  });

  test("a page of another origin can neither read nor act", async () => {
    const elsewhere = createServer((_, response) => {
      response.setHeader("content-type", "text/html").end("<!doctype html><title>evil</title>");
    });
    await new Promise<void>((resolve) => elsewhere.listen(0, "127.0.0.1", resolve));
    await using served = await serve({ settings: acting });
    await using watched = await lab.page();
    const { page } = watched;
    try {
      await login(page, served.url);
      const { port } = elsewhere.address() as AddressInfo;
      const { id } = childOf(served.source, "orders");
      // The same browser, with the cookie of the login.
      const evil = await page.context().newPage();
      await evil.goto(`http:${"//"}127.0.0.1:${port}/`);
      const attempts = await evil.evaluate<string[]>(`(async () => {
        const url = ${JSON.stringify(served.url)};
        const body = JSON.stringify({ child: ${JSON.stringify(id)}, incarnation: 1 });
        const tried = (request) => request.then(({ status, type }) => type + " " + status, () => "failed");
        const events = (withCredentials) => new Promise((resolve) => {
          const source = new EventSource(url + "events", { withCredentials });
          source.onmessage = () => resolve("read");
          source.addEventListener("snapshot", () => resolve("read"));
          source.onerror = () => { source.close(); resolve("failed"); };
        });
        const post = { method: "POST", credentials: "include", body };
        return [
          await tried(fetch(url, { credentials: "include" })),
          await tried(fetch(url + "actions/terminate", { ...post, headers: { "content-type": "application/json" } })),
          await tried(fetch(url + "actions/terminate", { ...post, mode: "no-cors" })),
          await events(true),
        ];
      })()`);
      expect(attempts).toEqual(["failed", "failed", "failed", "failed"]);
      // A form needs no permission of the other side.
      await evil.evaluate(`(() => {
        const form = document.createElement("form");
        form.method = "post";
        form.enctype = "text/plain";
        form.action = ${JSON.stringify(`${served.url}actions/terminate`)};
        const field = document.createElement("input");
        field.name = ${JSON.stringify(`{"child":"${id}","incarnation":1,"x":"`)};
        field.value = '"}';
        form.append(field);
        document.body.append(form);
        form.submit();
      })()`);
      await evil.getByText("forbidden").waitFor();
      expect(childOf(served.source, "orders")).toMatchObject({ state: "running", incarnation: 1 });
    } finally {
      elsewhere.closeAllConnections();
      elsewhere.close();
    }
  });
});
