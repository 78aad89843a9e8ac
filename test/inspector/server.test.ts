import { describe, expect, jest, test } from "@jest/globals";
import { connect } from "node:net";
import { once } from "node:events";
import type { ActionReport } from "../../src/inspector/server.js";
import { maxViewers } from "../../src/inspector/viewers.js";
import { ask, FakePage, login, post, serve } from "./client.js";
import { FakeSource, hostile } from "./fake-source.js";

const token = "a-token-of-some-length";
const group = { stream: "s1", group: "mail", partition: 0 };

const makeSource = (children = 3): FakeSource => new FakeSource(() => 1_000_000, { children });

describe("the page", () => {
  test("comes with headers that forbid everything else", async () => {
    await using inspector = await serve(makeSource());
    const { status, headers, text } = await ask(inspector.port, "/");
    expect({ status, text }).toEqual({ status: 200, text: "the page" });
    expect(headers).toMatchObject({
      "content-type": "text/html; charset=utf-8",
      "x-content-type-options": "nosniff",
      "x-frame-options": "DENY",
      "cache-control": "no-store",
      "cross-origin-resource-policy": "same-origin",
    });
    const policy = headers["content-security-policy"];
    expect(policy).toContain("default-src 'none'; script-src 'self'; style-src 'self';");
    expect(policy).not.toMatch(/unsafe|http|\*/);
  });

  test("has its own files only", async () => {
    await using inspector = await serve(makeSource());
    const { port } = inspector;
    expect((await ask(port, "/assets/page.js")).text).toBe("the script");
    for (const path of ["/assets/../package.json", "/assets/%2e%2e/package.json", "/assets/", "/x"])
      expect(await ask(port, path)).toMatchObject({ status: 404 });
    expect(await ask(port, "/", { method: "POST" })).toMatchObject({ status: 405 });
  });
});

describe("what is sent to the page", () => {
  test("is a snapshot, then what changes", async () => {
    const source = makeSource();
    await using inspector = await serve(source, { values: true });
    using page = await FakePage.open(inspector.port);
    const { about } = await page.until(() => true);
    expect(about).toMatchObject({ kind: "process", title: "shop", actions: false, values: true });
    expect(about).toMatchObject({ viewer: null, viewers: 1, pid: process.pid });
    source.crashChild();
    const { timeline } = await page.until(({ tree }) => tree.some((row) => row.incarnation === 2));
    expect(timeline.map(({ kind }) => kind)).toEqual(["exit", "restart"]);
    expect(page.state).toMatchObject(source.read());
    expect(page.snapshots).toBe(1);
  });

  test("is a snapshot again after a reconnection, which the page is asked to make soon", async () => {
    const source = makeSource();
    await using inspector = await serve(source);
    const first = await FakePage.open(inspector.port);
    await first.until(() => first.updates > 0);
    expect(first.reconnectAfter).toBe(1000);
    source.crashChild();
    first[Symbol.dispose]();
    // Of a browser, if it was given ids.
    using second = await FakePage.open(inspector.port, { "last-event-id": "1" });
    const { tree, timeline } = await second.until(() => true);
    expect(tree).toEqual(source.read().tree);
    expect(timeline.map(({ kind }) => kind)).toEqual(["exit", "restart"]);
    expect([second.snapshots, second.reconnectAfter]).toEqual([1, 1000]);
  });

  test("is read only while there is a page", async () => {
    const source = makeSource();
    const read = jest.spyOn(source, "read");
    await using inspector = await serve(source);
    expect({ looked: source.looked, reads: read.mock.calls.length }).toEqual({
      looked: 0,
      reads: 0,
    });
    const page = await FakePage.open(inspector.port);
    await page.until(() => page.updates > 0);
    expect(source.looked).toBe(1);
    const ended = new Promise<void>((resolve) => {
      const { end } = source;
      source.end = () => {
        end.call(source);
        resolve();
      };
    });
    page[Symbol.dispose]();
    await ended;
    expect(source.looked).toBe(0);
  });

  test("goes to several pages, up to a number", async () => {
    await using inspector = await serve(makeSource());
    const pages = await Promise.all(
      Array.from({ length: maxViewers }, () => FakePage.open(inspector.port)),
    );
    await Promise.all(pages.map((page) => page.until(() => true)));
    expect(await ask(inspector.port, "/events")).toMatchObject({ status: 503 });
    for (const page of pages) page[Symbol.dispose]();
  });

  test("is text, whatever its keys and errors look like", async () => {
    const source = makeSource();
    await using inspector = await serve(source, { token });
    const cookie = await login(inspector.port, token);
    source.crashChild();
    using page = await FakePage.open(inspector.port, { cookie });
    const { timeline } = await page.until(({ timeline: entries }) => entries.length > 0);
    expect(timeline[0]?.error?.message).toContain(hostile);
    const path = "/dead-letters?stream=s1&group=mail";
    const { headers, text } = await ask(inspector.port, path, { headers: { cookie } });
    expect(headers["content-type"]).toBe("application/json");
    expect(JSON.parse(text)).toMatchObject({ letters: [{ keys: [hostile], value: null }, {}, {}] });
  });
});

