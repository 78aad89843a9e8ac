import { once } from "node:events";
import { createServer } from "node:net";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  actor,
  type ActorRef,
  type ChildSpec,
  clusterGroup,
  createJournalHub,
  defineCache,
  dynamicSupervisor,
  handlerPool,
  localJournal,
  startSupervisor,
  streamServer,
  type Supervisor,
  supervisor,
  supervisorOf,
} from "nebulex-streams";
import { inspector, inspectorAddress, type InspectorOptions } from "nebulex-streams/inspector";
import type { Snapshot, TreeRow } from "../../src/inspector/snapshot.js";
import { channels, warnOfError } from "../../src/telemetry/channels.js";
import { report } from "../../src/telemetry/reports.js";
import { until } from "../helpers/actors.js";
import { recordWarnings } from "../helpers/warnings.js";
import { ask, FakePage, login, post } from "./client.js";
import { buildPage } from "./page.js";

const token = "a-token-of-some-length";

beforeAll(buildPage);

/** A tree with an inspector as its last child, and a page that looks. */
async function inspected(
  children: readonly (ChildSpec | { childSpec(): ChildSpec })[],
  options: InspectorOptions = {},
  strategy: "one_for_one" | "rest_for_one" = "one_for_one",
) {
  const tree = await startSupervisor({
    strategy,
    maxRestarts: 1000,
    children: [...children, inspector({ port: 0, ...options })],
  });
  const { port } = inspectorAddress(await refOf(tree, "inspector"));
  const cookie = options.token === undefined ? "" : await login(port, options.token, "Ada");
  const page = await FakePage.open(port, cookie === "" ? {} : { cookie });
  return {
    tree,
    port,
    cookie,
    page,
    [Symbol.asyncDispose]: async () => {
      page[Symbol.dispose]();
      await tree.stop();
    },
  };
}

async function refOf(tree: Supervisor, id: string): Promise<ActorRef> {
  const child = (await tree.whichChildren()).find((one) => one.id === id);
  return child?.ref as ActorRef;
}

function rowOf({ tree }: Snapshot, name: string): TreeRow {
  const row = tree.find((one) => one.name === name);
  if (row === undefined) throw new Error(`no row ${name}`);
  return row;
}

const fragile = (id: string): ChildSpec =>
  actor<undefined, string>({
    id,
    receive: (_state, text) => {
      throw new Error(text);
    },
  });

