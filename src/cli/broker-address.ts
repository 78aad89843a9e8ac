import { UsageError } from "./usage.js";

/** Where a broker is. @internal */
export interface BrokerAddress {
  readonly kind: "redis" | "nats";
  /** One for Redis, without credentials for NATS. */
  readonly urls: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  /** To be shown: without what is secret. */
  readonly shown: string;
  /** What must not be shown, in whatever a broker or a package says. */
  readonly secrets: readonly string[];
}

/** @throws UsageError that does not repeat a password @internal */
export function redisAddress(text: string): BrokerAddress {
  const { url, user, password, secrets } = parse("redis", text, ["redis:", "rediss:", "unix:"]);
  if (url.protocol !== "unix:") {
    requireHost("redis", url);
    if (!/^\/?\d*$/.test(url.pathname))
      throw new UsageError(
        `option --redis: expected a database number behind the host, got ${JSON.stringify(url.pathname)}`,
      );
  }
  const tls = url.protocol === "rediss:";
  return { kind: "redis", urls: [text], user, password, tls, shown: shownOf(url), secrets };
}

/** @param text one server, or several with commas between @throws UsageError that does not repeat a password @internal */
export function natsAddress(text: string): BrokerAddress {
  const servers = text
    .split(",")
    .map((part) => part.trim())
    .map((part) => (part.includes("://") || part === "" ? part : `nats://${part}`))
    .map((part) => parse("nats", part, ["nats:", "tls:"]));
  for (const { url } of servers) {
    requireHost("nats", url);
    if (!/^\/?$/.test(url.pathname))
      throw new UsageError(
        `option --nats: expected nothing behind the host, got ${JSON.stringify(url.pathname)}`,
      );
  }
  const named = servers.find(({ user, password }) => user !== undefined || password !== undefined);
  return {
    kind: "nats",
    urls: servers.map(({ url }) => url.host),
    user: named?.user,
    password: named?.password,
    tls: servers.some(({ url }) => url.protocol === "tls:"),
    shown: servers.map(({ url }) => shownOf(url)).join(","),
    secrets: servers.flatMap(({ secrets }) => secrets),
  };
}

/** Takes secrets out of a text. @internal */
export function withoutSecrets(text: string, { secrets }: Pick<BrokerAddress, "secrets">): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
}

interface Parsed {
  readonly url: URL;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly secrets: readonly string[];
}

function parse(option: string, text: string, protocols: readonly string[]): Parsed {
  const expected = `expected a URL (${protocols.join(", ")})`;
  if (text === "") throw new UsageError(`option --${option}: ${expected}, got nothing`);
  // What has an @ may have a password in front of it, also where it is no URL.
  const shown = JSON.stringify(text.replace(/^(\w+:)?.*@/s, (_, scheme = "") => `${scheme}***@`));
  if (!URL.canParse(text)) throw new UsageError(`option --${option}: ${expected}, got ${shown}`);
  const url = new URL(text);
  if (!protocols.includes(url.protocol))
    throw new UsageError(`option --${option}: ${expected}, got ${shown}`);
  const user = decoded(option, "user", url.username);
  const password = decoded(option, "password", url.password);
  const isToken = option === "nats" && password === undefined;
  const secret = isToken ? [url.username, user] : [url.password, password];
  const secrets = secret.filter((word) => word !== undefined && word !== "") as string[];
  return { url, user, password, secrets };
}

function decoded(option: string, what: string, text: string): string | undefined {
  try {
    return text === "" ? undefined : decodeURIComponent(text);
  } catch {
    throw new UsageError(
      `option --${option}: expected a ${what} with "%" written as "%25" in the URL`,
    );
  }
}

function requireHost(option: string, url: URL): void {
  if (url.hostname === "")
    throw new UsageError(
      `option --${option}: expected a host in the URL, got ${JSON.stringify(shownOf(url))}`,
    );
}

function shownOf(url: URL): string {
  const path = url.pathname === "/" ? "" : url.pathname;
  return url.protocol === "unix:" ? `unix:${path}` : `${url.protocol}//${url.host}${path}`;
}
