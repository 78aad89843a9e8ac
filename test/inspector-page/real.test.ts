import { expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  type ChildSpec,
  createJournalHub,
  defineCache,
  dynamicSupervisor,
  handlerPool,
  localJournal,
  startSupervisor,
  streamServer,
  type Supervisor,
  supervisorOf,
} from "nebulex-streams";
import { inspector, inspectorAddress, type InspectorOptions } from "nebulex-streams/inspector";
import { until } from "../helpers/actors.js";
import { recordWarnings } from "../helpers/warnings.js";
import { acting, cell, describeInBrowser, expectShown, Lab, login, rows } from "./lab.js";

/** A tree with an inspector. */
async function inspected(
  children: readonly (ChildSpec | { childSpec(): ChildSpec })[],
  options: InspectorOptions = {},
) {
  const tree = await startSupervisor({
    strategy: "one_for_one",
    maxRestarts: 1000,
    children: [...children, inspector({ port: 0, ...options })],
  });
  const { url } = inspectorAddress(await refOf(tree, "inspector"));
  return { tree, url, [Symbol.asyncDispose]: () => tree.stop() };
}

async function refOf(tree: Supervisor, id: string): Promise<ActorRef> {
  return (await tree.whichChildren()).find((child) => child.id === id)?.ref as ActorRef;
}

describeInBrowser("the page of a real tree", () => {
  const lab = new Lab();
  // What the tests provoke is no news to those who run them.
  recordWarnings();

  test("a handler that crashes is seen, and so is a child that is killed", async () => {
    const users = defineCache<string, number>({ name: "users" });
    await using inspecting = await inspected([
      users,
      streamServer({ cache: users, partitions: 1 }),
      handlerPool({
        cache: users,
        handler: ({ target }) => {
          if (target.kind === "key" && target.key === "bad")
            throw new TypeError(`<b>no</b> ${target.key}`);
        },
      }),
      dynamicSupervisor({ id: "many", maxRestarts: 10 }),
    ]);
    await using watched = await lab.page();
    const { page, errors } = watched;
    await page.goto(inspecting.url);
    const worker = rows(page).filter({ hasText: "users:handlers:0" });
    await cell(worker, "Incarnation").getByText("1").waitFor();
    users.put("bad", 1);
    await cell(worker, "Incarnation")
      .getByText(/^[2-9]/)
      .waitFor();
    await cell(worker, "Last exit").getByText("TypeError: <b>no</b> bad").waitFor();
    await worker.click();
    await page.locator(".details pre").getByText("real.test.ts").first().waitFor();
    await page.getByRole("button", { name: "Close the details" }).click();

    const many = supervisorOf(await refOf(inspecting.tree, "many"));
    const refs = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        many.startChild(actor({ id: `session-${index}`, receive() {} })),
      ),
    );
    await page.getByRole("searchbox").fill("session-34");
    const session = rows(page).filter({ hasText: "session-34" });
    await cell(session, "Incarnation").getByText("1").waitFor();
    const id = await session.getAttribute("data-id");
    await (refs[34] as ActorRef).kill();
    await cell(session, "Incarnation").getByText("2").waitFor();
    await cell(session, "Last exit").getByText("killed").waitFor();
    expect(await session.getAttribute("data-id")).toBe(id);
    expect(await rows(page).count()).toBe(4);
    await page.getByRole("tab", { name: "Timeline" }).click();
    await rows(page).filter({ hasText: "session-34" }).first().waitFor();
    expect(errors).toEqual([]);
  });

  test("the lag of a partition rises and falls", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const held: (() => void)[] = [];
    let isHolding = true;
    await using inspecting = await inspected([
      users,
      streamServer({ cache: users, partitions: 1 }),
      handlerPool({
        cache: users,
        handler: () => (isHolding ? new Promise<void>((go) => void held.push(go)) : undefined),
      }),
    ]);
    await using watched = await lab.page();
    const { page, errors } = watched;
    await page.goto(`${inspecting.url}#streams`);
    const place = page.locator("[data-id^='place ']");
    const lag = (text: string) => cell(place, "Lag").getByText(text, { exact: true });
    await lag("0").waitFor();
    for (let index = 0; index < 100; index++) users.put(`key ${index}`, index);
    await lag("100").waitFor();
    for (let index = 100; index < 1500; index++) users.put(`key ${index}`, index);
    await lag("1,500").waitFor();
    isHolding = false;
    for (const go of held) go();
    await lag("0").waitFor();
    await place.click();
    await expectShown(page.locator(".details dd", { hasText: "1,500, " }));
    await page.getByRole("tab", { name: "Caches" }).click();
    await cell(rows(page).filter({ hasText: "users" }), "Entries")
      .getByText("1,500")
      .waitFor();
    expect(errors).toEqual([]);
  });

  test("a dead letter of a cluster group is handled again from the page", async () => {
    const hub = createJournalHub();
    const journal = localJournal({ hub, nodeName: "shop-1" });
    const orders = defineCache<string, number>({ name: "orders" });
    const handled: string[] = [];
    let isBroken = true;
    await using inspecting = await inspected(
      [
        journal,
        orders,
        streamServer({ cache: orders, journal, partitions: 2, include: ["value"] }),
        handlerPool({
          cache: orders,
          group: "mail",
          scope: "cluster",
          onError: "resume",
          handler: ({ target }) => {
            if (isBroken) throw new Error("no mail today");
            if (target.kind === "key") handled.push(target.key);
          },
        }),
      ],
      acting,
    );
    await using watched = await lab.page();
    const { page, errors } = watched;
    await login(page, inspecting.url);
    await page.getByRole("tab", { name: "Streams" }).click();
    const group = rows(page).filter({ hasText: "cluster scope" });
    await group.getByText("shop-1: 2").waitFor();
    orders.put("order-1", 1);
    await group.getByText("1 dead letter").waitFor();
    isBroken = false;
    await group.click();
    await page.getByRole("button", { name: "Show 1 dead letter" }).click();
    await page.locator(".letters").getByText("no mail today").waitFor();
    await page.getByRole("checkbox", { name: "Choose order-1" }).check();
    await page.getByRole("button", { name: "Retry chosen…" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Retry" }).click();
    await page
      .getByRole("status")
      .getByText("1 dead letter of mail will be handled again")
      .waitFor();
    await group.getByText("1 dead letter").waitFor({ state: "detached" });
    await page.locator(".details").getByText("There are none.").waitFor();
    await until(() => handled.length > 0);
    expect(handled).toEqual(["order-1"]);
    await page.getByRole("tab", { name: "Timeline" }).click();
    await rows(page).filter({ hasText: "ana: 1 dead letter of mail" }).waitFor();
    expect(errors).toEqual([]);
  });
});
