import { randomBytes } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Milliseconds } from "../options.js";
import { monotonicNow } from "../timers.js";
import { isSameSecret } from "./guard.js";

/** How long a login lasts. */
const lifetime: Milliseconds = 12 * 3_600_000;
/** Logins at a time; beyond, the oldest is over. */
const maxSessions = 100;
/** Characters of a name, at most. */
const maxName = 100;
const cookieName = "nebulex-inspector";

/** Who makes a request. @internal */
export interface Viewer {
  /** For the timeline: the name given at the login, or the address. */
  readonly name: string;
  /** Whether there was a login, or a token came with the request. */
  readonly trusted: boolean;
  /** Whether the browser sends what it is trusted for by itself, whoever has made the request. */
  readonly byCookie: boolean;
  /** Whether the login is over. */
  readonly over: boolean;
}

interface Session extends Viewer {
  readonly ends: Milliseconds;
  over: boolean;
}

/** Who may see the page, and who has logged in. @internal */
export class Sessions {
  readonly #token: string | undefined;
  /** By what is in the cookie, oldest first. */
  readonly #sessions = new Map<string, Session>();

  constructor(token: string | undefined) {
    this.#token = token;
  }

  /** Who makes a request; undefined: nobody that may. */
  viewerOf(request: IncomingMessage): Viewer | undefined {
    const name = request.socket.remoteAddress ?? "unknown address";
    if (this.#token === undefined) return { name, trusted: false, byCookie: false, over: false };
    const bearer = /^Bearer (?<token>.+)$/i.exec(request.headers.authorization ?? "");
    if (bearer !== null) {
      const given = bearer.groups?.["token"] ?? "";
      if (!isSameSecret(given, this.#token)) return undefined;
      return { name, trusted: true, byCookie: false, over: false };
    }
    return this.#sessionOf(request);
  }

  /** Begins a session; returns its cookie, or undefined for a wrong token. */
  login(request: IncomingMessage, token: string, name: string): string | undefined {
    if (this.#token === undefined || !isSameSecret(token, this.#token)) return undefined;
    const id = randomBytes(32).toString("base64url");
    const address = request.socket.remoteAddress ?? "unknown address";
    const given = printable(name).slice(0, maxName);
    this.#sessions.set(id, {
      name: given === "" ? address : given,
      trusted: true,
      byCookie: true,
      ends: monotonicNow() + lifetime,
      over: false,
    });
    for (const oldest of this.#sessions.keys()) {
      if (this.#sessions.size <= maxSessions) break;
      this.#end(oldest);
    }
    return cookie(id, lifetime);
  }

  /** Ends the session of a request; returns a cookie that replaces its own. */
  logout(request: IncomingMessage): string {
    this.#end(cookieOf(request) ?? "");
    return cookie("", 0);
  }

  #sessionOf(request: IncomingMessage): Session | undefined {
    const id = cookieOf(request);
    if (id === undefined) return undefined;
    const session = this.#sessions.get(id);
    if (session === undefined || monotonicNow() < session.ends) return session;
    this.#end(id);
    return undefined;
  }

  #end(id: string): void {
    const session = this.#sessions.get(id);
    if (session !== undefined) session.over = true;
    this.#sessions.delete(id);
  }
}

function cookieOf({ headers }: IncomingMessage): string | undefined {
  for (const part of (headers.cookie ?? "").split(";")) {
    const [name = "", value] = part.split("=", 2);
    if (name.trim() === cookieName) return value?.trim();
  }
  return undefined;
}

function cookie(value: string, age: Milliseconds): string {
  return `${cookieName}=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=${age / 1000}`;
}

/** Without control characters, which could forge lines of a log. */
function printable(name: string): string {
  return name.replaceAll(/\p{C}/gu, " ").trim();
}