describe("requests of other sites", () => {
  const refused = async (headers: Record<string, string>, path = "/events"): Promise<number> => {
    await using inspector = await serve(makeSource());
    const { port } = inspector;
    const filled = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.replace("PORT", String(port))]),
    );
    return (await ask(port, path, { headers: filled })).status;
  };

  test.each([
    "127.0.0.1:PORT",
    "127.0.0.1",
    "localhost:PORT",
    "[::1]:PORT",
    "LOCALHOST:9999",
    "127.8.9.1",
  ])("are none with the host %s", async (host) => {
    expect(await refused({ host }, "/")).toBe(200);
  });

  test.each([
    "evil.example:PORT",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "192.168.1.9",
    "0.0.0.0:PORT",
    "[::2]",
    "127.0.0.1:PORT:1",
    "user@127.0.0.1",
    "%",
  ])("are refused with the host %p (DNS rebinding)", async (host) => {
    expect(await refused({ host })).toBe(403);
    expect(await refused({ host }, "/assets/page.js")).toBe(403);
  });

  test.each([
    "http://evil.example",
    "http://localhost:1",
    "http://localhost:PORT",
    "null",
    "file://",
    "http://127.0.0.1:PORT@evil.example",
    "http://127.0.0.1:PORT/",
  ])("are refused with the origin %s", async (origin) => {
    expect(await refused({ host: "127.0.0.1:PORT", origin })).toBe(403);
  });

  test("are refused, if a browser says so", async () => {
    expect(await refused({ "sec-fetch-site": "cross-site" })).toBe(403);
    expect(await refused({ "sec-fetch-site": "same-site" })).toBe(403);
    const link = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
    expect(await refused({ ...link, "sec-fetch-dest": "document" }, "/")).toBe(200);
    expect(await refused({ ...link, "sec-fetch-dest": "iframe" }, "/")).toBe(403);
    expect(await refused({ "sec-fetch-site": "none" }, "/")).toBe(200);
  });

  test("may name an address of the machine where it is served beyond loopback, or a given name", async () => {
    await using inspector = await serve(makeSource(), {
      host: "0.0.0.0",
      hosts: ["Inspector.example"],
      token,
    });
    const status = async (host: string): Promise<number> =>
      (await ask(inspector.port, "/", { headers: { host } })).status;
    expect(await status("192.168.1.9:80")).toBe(401);
    expect(await status("inspector.example")).toBe(401);
    expect(await status("evil.example")).toBe(403);
  });
});

