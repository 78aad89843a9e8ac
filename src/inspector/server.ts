import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { OptionError } from "../errors.js";
import { warnOfError } from "../telemetry/channels.js";
import { type Asset, type Assets } from "./assets.js";
import { Guard, namesOwnOrigin } from "./guard.js";
import { type Action, type ActionResult, paths } from "./protocol.js";
import { BadRequest, bodyOf, readAction, readLettersRequest } from "./requests.js";
import { Sessions, type Viewer } from "./sessions.js";
import { type InspectorSource, Refusal } from "./source.js";
import { Viewers } from "./viewers.js";

/** Connections at a time; further ones are closed. */
const maxConnections = 64;

/** What a server is set to. @internal */
export interface ServerSettings {
  /** 0: any free one. */
  readonly port: number;
  readonly host: string;
  /** Names under which it is reached besides. */
  readonly hosts: readonly string[];
  readonly token: string | undefined;
  readonly actions: boolean;
  readonly values: boolean;
  readonly assets: Assets;
  /** An action was carried out, or has failed. Must not throw. */
  readonly acted: (report: ActionReport) => void;
}

/** What was done, by whom. @internal */
export interface ActionReport {
  readonly action: Action;
  /** The name given at the login, or the remote address. */
  readonly who: string;
  /** Null: it was refused, or has failed. */
  readonly done: ActionResult | null;
  readonly error: unknown;
}

/** Where an inspector is. */
export interface InspectorAddress {
  /** As it was given. */
  readonly host: string;
  /** The one that it listens on, also where port 0 was asked for. */
  readonly port: number;
  /** Of the page. */
  readonly url: string;
}

/**
 * Loaded scripts and styles come from this server alone; nothing is loaded from elsewhere, nor
 * written as markup.
 */
const securityHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data:",
    "font-src 'self'",
    "connect-src 'self'",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "same-origin",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "cache-control": "no-store",
};

/** Serves the page and its data. @internal */
export class InspectorServer {
  readonly #settings: ServerSettings;
  readonly #source: InspectorSource;
  readonly #guard: Guard;
  readonly #sessions: Sessions;
  readonly #viewers: Viewers;
  readonly #server: Server;