describe("the tree", () => {
  test("has all that runs, and what it runs", async () => {
    const users = defineCache<string, number>({ name: "users" });
    await using inspecting = await inspected([
      users,
      streamServer({ cache: users, partitions: 2 }),
      handlerPool({ cache: users, handler: () => {} }),
      dynamicSupervisor({ id: "dynamic" }),
    ]);
    const { page, tree } = inspecting;
    const dynamic = supervisorOf(await refOf(tree, "dynamic"));
    const child = actor({
      id: "child",
      init: async (ctx) => void (await ctx.spawn({ receive: () => {} }, { name: "helper" })),
      receive: () => {},
    });
    await dynamic.startChild({ ...child, restart: "temporary" });
    const state = await page.until((now) => now.tree.some(({ name }) => name === "helper"));
    const shown = (parent: string | null, depth = 0): string[] =>
      state.tree
        .filter((row) => row.parent === parent)
        .sort((a, b) => a.place - b.place)
        .flatMap((row) => [
          `${"  ".repeat(depth)}${row.name} ${row.kind} ${row.state} ${row.incarnation}`,
          ...shown(row.id, depth + 1),
        ]);
    expect(shown(null)).toEqual([
      "system system running 1",
      "  supervisor supervisor running 1",
      "    users worker running 1",
      "    users:stream worker running 1",
      "    users:handlers supervisor running 1",
      "      users:handlers:0 worker running 1",
      "      users:handlers:1 worker running 1",
      "    dynamic supervisor running 1",
      "      child worker running 1",
      "        helper actor running 1",
      "    inspector worker running 1",
    ]);
    expect(rowOf(state, "supervisor").supervisor).toEqual({
      strategy: "one_for_one",
      restarts: 0,
      lastRestart: null,
      maxRestarts: 1000,
      window: 5000,
      children: 5,
    });
    expect(rowOf(state, "users:handlers").supervisor).toMatchObject({ maxRestarts: null });
    expect(rowOf(state, "dynamic").supervisor).toMatchObject({ strategy: "dynamic", children: 1 });
    expect(rowOf(state, "child")).toMatchObject({ restart: "temporary", shutdown: 5000 });
    expect(rowOf(state, "users:stream").runs).toEqual({
      table: "streams",
      id: state.streams[0]?.id,
    });
    expect(rowOf(state, "users").runs).toEqual({ table: "caches", id: state.caches[0]?.id });
  });

  test("shows a crash, with its error, and the next incarnation", async () => {
    await using inspecting = await inspected([
      fragile("fragile"),
      actor({ id: "b", receive() {} }),
    ]);
    const { page, tree } = inspecting;
    const before = rowOf(await page.until(() => true), "fragile");
    expect(before).toMatchObject({ incarnation: 1, state: "running", lastExit: null });
    (await refOf(tree, "fragile")).dispatch("<b>boom</b>");
    const state = await page.until((now) => rowOf(now, "fragile").incarnation === 2);
    const after = rowOf(state, "fragile");
    expect(after).toMatchObject({
      id: before.id,
      place: before.place,
      state: "running",
      lastExit: { clean: false, reason: "Error: <b>boom</b>", error: { message: "<b>boom</b>" } },
    });
    expect(after.lastExit?.error?.stack).toContain("inspector.test.ts");
    expect(rowOf(state, "supervisor").supervisor).toMatchObject({ restarts: 1 });
    expect(state.timeline).toMatchObject([
      { kind: "exit", level: "warn", text: "fragile ended: Error: <b>boom</b>" },
      { kind: "restart", text: "fragile is started again (restart 1 in its window)" },
    ]);
    expect(state.timeline[0]?.subject).toBe("/system/supervisor/fragile");
  });

  test("is not kept by what is busy: a child that hangs in its start is seen", async () => {
    let start: (() => void) | undefined;
    let isSlow = false;
    const slow = actor<undefined, string>({
      id: "slow",
      init: () =>
        isSlow ? new Promise((resolve) => (start = () => resolve(undefined))) : undefined,
      receive: () => {
        throw new Error("boom");
      },
    });
    await using inspecting = await inspected([slow]);
    const { page, tree } = inspecting;
    isSlow = true;
    (await refOf(tree, "slow")).dispatch("crash");
    const hanging = await page.until((now) => rowOf(now, "slow").state === "starting");
    expect(rowOf(hanging, "slow")).toMatchObject({ incarnation: 1, startedAt: null });
    await until(() => start !== undefined);
    start?.();
    await page.until((now) => rowOf(now, "slow").state === "running");
  });

  test("stays quick with hundreds of children", async () => {
    await using inspecting = await inspected([dynamicSupervisor({ id: "many" })]);
    const { page, tree } = inspecting;
    const many = supervisorOf(await refOf(tree, "many"));
    await Promise.all(
      Array.from({ length: 500 }, (_, index) =>
        many.startChild(actor({ id: `child-${index}`, receive() {} })),
      ),
    );
    const state = await page.until((now) => now.tree.length === 504);
    expect(rowOf(state, "many").supervisor?.children).toBe(500);
    const first = rowOf(state, "child-0");
    const [child] = await many.whichChildren();
    await (child as { ref: ActorRef }).ref.kill();
    const after = await page.until((now) => rowOf(now, "child-0").incarnation === 2);
    expect(rowOf(after, "child-0").id).toBe(first.id);
  });
});

