import { once } from "node:events";
import { createServer, get, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, test } from "@jest/globals";
import type { FastifyInstance } from "fastify";
import { waitFor } from "nebulex-streams/testing";
import { capacity } from "../../../examples/recipes/fastify-sse/feed.js";
import { buildServer, prices } from "../../../examples/recipes/fastify-sse/server.js";
import { SseClient } from "../../../examples/recipes/fastify-sse/sse.js";
import { failure } from "../../helpers/actors.js";
import { Collector } from "../../telemetry/helpers.js";

type Entries = [symbol: string, price: number | null][];

interface Received {
  readonly event: string;
  readonly id: string;
  readonly entries: Entries;
}

/** What an EventSource does, but when it reads is the test's to say. */
class Client implements Disposable {
  readonly received: Received[] = [];
  readonly response: IncomingMessage;
  text = "";
  ended = false;

  constructor(response: IncomingMessage) {
    this.response = response;
    const end = (): void => void (this.ended = true);
    response.on("error", end).on("close", end);
  }

  static async connect(url: string, lastEventId?: string): Promise<Client> {
    const headers = lastEventId === undefined ? {} : { "last-event-id": lastEventId };
    const request = get(url, { headers, agent: false });
    const [response] = (await once(request, "response")) as [IncomingMessage];
    return new Client(response);
  }

  read(): this {
    let rest = "";
    this.response.setEncoding("utf8").on("data", (chunk: string) => {
      this.text += chunk;
      const frames = (rest + chunk).split("\n\n");
      rest = frames.pop() ?? "";
      for (const frame of frames) {
        const fields = frame.split("\n").map((line) => line.split(": ") as [string, string]);
        const { event, id = "", data = "" } = Object.fromEntries(fields);
        if (event === undefined) continue;
        this.received.push({ event, id, entries: JSON.parse(data) as Entries });
      }
    });
    return this;
  }

  get last(): Received | undefined {
    return this.received.at(-1);
  }

  /** What it knows: the newest snapshot, and the changes behind it. */
  get picture(): Map<string, number> {
    const picture = new Map<string, number>();
    for (const { event, entries } of this.received) {
      if (event === "snapshot") picture.clear();
      for (const [symbol, price] of entries)
        if (price === null) picture.delete(symbol);
        else picture.set(symbol, price);
    }
    return picture;
  }

  count(event: string): number {
    return this.received.filter((received) => received.event === event).length;
  }

  [Symbol.dispose](): void {
    this.response.destroy();
  }
}

interface Running extends AsyncDisposable {
  readonly server: FastifyInstance;
  readonly url: string;
  readonly collector: Collector;
}

async function start(): Promise<Running> {
  const collector = new Collector();
  const server = await buildServer();
  const address = await server.listen({ host: "127.0.0.1", port: 0 });
  return {
    server,
    url: `${address}/prices`,
    collector,
    [Symbol.asyncDispose]: async () => {
      await server.close();
      await collector[Symbol.asyncDispose]();
    },
  };
}

const sum = (values: Record<string, unknown>): number =>
  Object.values(values).reduce((total: number, value) => total + Number(value), 0);

const subscriptionsOf = async ({ collector }: Running): Promise<number> =>
  sum(await collector.values("nebulex.streams.subscriptions"));

/** Several megabytes of changes: more than sockets have room for. */
async function writeMuch(): Promise<void> {
  for (let round = 0; round < 300; round++) {
    for (let n = 0; n < 100; n++) prices.put(`${n}`.padEnd(1000, "."), round);
    await nextTurn();
  }
}

