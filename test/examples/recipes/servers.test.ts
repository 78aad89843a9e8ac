import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { Agent, type ClientRequest, type IncomingMessage, request } from "node:http";
import { connect } from "node:net";
import { describe, expect, test } from "@jest/globals";
import { waitFor } from "nebulex-streams/testing";
import { example } from "../../helpers/compiled.js";
import { projectRoot } from "../../helpers/project-root.js";

/** A recipe that serves, in a process of its own. */
class Program implements AsyncDisposable {
  stdout = "";
  stderr = "";
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  constructor(recipe: string, env: Record<string, string> = {}) {
    const program = `examples/recipes/${recipe}/main.ts`;
    this.#child = spawn(process.execPath, example(program), {
      cwd: projectRoot,
      env: { ...process.env, PORT: "0", ...env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child.stdout?.setEncoding("utf8").on("data", (text: string) => (this.stdout += text));
    this.#child.stderr?.setEncoding("utf8").on("data", (text: string) => (this.stderr += text));
    this.#exited = once(this.#child, "close");
  }

  /** Where it listens. */
  async listening(): Promise<string> {
    const url = await waitFor(() => /^listening on (http:.+)$/m.exec(this.stdout)?.[1], {
      timeout: 20_000,
      message: "it listens",
    });
    return url.replace("[::1]", "127.0.0.1");
  }

  terminate(): void {
    this.#child.kill("SIGTERM");
  }

  async ended(): Promise<{ status: number | null; stderr: string }> {
    await this.#exited;
    return { status: this.#child.exitCode, stderr: this.stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#exited;
  }
}

const headers = { "content-type": "application/json" };
const put = (url: string, body: unknown): Promise<Response> =>
  fetch(url, { method: "PUT", headers, body: JSON.stringify(body) });

/** A request whose body is not sent yet, which the server has begun to read. */
async function begin(url: string, body: string, agent: Agent): Promise<ClientRequest> {
  const begun = request(url, {
    method: "PUT",
    agent,
    headers: { ...headers, "content-length": body.length, expect: "100-continue" },
  });
  begun.flushHeaders();
  await once(begun, "continue");
  return begun;
}

async function refuses(url: string): Promise<boolean> {
  const { port, hostname } = new URL(url);
  const socket = connect(Number(port), hostname);
  return new Promise((resolve) => {
    socket.once("connect", () => resolve(false)).once("error", () => resolve(true));
  }).finally(() => socket.destroy()) as Promise<boolean>;
}

describe("Express", () => {
  test("SIGTERM: requests are answered, handlers finish, and it exits with 0", async () => {
    await using program = new Program("express", { SAVING: "100" });
    const url = await program.listening();
    const agent = new Agent({ keepAlive: true });
    const body = JSON.stringify(["tea"]);
    const late = await begin(`${url}/carts/late`, body, agent);
    for (const user of ["ada", "ben", "cleo"])
      expect((await put(`${url}/carts/${user}`, ["tea"])).status).toBe(204);

    program.terminate();
    program.terminate();
    await waitFor(() => refuses(url));
    const answered = once(late, "response");
    late.end(body);
    const [response] = (await answered) as [IncomingMessage];
    expect(response.resume().statusCode).toBe(204);

    expect(await program.ended()).toEqual({ status: 0, stderr: "" });
    const saved = [...program.stdout.matchAll(/^saved (\w+)$/gm)].map(([, user]) => user);
    expect(new Set(saved)).toEqual(new Set(["ada", "ben", "cleo", "late"]));
    agent.destroy();
  });

  test("beyond its limit it exits with 1", async () => {
    await using program = new Program("express", { SAVING: "600000", LIMIT: "50" });
    const url = await program.listening();
    expect((await put(`${url}/carts/ada`, ["tea"])).status).toBe(204);
    program.terminate();
    expect(await program.ended()).toEqual({
      status: 1,
      stderr: expect.stringContaining("still busy: events may be lost\n"),
    });
  });
});

test("NestJS: the cache is injected, the handler uses a service, SIGTERM drains and exits with 0", async () => {
  await using program = new Program("nestjs");
  const url = await program.listening();
  expect((await fetch(`${url}/users/ada`)).status).toBe(404);
  expect((await put(`${url}/users/ada`, { name: "Ada" })).status).toBe(204);
  expect(await (await fetch(`${url}/users/ada`)).json()).toEqual({ name: "Ada" });
  expect((await put(`${url}/users/ben`, { name: "Ben" })).status).toBe(204);
  program.terminate();
  expect(await program.ended()).toEqual({ status: 0, stderr: "" });
  const welcomed = [...program.stdout.matchAll(/^welcome, (\w+)$/gm)].map(([, name]) => name);
  expect(new Set(welcomed)).toEqual(new Set(["Ada", "Ben"]));
});

test("Fastify: SIGTERM ends a client's stream of events, and it exits with 0", async () => {
  await using program = new Program("fastify-sse");
  const url = await program.listening();
  const response = await fetch(`${url}/prices`);
  program.terminate();
  expect(await response.text()).toContain("event: snapshot\n");
  expect(await program.ended()).toEqual({ status: 0, stderr: "" });
});

test("Prometheus: a scrape has the metrics of the tree, by cache, partition and group", async () => {
  await using program = new Program("prometheus");
  const url = await program.listening();
  const scrape = async (): Promise<string> => (await fetch(`${url}/metrics`)).text();
  const group = 'nebulex_group="sessions:handlers"';
  const of = `nebulex_cache="sessions",nebulex_instance="sessions",nebulex_partition="0",${group}`;
  const handled = new RegExp(`^nebulex_streams_handled_total{${of}} [1-9]`, "m");
  const text = await waitFor(async () => {
    const scraped = await scrape();
    return handled.test(scraped) && scraped;
  });
  expect(text).toContain(`nebulex_streams_lag{${of}} `);
  expect(text).toContain(`nebulex_streams_handler_delay_bucket{${of},le="0.0001"} `);
  expect(text).toContain('nebulex_cache_hits_total{nebulex_cache="sessions"');
  expect((await fetch(`${url}/else`)).status).toBe(404);
  program.terminate();
  expect(await program.ended()).toEqual({ status: 0, stderr: "" });
});