  constructor(source: InspectorSource, settings: ServerSettings) {
    const { host, hosts, token, actions, values } = settings;
    this.#settings = settings;
    this.#source = source;
    this.#guard = new Guard(host, hosts);
    this.#sessions = new Sessions(token);
    const isActing = actions && source.act !== undefined;
    this.#viewers = new Viewers(source, { actions: isActing, values });
    this.#server = createServer(
      {
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: 1000,
        maxHeaderSize: 16_384,
      },
      (request, response) => void this.#serve(request, response),
    );
    this.#server.maxConnections = maxConnections;
  }

  /**
   * @throws (as a rejection) OptionError for an address that can't be had
   */
  async listen(): Promise<InspectorAddress> {
    const { port, host } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", (error) => reject(notFree(port, host, error)));
      this.#server.listen(port, host, resolve);
    });
    this.#server.removeAllListeners("error");
    this.#server.on("error", (error) => warnOfError("the inspector's server", error));
    // An inspector keeps no process alive.
    this.#server.unref();
    this.#server.on("connection", (socket) => socket.unref());
    const { port: bound } = this.#server.address() as AddressInfo;
    const name = host.includes(":") ? `[${host}]` : host;
    return { host, port: bound, url: `http:${"//"}${name}:${bound}/` };
  }

  /** Ends all connections. */
  async close(): Promise<void> {
    this.#viewers.close();
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    for (const [name, value] of Object.entries(securityHeaders)) response.setHeader(name, value);
    try {
      const refusal = this.#guard.refusal(request);
      if (refusal !== undefined) throw new BadRequest(403, refusal);
      await this.#route(request, response);
    } catch (error) {
      this.#fail(request, response, error);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path = "/", query = ""] = (request.url ?? "/").split("?", 2);
    if (path.startsWith(paths.assets)) {
      allow(request, "GET");
      send(response, 200, this.#asset(path.slice(paths.assets.length)));
      return;
    }
    switch (path) {
      case paths.login:
        return await this.#login(request, response);
      case paths.logout:
        return this.#logout(request, response);
      default:
    }
    const viewer = this.#sessions.viewerOf(request);
    if (path === paths.page) {
      allow(request, "GET");
      if (viewer === undefined) send(response, 401, this.#asset("login.html"));
      else send(response, 200, this.#asset("index.html"));
      return;
    }
    if (viewer === undefined) throw new BadRequest(401, "expected a login, or a bearer token");
    if (path === paths.events) this.#watch(request, response, viewer);
    else if (path === paths.deadLetters) await this.#letters(request, response, query);
    else if (path.startsWith(paths.actions)) {
      await this.#act(request, response, viewer, path.slice(paths.actions.length));
    } else throw new BadRequest(404, "there is no such path");
  }

  async #login(request: IncomingMessage, response: ServerResponse): Promise<void> {
    allow(request, "POST");
    if (!namesOwnOrigin(request)) throw new BadRequest(403, "expected the origin of this page");
    const form = new URLSearchParams(await bodyOf(request, "application/x-www-form-urlencoded"));
    const { token, name } = { token: form.get("token") ?? "", name: form.get("name") ?? "" };
    const cookie = this.#sessions.login(request, token, name);
    if (cookie === undefined) send(response, 401, this.#asset("login-refused.html"));
    else redirect(response, cookie);
  }

  #logout(request: IncomingMessage, response: ServerResponse): void {
    allow(request, "POST");
    if (!namesOwnOrigin(request)) throw new BadRequest(403, "expected the origin of this page");
    redirect(response, this.#sessions.logout(request));
  }

  #watch(request: IncomingMessage, response: ServerResponse, viewer: Viewer): void {
    allow(request, "GET");
    if (this.#viewers.full) throw new BadRequest(503, "there are too many pages");
    response.writeHead(200, { "content-type": "text/event-stream" });
    if (request.method === "HEAD") response.end();
    else this.#viewers.add(response, viewer);
  }

  async #letters(request: IncomingMessage, response: ServerResponse, query: string): Promise<void> {
    allow(request, "GET");
    const asked = readLettersRequest(new URLSearchParams(query), this.#settings.values);
    json(response, 200, await this.#source.deadLetters(asked));
  }

  async #act(
    request: IncomingMessage,
    response: ServerResponse,
    viewer: Viewer,
    name: string,
  ): Promise<void> {
    allow(request, "POST");
    const { act } = this.#source;
    if (!this.#settings.actions || !viewer.trusted || act === undefined)
      throw new BadRequest(403, "actions are off");
    // The browser adds a cookie to whatever it sends here.
    if (viewer.byCookie && !namesOwnOrigin(request))
      throw new BadRequest(403, "expected the origin of this page");
    const action = readAction(name, await bodyOf(request, "application/json"));
    try {
      const done = await act(action);
      this.#settings.acted({ action, who: viewer.name, done, error: undefined });
      json(response, 200, done);
    } catch (error) {
      this.#settings.acted({ action, who: viewer.name, done: null, error });
      throw error;
    }
  }

  #asset(name: string): Asset {
    const asset = this.#settings.assets.get(name);
    if (asset === undefined) throw new BadRequest(404, "there is no such file");
    return asset;
  }

  #fail(request: IncomingMessage, response: ServerResponse, error: unknown): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const isKnown = error instanceof BadRequest || error instanceof Refusal;
    if (!isKnown) warnOfError("the inspector: a request", error);
    // What is left of the request is not read.
    if (!request.complete) response.setHeader("connection", "close");
    const status = isKnown ? error.status : 500;
    const message = error instanceof Error ? error.message : String(error);
    json(response, status, { error: { code: codes[status] ?? "failed", message } });
  }
}

const codes: Readonly<Record<number, string>> = {
  400: "bad_request",
  401: "login",
  403: "forbidden",
  404: "not_found",
  405: "method",
  409: "conflict",
  413: "too_large",
  415: "type",
  503: "unavailable",
};

/** @throws BadRequest */
function allow({ method }: IncomingMessage, allowed: "GET" | "POST"): void {
  if (method === allowed || (allowed === "GET" && method === "HEAD")) return;
  throw new BadRequest(405, `expected ${allowed}`);
}

function send(response: ServerResponse, status: number, { type, content }: Asset): void {
  response.writeHead(status, { "content-type": type, "content-length": content.length });
  response.end(content);
}

function json(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, { type: "application/json", content: Buffer.from(JSON.stringify(value)) });
}

function redirect(response: ServerResponse, cookie: string): void {
  response.writeHead(303, { location: paths.page, "set-cookie": cookie });
  response.end();
}

function notFree(port: number, host: string, error: NodeJS.ErrnoException): OptionError {
  const isHost = error.code === "EADDRNOTAVAIL" || error.code === "ENOTFOUND";
  const [option, expected, given] = isHost
    ? ["host", "an address of this machine", host]
    : ["port", `a free port of ${host}`, port];
  const why = error.code === "EADDRINUSE" ? "it is in use" : error.message;
  return new OptionError(
    option as string,
    `invalid value for option "${option}": expected ${expected}, got: ${given} (${why})`,
    { cause: error },
  );
}