describe("streams and caches", () => {
  test("show lag that rises and falls, and counters", async () => {
    const users = defineCache<string, number>({ name: "users" });
    const held: (() => void)[] = [];
    let isHolding = true;
    const handler = (): Promise<void> | undefined =>
      isHolding ? new Promise((resolve) => void held.push(resolve)) : undefined;
    await using inspecting = await inspected([
      users,
      streamServer({ cache: users, partitions: 1 }),
      handlerPool({ cache: users, handler }),
    ]);
    const { page } = inspecting;
    await page.until(() => true);
    for (let index = 0; index < 100; index++) users.put(`key ${index}`, index);
    users.get("key 1");
    users.get("none");
    const groupOf = (state: Snapshot) => state.groups.find(({ group }) => group !== null);
    const behind = await page.until((state) => groupOf(state)?.lag === 100);
    expect(groupOf(behind)).toMatchObject({
      group: "users:handlers",
      scope: "node",
      here: true,
      paused: false,
      position: 0,
      last: 99,
      handled: 0,
      gaps: {},
    });
    expect(groupOf(behind)?.oldestAt).toBeGreaterThan(behind.about.startedAt - 1000);
    expect(behind.caches).toMatchObject([
      { name: "users", store: "local", entries: 100, counts: { hits: 1, misses: 1, writes: 100 } },
    ]);
    expect(behind.partitions).toMatchObject([
      { events: 100, types: { inserted: 100 }, readers: 1 },
    ]);
    isHolding = false;
    for (const release of held) release();
    const done = await page.until((state) => groupOf(state)?.handled === 100);
    expect(groupOf(done)).toMatchObject({ lag: 0, oldestAt: null, position: 100 });
  });

  test("show gaps by reason, failures and dead letters", async () => {
    const users = defineCache<string, number>({ name: "users" });
    await using inspecting = await inspected([
      users,
      streamServer({ cache: users, partitions: 1, capacity: 16 }),
      handlerPool({
        cache: users,
        onError: "resume",
        maxAttempts: 3,
        onDeadLetter: () => {},
        handler: ({ target }) => {
          if (target.kind === "key" && target.key === "bad") throw new TypeError("not this one");
        },
      }),
    ]);
    const { page } = inspecting;
    await page.until(() => true);
    users.put("bad", 0);
    const failed = await page.until(({ groups }) => groups.some((row) => row.deadLetters === 1));
    const kinds = failed.timeline.map(({ kind, text }) => `${kind} ${text}`);
    expect(kinds.filter((text) => text.includes("not this one"))).toEqual([
      "handler_error users:handlers on users/0: attempt 1 failed: TypeError: not this one",
      "handler_error users:handlers on users/0: attempt 2 failed: TypeError: not this one",
      "handler_error users:handlers on users/0: attempt 3 failed: TypeError: not this one",
      "dead_letter users:handlers on users/0: event given up: TypeError: not this one",
    ]);
    expect(failed.timeline.at(-1)?.details).toContainEqual(["key", "bad"]);
    for (let index = 0; index < 1000; index++) users.put(`key ${index}`, index);
    const gone = await page.until(({ groups }) => groups.some(({ gaps }) => gaps.overrun === 1));
    expect(gone.groups[0]).toMatchObject({ dropped: 984 });
    expect(gone.timeline.at(-1)).toMatchObject({ kind: "gap", level: "warn" });
  });
});

