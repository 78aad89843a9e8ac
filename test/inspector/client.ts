import { once } from "node:events";
import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { InspectorServer, type ServerSettings } from "../../src/inspector/server.js";
import type { Snapshot } from "../../src/inspector/snapshot.js";
import type { InspectorSource } from "../../src/inspector/source.js";
import { applyUpdate, type Update } from "../../src/inspector/update.js";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string;
}

/** Asks a server of this machine, with any headers. */
export async function ask(port: number, path: string, asked: Asked = {}): Promise<Answer> {
  const response = await open(port, path, asked);
  let text = "";
  for await (const chunk of response.setEncoding("utf8")) text += chunk as string;
  return { status: response.statusCode ?? 0, headers: response.headers, text };
}

async function open(port: number, path: string, asked: Asked): Promise<IncomingMessage> {
  const { method = "GET", headers = {}, body } = asked;
  const sent = request({ port, path, method, headers, host: "127.0.0.1", agent: false });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return response;
}

/** Posts JSON as the page does. */
export function post(
  port: number,
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<Answer> {
  const own = { origin: `http://127.0.0.1:${port}`, "content-type": "application/json" };
  const text = JSON.stringify(body);
  return ask(port, path, { method: "POST", headers: { ...own, ...headers }, body: text });
}

/** Logs in with the form; returns the cookie to send. */
export async function login(port: number, token: string, name = ""): Promise<string> {
  const { status, headers } = await ask(port, "/login", {
    method: "POST",
    headers: {
      origin: `http://127.0.0.1:${port}`,
      "content-type": "application/x-www-form-urlencoded",
    },
    body: new URLSearchParams({ token, name }).toString(),
  });
  if (status !== 303) throw new Error(`login: status ${status}`);
  return headers["set-cookie"]?.[0]?.split(";")[0] ?? "";
}

/** A page, as far as its data goes. */
export class FakePage implements Disposable {
  snapshots = 0;
  updates = 0;
  ended = false;
  /** Milliseconds, as the server has asked for. */
  reconnectAfter: number | undefined;
  state: Snapshot | undefined;
  readonly #response: IncomingMessage;
  readonly #waiting = new Set<() => void>();
  #buffered = "";

  private constructor(response: IncomingMessage) {
    this.#response = response;
    response.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    response.on("close", () => {
      this.ended = true;
      this.#changed();
    });
    response.on("error", () => {});
  }

  static async open(port: number, headers: Record<string, string> = {}): Promise<FakePage> {
    const response = await open(port, "/events", { headers });
    if (response.statusCode !== 200) throw new Error(`events: status ${response.statusCode}`);
    return new FakePage(response);
  }

  /** Waits until the state is as wanted. */
  async until(isWanted: (state: Snapshot) => boolean): Promise<Snapshot> {
    await this.#wait(() => this.state !== undefined && isWanted(this.state));
    return this.state as Snapshot;
  }

  async untilEnded(): Promise<void> {
    await this.#wait(() => this.ended);
  }

  [Symbol.dispose](): void {
    this.#response.destroy();
  }

  #wait(isMet: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = (): void => {
        if (!isMet()) return;
        this.#waiting.delete(check);
        resolve();
      };
      this.#waiting.add(check);
      check();
    });
  }

  #changed(): void {
    for (const check of this.#waiting) check();
  }

  #receive(text: string): void {
    const messages = (this.#buffered + text).split("\n\n");
    this.#buffered = messages.pop() ?? "";
    for (const message of messages) {
      const [, event, retry, data] =
        /^event: (\w+)\n(?:retry: (\d+)\n)?data: (.*)$/.exec(message) ?? [];
      if (retry !== undefined) this.reconnectAfter = Number(retry);
      const content: unknown = JSON.parse(data ?? "");
      if (event === "snapshot") {
        this.snapshots++;
        this.state = content as Snapshot;
      } else if (this.state !== undefined) {
        this.updates++;
        this.state = applyUpdate(this.state, content as Update);
      }
    }
    this.#changed();
  }
}

const text = (content: string, type: string) => ({ type, content: Buffer.from(content) });

/** A server over a source, on a free port, with two files as its page. */
export async function serve(
  source: InspectorSource,
  settings: Partial<ServerSettings> = {},
): Promise<{ port: number; server: InspectorServer } & AsyncDisposable> {
  const server = new InspectorServer(source, {
    port: 0,
    host: "127.0.0.1",
    hosts: [],
    token: undefined,
    actions: false,
    values: false,
    assets: new Map([
      ["index.html", text("the page", "text/html; charset=utf-8")],
      ["login.html", text("the form", "text/html; charset=utf-8")],
      ["login-refused.html", text("the form again", "text/html; charset=utf-8")],
      ["page.js", text("the script", "text/javascript; charset=utf-8")],
    ]),
    acted: () => {},
    ...settings,
  });
  const { port } = await server.listen();
  return { port, server, [Symbol.asyncDispose]: () => server.close() };
}
