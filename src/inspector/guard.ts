import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";
import { isIP } from "node:net";

/** Whether a host is this machine only. @internal */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase();
  return name === "localhost" || name === "::1" || /^(?:::ffff:)?127\.\d+\.\d+\.\d+$/.test(name);
}

/** What of a request is checked. */
interface Checked {
  readonly method?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

/**
 * Tells requests of the own page from those that the page of another site has a browser make. Names
 * that an attacker can point to this machine are refused (DNS rebinding), and so is what another
 * origin asks for (CSRF).
 *
 * @internal
 */
export class Guard {
  readonly #allows: (host: string) => boolean;

  /**
   * @param host that the server listens on
   * @param names under which it is reached besides, e.g. through a proxy
   */
  constructor(host: string, names: readonly string[]) {
    const known = new Set([host, ...names].map((name) => name.toLowerCase()));
    // An address can't be pointed elsewhere. Beyond loopback, the machine may have any of them.
    const isOwn = isLoopback(host) ? isLoopback : (name: string) => isIP(name) > 0;
    this.#allows = (name) => known.has(name) || isLoopback(name) || isOwn(name);
  }

  /** Why a request is refused; undefined: it is not. */
  refusal({ method, headers }: Checked): string | undefined {
    const { host = "", origin } = headers;
    const name = nameOf(host);
    if (name === undefined || !this.#allows(name)) return `host ${shown(host)} is not allowed`;
    if (origin !== undefined && hostOf(origin) !== host.toLowerCase())
      return `origin ${shown(origin)} is not that of this page`;
    const site = headers["sec-fetch-site"];
    if (site === undefined || site === "same-origin" || site === "none") return undefined;
    // A link on another site may lead here.
    if (isGet(method) && headers["sec-fetch-mode"] === "navigate" && isDocument(headers))
      return undefined;
    return "a request by another site";
  }
}

/** Whether a request says that it comes from the own page. @internal */
export function namesOwnOrigin({ headers }: Checked): boolean {
  return headers.origin !== undefined && hostOf(headers.origin) === headers.host?.toLowerCase();
}

/** Compares in a time that does not depend on where they differ. @internal */
export function isSameSecret(given: string, secret: string): boolean {
  return timingSafeEqual(digest(given), digest(secret));
}

function digest(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isGet(method: string | undefined): boolean {
  return method === "GET" || method === "HEAD";
}

function isDocument(headers: IncomingHttpHeaders): boolean {
  return headers["sec-fetch-dest"] === "document";
}

/** The name or address in a Host header, in lower case. */
function nameOf(host: string): string | undefined {
  const match = /^(?:\[(?<v6>[\da-f:.]+)\]|(?<name>[\w.-]+))(?::\d{1,5})?$/i.exec(host);
  return (match?.groups?.["v6"] ?? match?.groups?.["name"])?.toLowerCase();
}

/** Host and port of an origin, as in a Host header; undefined: it has none. */
function hostOf(origin: string): string | undefined {
  return /^https?:\/\/(?<host>[^/]+)$/i.exec(origin)?.groups?.["host"]?.toLowerCase();
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