describe("a cluster group", () => {
  test("is shown, paused, moved, and its dead letters are retried", async () => {
    const hub = createJournalHub();
    const journal = localJournal({ hub, nodeName: "shop-1" });
    const orders = defineCache<string, { note: string }>({ name: "orders" });
    let isBroken = true;
    const handled: string[] = [];
    const handler = ({ target }: { target: { kind: string; key?: string } }): void => {
      if (isBroken) throw new Error("no mail today");
      handled.push(String(target.key));
    };
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
          handler: handler as never,
        }),
      ],
      { token, actions: true, values: true },
    );
    const { page, port, cookie } = inspecting;
    const owned = await page.until(
      ({ groups }) => groups.length === 2 && groups.every(({ owner }) => owner === "shop-1"),
    );
    expect(owned.groups.every(({ here, scope }) => here && scope === "cluster")).toBe(true);
    expect(owned.nodes).toMatchObject([
      { node: "shop-1", self: true, over: "journal", connection: "connected", outbox: 0 },
    ]);
    orders.put("o1", { note: "<i>hello</i>" });
    await page.until(({ groups }) => groups.some(({ deadLetters }) => deadLetters === 1));
    const stream = owned.streams[0]?.id ?? "";
    const path = `/dead-letters?stream=${stream}&group=mail`;
    const answer = await ask(port, path, { headers: { cookie } });
    expect(JSON.parse(answer.text)).toMatchObject({
      more: false,
      letters: [
        { keys: ["o1"], value: "{ note: '<i>hello</i>' }", error: { message: "no mail today" } },
      ],
    });
    isBroken = false;
    const act = async (name: string, body: object) => {
      const { status, text } = await post(port, `/actions/${name}`, body, { cookie });
      return { status, ...(JSON.parse(text) as object) };
    };
    const group = { stream, group: "mail" };
    expect(await act("retry", { ...group, ids: "all" })).toMatchObject({ status: 200, count: 1 });
    await until(() => handled.includes("o1"));
    expect(await act("pause", { ...group, partition: null })).toMatchObject({ count: 2 });
    await page.until(({ groups }) => groups.every(({ paused }) => paused));
    expect(await act("resume", { ...group, partition: 1 })).toMatchObject({ count: 1 });
    const resumed = await page.until(({ groups }) => groups.some(({ paused }) => !paused));
    expect(resumed.groups.find(({ paused }) => !paused)?.partition).toBe(1);
    const sought = await act("seek", { ...group, partition: 0, to: "latest" });
    expect(sought).toMatchObject({ text: "mail goes on from latest: partition 0" });
    expect(await act("pause", { ...group, group: "none", partition: null })).toMatchObject({
      status: 400,
      error: { message: expect.stringContaining("a cluster group of the stream orders") },
    });
    const { timeline } = await page.until(({ timeline: entries }) =>
      entries.some(({ text }) => text.includes("pause failed")),
    );
    expect(timeline.filter(({ kind }) => kind === "action").map(({ text }) => text)).toEqual([
      "Ada: 1 dead letter of mail will be handled again",
      "Ada: mail is paused: 2 partitions",
      "Ada: mail goes on: partition 1",
      "Ada: mail goes on from latest: partition 0",
      expect.stringContaining("Ada: pause failed: "),
    ]);
    await clusterGroup(orders, "mail").resume();
  });
});

describe("actions on children", () => {
  test("restart and terminate, and are on a channel with who did them", async () => {
    const published: unknown[] = [];
    const note = (message: unknown): void => void published.push(message);
    subscribe("nebulex.inspector.action", note);
    await using inspecting = await inspected(
      [
        fragile("a"),
        supervisor({ id: "inner", strategy: "one_for_one", children: [fragile("b")] }),
        dynamicSupervisor({ id: "dynamic" }),
      ],
      { token, actions: true },
    );
    const { page, port, cookie, tree } = inspecting;
    const dynamic = supervisorOf(await refOf(tree, "dynamic"));
    await dynamic.startChild(fragile("d"));
    await dynamic.startChild({ ...fragile("t"), restart: "temporary" });
    let state = await page.until((now) => now.tree.some(({ name }) => name === "t"));
    const act = async (name: string, child: string, incarnation?: number) => {
      const row = rowOf(state, child);
      const body = { child: row.id, incarnation: incarnation ?? row.incarnation };
      const { status, text } = await post(port, `/actions/${name}`, body, { cookie });
      return { status, ...(JSON.parse(text) as { text?: string }) };
    };
    expect(await act("restart", "a")).toMatchObject({ status: 200, text: "a is started again" });
    state = await page.until((now) => rowOf(now, "a").incarnation === 2);
    expect(await act("restart", "a", 1)).toMatchObject({ status: 409 });
    expect(await act("terminate", "b")).toMatchObject({ status: 200, text: "b is terminated" });
    state = await page.until((now) => rowOf(now, "b").state === "stopped");
    expect(await act("restart", "b")).toMatchObject({ status: 200 });
    state = await page.until((now) => rowOf(now, "b").state === "running");
    expect(await act("restart", "d")).toMatchObject({ status: 200 });
    state = await page.until((now) => rowOf(now, "d").incarnation === 2);
    expect(await act("restart", "t")).toMatchObject({ status: 409 });
    expect(await act("terminate", "t")).toMatchObject({ status: 200 });
    state = await page.until((now) => now.tree.every(({ name }) => name !== "t"));
    for (const name of ["inspector", "supervisor", "system"])
      expect(await act("terminate", name)).toMatchObject({ status: 409 });
    expect(await act("restart", "inner")).toMatchObject({ status: 200 });
    unsubscribe("nebulex.inspector.action", note);
    expect(published.slice(0, 2)).toMatchObject([
      { action: "restart", who: "Ada", status: "ok", text: "a is started again", count: 1 },
      { action: "restart", who: "Ada", status: "error", error: expect.any(Error) },
    ]);
  });
});