describe("Server-Sent Events with Fastify", () => {
  test("a client is given a snapshot, and then each change", async () => {
    await using running = await start();
    prices.put("ACME", 12);
    using client = (await Client.connect(running.url)).read();
    await waitFor(() => client.count("snapshot") === 1);
    expect(client.last?.entries).toEqual([["ACME", 12]]);
    expect(client.response.statusCode).toBe(200);
    expect(client.response.headers["content-type"]).toBe("text/event-stream");
    expect(client.text).toMatch(/^retry: 1000\n\n/);

    const { status } = await fetch(`${running.url}/ACME`, {
      method: "PUT",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ price: 13 }),
    });
    expect(status).toBe(204);
    await waitFor(() => client.count("change") === 1);
    prices.putAll([
      ["INIT", 1],
      ["ACME", 14],
    ]);
    await waitFor(() => client.picture.get("ACME") === 14 && client.picture.has("INIT"));
    prices.delete("ACME");
    await waitFor(() => !client.picture.has("ACME"));
    expect(client.last?.entries).toEqual([["ACME", null]]);
    prices.deleteAll();
    await waitFor(() => client.picture.size === 0);
    expect(client.last).toMatchObject({ event: "snapshot", entries: [] });
  });

  test("one that was cut off goes on where it was, and misses nothing", async () => {
    await using running = await start();
    let id: string | undefined;
    {
      using client = (await Client.connect(running.url)).read();
      prices.put("ACME", 1);
      await waitFor(() => client.picture.get("ACME") === 1);
      id = client.last?.id;
    }
    prices.put("ACME", 2);
    prices.put("INIT", 3);
    using client = (await Client.connect(running.url, id)).read();
    await waitFor(() => client.picture.get("INIT") === 3 && client.picture.get("ACME") === 2);
    expect(client.count("snapshot")).toBe(0);
    expect(client.count("change")).toBe(2);
  });

  test("an id of before a restart, or that is none, is answered with a snapshot", async () => {
    let id: string | undefined;
    {
      await using running = await start();
      using client = (await Client.connect(running.url)).read();
      await waitFor(() => client.received.length === 1);
      id = client.last?.id;
    }
    await using running = await start();
    prices.put("ACME", 1);
    for (const lastEventId of [id, "", "42", "no such id"]) {
      using client = (await Client.connect(running.url, lastEventId)).read();
      await waitFor(() => client.received.length === 1);
      expect(client.last).toMatchObject({ event: "snapshot", entries: [["ACME", 1]] });
    }
  });

  test("one that does not read costs `capacity` events a partition, then has a snapshot", async () => {
    await using running = await start();
    using client = await Client.connect(running.url);
    await writeMuch();
    const lag = sum(await running.collector.values("nebulex.streams.lag"));
    expect(lag).toBeGreaterThan(0);
    expect(lag).toBeLessThanOrEqual(4 * capacity + 1); // and one in hand

    client.read();
    await waitFor(() => client.picture.get("99".padEnd(1000, ".")) === 299);
    await waitFor(() => client.count("snapshot") > 1);
    expect(client.picture).toEqual(new Map(prices.getAll()));
  });

  test("clients that come and go leave nothing", async () => {
    await using running = await start();
    for (let round = 0; round < 5; round++) {
      const clients = await Promise.all(
        Array.from({ length: 10 }, () => Client.connect(running.url)),
      );
      expect(await subscriptionsOf(running)).toBe(40);
      for (const client of clients.slice(5)) client.read();
      // They go while the server waits for an event, or has one to send.
      if (round % 2 === 1) prices.put("ACME", round);
      for (const client of clients) client[Symbol.dispose]();
      await waitFor(async () => (await subscriptionsOf(running)) === 0);
    }
    {
      using _stalled = await Client.connect(running.url);
      await writeMuch(); // the server waits for it to read
      expect(await subscriptionsOf(running)).toBe(4);
    }
    await waitFor(async () => (await subscriptionsOf(running)) === 0);
    await waitFor(async () => (await connectionsOf(running.server)) === 0);
  });

  test("a server that closes ends its clients, also those that do not read", async () => {
    const running = await start();
    using stalled = await Client.connect(running.url);
    await writeMuch();
    using idle = (await Client.connect(running.url)).read();
    await waitFor(() => idle.count("snapshot") === 1);
    await running[Symbol.asyncDispose]();
    stalled.read();
    await waitFor(() => idle.ended && stalled.ended);
    expect([idle.count("snapshot"), running.server.server.listening]).toEqual([1, false]);
  });
});

describe("a client of Server-Sent Events", () => {
  /** A server whose clients have a heartbeat each millisecond. */
  async function listen(connected: (client: SseClient, response: ServerResponse) => void) {
    const server = createServer((_request, response) => {
      connected(new SseClient(response, { heartbeat: 1, retry: 50 }), response);
    }).listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      [Symbol.asyncDispose]: async () => {
        server.close();
        await once(server, "close");
      },
    };
  }

  test("is sent a heartbeat, which ends with the connection", async () => {
    const clients: SseClient[] = [];
    await using server = await listen((client) => clients.push(client));
    {
      using client = (await Client.connect(server.url)).read();
      await waitFor(() => client.text.includes(":\n\n:\n\n"));
      expect(client.text).toMatch(/^retry: 50\n\n:\n\n/);
    }
    const [client] = clients as [SseClient];
    await waitFor(() => client.signal.aborted);
    await expect(client.send(late)).rejects.toThrow(/aborted/);
  });

  test("is sent nothing after `close`, though its connection ends later", async () => {
    const errors: unknown[] = [];
    const responses: ServerResponse[] = [];
    let refused: Promise<unknown> | undefined;
    await using server = await listen((client, response) => {
      response.on("error", (error) => errors.push(error));
      if (responses.push(response) > 1) return;
      response.socket?.cork(); // what is sent from now on waits
      client.close();
      refused = failure(client.send(late));
    });
    const connecting = Client.connect(`${server.url}/first`);
    await waitFor(() => responses.length === 1);
    using other = (await Client.connect(`${server.url}/other`)).read();
    await waitFor(() => other.text.includes(":\n\n:\n\n"));
    responses[0]?.socket?.uncork();
    using client = (await connecting).read();
    await waitFor(() => client.ended);
    expect(await refused).toMatchObject({ name: "AbortError" });
    expect({ text: client.text, errors }).toEqual({ text: "retry: 50\n\n", errors: [] });
  });
});

const late = { event: "late", id: "1", data: 1 };

function connectionsOf({ server }: FastifyInstance): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error === null) resolve(count);
      else reject(error);
    });
  });
}