describe("a token", () => {
  test("is asked for by everything but the form and the files", async () => {
    await using inspector = await serve(makeSource(), { token, actions: true });
    const { port } = inspector;
    expect(await ask(port, "/")).toMatchObject({ status: 401, text: "the form" });
    expect(await ask(port, "/assets/page.js")).toMatchObject({ status: 200 });
    for (const path of ["/events", "/dead-letters?stream=s1&group=mail", "/x", `/?token=${token}`])
      expect(await ask(port, path)).toMatchObject({ status: 401 });
    expect(await post(port, "/actions/pause", group)).toMatchObject({ status: 401 });
    const wrong = { headers: { authorization: "Bearer wrong" } };
    expect(await ask(port, "/events", wrong)).toMatchObject({ status: 401 });
    const cookie = { headers: { cookie: `nebulex-inspector=${token}` } };
    expect(await ask(port, "/events", cookie)).toMatchObject({ status: 401 });
  });

  test("comes in a header, or once in a form for a cookie", async () => {
    const source = makeSource();
    await using inspector = await serve(source, { token });
    const { port } = inspector;
    using program = await FakePage.open(port, { authorization: `Bearer ${token}` });
    expect((await program.until(() => true)).about.viewer).toBe("127.0.0.1");

    const form = (fields: object, origin = `http://127.0.0.1:${port}`) =>
      ask(port, "/login", {
        method: "POST",
        headers: { origin, "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ ...fields }).toString(),
      });
    expect(await form({ token: "wrong" })).toMatchObject({ status: 401, text: "the form again" });
    expect(await form({ token }, "http://evil.example")).toMatchObject({ status: 403 });
    const { status, headers } = await form({ token, name: "Ada\u0000\nL." });
    expect({ status, location: headers.location }).toEqual({ status: 303, location: "/" });
    const set = headers["set-cookie"]?.[0] ?? "";
    expect(set).toMatch(
      /^nebulex-inspector=[\w-]{43}; HttpOnly; SameSite=Strict; Path=\/; Max-Age=/,
    );
    expect(set).not.toContain(token);
    const cookie = set.split(";")[0] ?? "";
    expect(await ask(port, "/", { headers: { cookie } })).toMatchObject({ text: "the page" });
    using page = await FakePage.open(port, { cookie });
    expect((await page.until(() => true)).about.viewer).toBe("Ada  L.");

    const own = { cookie, origin: `http://127.0.0.1:${port}` };
    const out = await ask(port, "/logout", { method: "POST", headers: own });
    expect(out.headers["set-cookie"]?.[0]).toContain("Max-Age=0");
    await page.untilEnded();
    expect(await ask(port, "/", { headers: { cookie } })).toMatchObject({ status: 401 });
  });
});

describe("actions", () => {
  test("are off by default, and without a login", async () => {
    await using inspector = await serve(makeSource(), { token });
    const authorization = `Bearer ${token}`;
    const answer = await post(inspector.port, "/actions/pause", group, { authorization });
    expect(answer).toMatchObject({ status: 403 });
    await using open = await serve(makeSource(), { actions: true });
    expect(await post(open.port, "/actions/pause", group)).toMatchObject({ status: 403 });
  });

  test("are done, and reported with who did them", async () => {
    const source = makeSource();
    const reports: ActionReport[] = [];
    const acted = (report: ActionReport) => void reports.push(report);
    await using inspector = await serve(source, { token, actions: true, acted });
    const { port } = inspector;
    const cookie = await login(port, token, "Ada");
    const paused = await post(port, "/actions/pause", group, { cookie });
    expect(JSON.parse(paused.text)).toMatchObject({
      text: "pause of 1 partitions: done",
      count: 1,
    });
    const late = { child: "a3", incarnation: 7 };
    const refused = await post(port, "/actions/restart", late, { cookie });
    expect(refused).toMatchObject({ status: 409 });
    expect(JSON.parse(refused.text)).toEqual({
      error: { code: "conflict", message: "it has been restarted" },
    });
    expect(reports).toMatchObject([
      { who: "Ada", action: { name: "pause", of: group }, done: { count: 1 } },
      { who: "Ada", action: { name: "restart", of: late }, done: null },
    ]);
    const bearer = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const byProgram = await ask(port, "/actions/resume", {
      method: "POST",
      headers: bearer,
      body: JSON.stringify(group),
    });
    expect(byProgram).toMatchObject({ status: 200 });
    expect(reports.at(-1)).toMatchObject({ who: "127.0.0.1" });
  });

  test("are not done for a request that another site has a browser make (CSRF)", async () => {
    const source = makeSource();
    await using inspector = await serve(source, { token, actions: true });
    const { port } = inspector;
    const cookie = await login(port, token);
    const body = JSON.stringify(group);
    const send = (headers: Record<string, string>) =>
      ask(port, "/actions/pause", { method: "POST", headers: { cookie, ...headers }, body });
    const type = { "content-type": "application/json" };
    expect(await send({ ...type, origin: "http://evil.example" })).toMatchObject({ status: 403 });
    expect(await send({ ...type, origin: "null" })).toMatchObject({ status: 403 });
    expect(await send(type)).toMatchObject({ status: 403 });
    const own = { origin: `http://127.0.0.1:${port}` };
    expect(await send({ ...own, "content-type": "text/plain" })).toMatchObject({ status: 415 });
    expect(await ask(port, "/actions/pause", { headers: { cookie } })).toMatchObject({
      status: 405,
    });
    expect(source.read().groups.filter(({ id, paused }) => paused && id === "s1:0:mail")).toEqual(
      [],
    );
  });

  test.each([
    ["pause", "no JSON", "expected a body of JSON"],
    ["pause", "[]", "expected a JSON object"],
    ["pause", `{}`, "stream: expected a string"],
    ["pause", `{"stream":"s1","group":"mail"}`, "partition: expected an integer"],
    [
      "seek",
      `{"stream":"s1","group":"mail","partition":null,"to":3}`,
      "partition: expected an int",
    ],
    ["seek", `{"stream":"s1","group":"mail","partition":0,"to":-1}`, "to: expected an integer"],
    ["retry", `{"stream":"s1","group":"mail","ids":[]}`, `ids: expected "all", or`],
    ["restart", `{"child":3,"incarnation":1}`, "child: expected a string"],
  ])("refuse a wrong body: %s %s", async (name, body, message) => {
    await using inspector = await serve(makeSource(), { token, actions: true });
    const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
    const asked = { method: "POST", headers, body };
    const answer = await ask(inspector.port, `/actions/${name}`, asked);
    expect(answer.status).toBe(400);
    expect(answer.text).toContain(JSON.stringify(message).slice(1, -1));
  });

  test("refuse a body that is too large, and an unknown action", async () => {
    await using inspector = await serve(makeSource(), { token, actions: true });
    const { port } = inspector;
    const authorization = `Bearer ${token}`;
    const large = { ...group, stream: "x".repeat(100_000) };
    const answer = await post(port, "/actions/pause", large, { authorization });
    expect(answer).toMatchObject({ status: 413 });
    const unknown = await post(port, "/actions/constructor", group, { authorization });
    expect(unknown).toMatchObject({ status: 404 });
  });
});

describe("the server", () => {
  test("refuses what is no HTTP, and goes on", async () => {
    await using inspector = await serve(makeSource());
    const socket = connect(inspector.port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("\u0016\u0003 no HTTP\r\n\r\n");
    socket.resume();
    await once(socket, "close");
    expect(await ask(inspector.port, "/")).toMatchObject({ status: 200 });
  });

  test("ends its pages when it is closed", async () => {
    const source = makeSource();
    const inspector = await serve(source);
    using page = await FakePage.open(inspector.port);
    await page.until(() => true);
    await inspector.server.close();
    await page.untilEnded();
    expect(source.looked).toBe(0);
  });

  test("says which port is in use, and which host is not this machine's", async () => {
    await using inspector = await serve(makeSource());
    const { port } = inspector;
    await expect(serve(makeSource(), { port })).rejects.toMatchObject({
      code: "E_OPTION",
      option: "port",
      message: `invalid value for option "port": expected a free port of 127.0.0.1, got: ${port} (it is in use)`,
    });
    await expect(serve(makeSource(), { host: "192.0.2.1" })).rejects.toMatchObject({
      option: "host",
    });
  });
});