describe("the child", () => {
  const warnings = recordWarnings();

  test("leaves the warnings to the operator", async () => {
    await using inspecting = await inspected([fragile("fragile-warned")]);
    const { page, tree } = inspecting;
    (await refOf(tree, "fragile-warned")).dispatch("boom");
    await page.until(({ timeline }) => timeline.length === 2);
    expect(warnings).toEqual([expect.stringContaining("fragile-warned")]);
  });

  test("notes further warnings, each once, and leaves them to the operator", async () => {
    await using inspecting = await inspected([]);
    for (const reason of ["one", "two", "three"])
      warnOfError("the place of this test", new Error(reason));
    const { timeline } = await inspecting.page.until(({ timeline: all }) => all.length > 0);
    expect(timeline).toMatchObject([
      {
        kind: "problem",
        level: "warn",
        text: "the place of this test: Error: one",
        error: { name: "Error", message: "one", stack: expect.any(String) },
      },
    ]);
    expect(warnings).toEqual([expect.stringContaining("the place of this test")]);
    // What comes a minute later.
    report(channels.warning, () => ({ what: "the place", repeats: 2, error: "Error: three" }));
    const later = await inspecting.page.until(({ timeline: all }) => all.length > 1);
    expect(later.timeline[1]).toMatchObject({
      text: "the place: 2 more within a minute; the last one: Error: three",
      error: null,
    });
  });

  test("notes what happens while nobody looks, and no more once it has ended", async () => {
    await using inspecting = await inspected([fragile("fragile-unseen")]);
    const { page, tree, port } = inspecting;
    page[Symbol.dispose]();
    const first = await refOf(tree, "fragile-unseen");
    first.dispatch("boom");
    await until(async () => {
      const now = await refOf(tree, "fragile-unseen");
      return now !== first && typeof now === "object";
    });
    using later = await FakePage.open(port);
    const { timeline } = await later.until(() => true);
    expect(timeline.map(({ kind }) => kind)).toEqual(["exit", "restart"]);
  });

  test("fails to start on a port that is in use", async () => {
    const other = createServer().listen(0, "127.0.0.1");
    await once(other, "listening");
    const { port } = other.address() as { port: number };
    const started = startSupervisor({ strategy: "one_for_one", children: [inspector({ port })] });
    await expect(started).rejects.toMatchObject({
      reason: "failed_to_start_child",
      cause: { code: "E_OPTION", option: "port", message: expect.stringContaining("in use") },
    });
    other.close();
  });

  test("frees its port when it ends, also when it is killed", async () => {
    await using inspecting = await inspected([]);
    const { tree, port } = inspecting;
    const ref = await refOf(tree, "inspector");
    const { url } = inspectorAddress(ref);
    expect(url).toBe(`http://127.0.0.1:${port}/`);
    expect((await ask(port, "/")).text).toContain("<title>");
    await ref.kill();
    await until(async () => (await refOf(tree, "inspector")) !== ref);
    expect(() => inspectorAddress(tree.ref)).toThrow("expected the ref of an inspector");
    await expect(ask(port, "/")).rejects.toThrow("ECONNREFUSED");
  });

  test.each([
    [{ port: 70_000 }, "port", "an integer >= 0 and <= 65535"],
    [{ host: "0.0.0.0" }, "token", "since 0.0.0.0 is not only this machine"],
    [{ host: "shop.example" }, "token", "at least 16 characters"],
    [{ token: "short" }, "token", "at least 16 characters"],
    [{ token: "with spaces, and long" }, "token", "no spaces"],
    [{ actions: true }, "actions", "false without a token"],
    [{ hosts: "a" }, "hosts", "an array of host names"],
    [{ values: 1 }, "values", "a boolean"],
    [{ ports: 1 }, "ports", "unknown option"],
  ])("refuses %j", (options, option, message) => {
    expect(() => inspector(options as InspectorOptions)).toThrow(
      expect.objectContaining({ option, message: expect.stringContaining(message) }),
    );
  });

  test("names no token in an error", () => {
    expect(() => inspector({ token: "secret" })).toThrow(
      expect.objectContaining({ message: expect.not.stringContaining("secret") }),
    );
  });
});
