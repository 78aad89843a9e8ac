import { OptionError } from "../errors.js";

/** The address and the credentials of a broker. @internal */
export interface BrokerAddress {
  readonly kind: "redis" | "nats";
  /** As they were given, with a scheme: what `redisPubSub` and `natsPubSub` take. One for Redis. */
  readonly urls: readonly string[];
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly tls: boolean;
  /** The address without credentials, for messages. */
  readonly shown: string;
  /** What must not appear in any message: decoded, as the URL class has it, and as it was given. */
  readonly secrets: readonly string[];
}

/** @internal */
export interface RedisAddress extends BrokerAddress {
  readonly socket: { host: string; port?: number } | { path: string };
  readonly database: number | undefined;
}

/** @internal */
export interface NatsAddress extends BrokerAddress {
  /** As `host` or `host:port`. */
  readonly servers: readonly string[];
}

/** @internal */
export interface SentinelAddress extends BrokerAddress {
  readonly nodes: readonly { readonly host: string; readonly port: number }[];
}

/** Makes the error for a wrong address; neither argument holds a secret. @internal */
export type Refuse = (expected: string, got: string) => Error;

/** The error of a factory's option. @internal */
export const refuseOption =
  (option: string): Refuse =>
  (expected, got) =>
    new OptionError(
      option,
      `invalid value for option "${option}": expected ${expected}, got: ${got}`,
    );

const redisSchemes = ["redis:", "rediss:", "unix:"];
const natsSchemes = ["nats:", "tls:"];
const sentinelSchemes = ["redis:", "rediss:"];
const sentinelPort = 26_379;

/**
 * Reads `redis://[user:password@]host[:port][/database]`, `rediss:` for TLS, or
 * `unix:///path[?db=database]`.
 *
 * @throws what `refuse` makes
 * @internal
 */
export function redisAddress(text: string, refuse: Refuse): RedisAddress {
  const parsed = parse(text, redisSchemes, refuse);
  const { url, user, password, secrets } = parsed;
  const isPath = url.protocol === "unix:";
  if (isPath && url.pathname.length < 2) throw refuse("a path in the URL", shownText(text));
  if (user !== undefined && password === undefined)
    throw refuse("a password with the user (any, for a user that needs none)", shownText(text));
  return {
    kind: "redis",
    urls: [text],
    user,
    password,
    tls: url.protocol === "rediss:",
    socket: isPath
      ? { path: decoded("path", url.pathname, refuse) as string }
      : { host: hostOf(url), ...(url.port === "" ? {} : { port: Number(url.port) }) },
    database: databaseOf(url, text, refuse),
    shown: isPath
      ? `unix:${url.pathname}`
      : `${shownServer(url)}${url.pathname.replace(/^\/$/, "")}`,
    secrets,
  };
}

/**
 * Reads the servers of one NATS cluster: each `[nats://|tls://][user:password@|token@]host[:port]`,
 * several with commas between. What one URL says about TLS and credentials counts for all of
 * them, since a connection may go to any.
 *
 * @throws what `refuse` makes
 * @internal
 */
export function natsAddress(text: string | readonly string[], refuse: Refuse): NatsAddress {
  const texts = typeof text === "string" ? [text] : text;
  const { servers, ...address } = serversAt(texts, natsSchemes, refuse);
  servers.forEach(({ url }, index) => {
    if (url.password !== "" && url.username === "")
      throw refuse("a user in front of the password", shownText(address.urls[index] as string));
  });
  return { kind: "nats", ...address, servers: servers.map(({ url }) => url.host) };
}

/**
 * Reads the Sentinels of one master: each `[redis://|rediss://][user:password@]host[:port]`, several
 * with commas between. What one URL says about TLS and credentials counts for all of them.
 *
 * @throws what `refuse` makes
 * @internal
 */
export function sentinelAddress(text: string, refuse: Refuse): SentinelAddress {
  const { servers, ...address } = serversAt([text], sentinelSchemes, refuse);
  if (address.user !== undefined && address.password === undefined)
    throw refuse("a password with the user", shownServers(servers));
  const nodes = servers.map(({ url }) => ({
    host: hostOf(url),
    port: url.port === "" ? sentinelPort : Number(url.port),
  }));
  return { kind: "redis", ...address, nodes };
}

function serversAt(texts: readonly string[], schemes: readonly string[], refuse: Refuse) {
  const prefixes = schemes.map((scheme) => `${scheme}//`);
  const parts = texts.flatMap((one) => one.split(",").map((part) => ({ part: part.trim(), one })));
  const urls = parts.map(({ part, one }) => {
    if (part.includes("://") || part === "") return part;
    // A password with a comma would be split, and its end taken for a server.
    if (part.includes("@"))
      throw refuse(`${prefixes.join(" or ")} before user and password`, shownText(one));
    return `${prefixes[0]}${part}`;
  });
  const servers = urls.map((url, index) =>
    parse(url, schemes, refuse, (parts[index] as { one: string }).one),
  );
  if (servers.some(({ url }) => !/^\/?$/.test(url.pathname) || url.search !== ""))
    throw refuse("nothing behind host and port", shownText(texts.join(",")));
  const named = servers.filter(({ user, password }) => (user ?? password) !== undefined);
  const [first] = named;
  if (named.some(({ user, password }) => user !== first?.user || password !== first?.password))
    throw refuse("the same user and password in all URLs", shownServers(servers));
  return {
    urls,
    servers,
    user: first?.user,
    password: first?.password,
    tls: servers.some(({ url }) => url.protocol === schemes[1]),
    shown: shownServers(servers),
    secrets: servers.flatMap(({ secrets }) => secrets),
  };
}

/** Masks the secrets in a text. @internal */
export function withoutSecrets(text: string, { secrets }: Pick<BrokerAddress, "secrets">): string {
  return secrets.reduce((rest, secret) => rest.replaceAll(secret, "***"), text);
}

/** What kind of value this is: it may hold a password, and is not shown itself. @internal */
export function shownKind(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (Array.isArray(value)) return value.length === 0 ? "[]" : "an array";
  if (typeof value === "string") return value === "" ? `""` : "a string";
  if (typeof value !== "object") return `a ${typeof value}`;
  const { name } = (Reflect.get(value, "constructor") ?? Object) as { name?: unknown };
  return typeof name === "string" && name !== "" && name !== "Object"
    ? `an object of class ${name}`
    : "an object";
}

interface Parsed {
  readonly url: URL;
  readonly user: string | undefined;
  readonly password: string | undefined;
  readonly secrets: readonly string[];
}

/** @param whole the text that `text` is a part of, for messages */
function parse(text: string, schemes: readonly string[], refuse: Refuse, whole = text): Parsed {
  const expected = `a URL (${schemes.join(", ")})`;
  if (text === "") throw refuse(expected, "nothing");
  // The URL class drops line breaks and tabs, and spaces at the ends: the password would be
  // another.
  if (/[\t\n\r]|^[\0- ]|[\0- ]$/.test(text))
    throw refuse("a URL without spaces at its ends, tabs and line breaks", shownText(whole));
  // The URL class accepts no credentials without a host.
  const full = text.replace(/^(unix:\/\/[^/@]*@)\//, "$1localhost/");
  if (!URL.canParse(full)) throw refuse(expected, shownText(whole));
  const url = new URL(full);
  if (!schemes.includes(url.protocol)) throw refuse(expected, shownText(whole));
  if (url.hash !== "") throw refuse(`a URL with "#" written as "%23"`, shownText(whole));
  if (url.protocol !== "unix:") requireHost(url, whole, refuse);
  const user = decoded("user", url.username, refuse);
  const password = decoded("password", url.password, refuse);
  // As in nats-server, a user without a password is a token.
  const isToken = schemes === natsSchemes && password === undefined;
  const written = /^\w+:\/\/([^/?#]*)@/.exec(text)?.[1] ?? "";
  const words = isToken
    ? [url.username, user, written.replace(/:$/, "")]
    : [url.password, password, written.replace(/^[^:]*:?/, "")];
  const secrets = [...new Set(words)].filter(
    (word): word is string => word !== undefined && word !== "",
  );
  return { url, user, password, secrets };
}

function decoded(what: string, text: string, refuse: Refuse): string | undefined {
  try {
    return text === "" ? undefined : decodeURIComponent(text);
  } catch {
    throw refuse(`a ${what} with "%" written as "%25" in the URL`, "a % that escapes nothing");
  }
}

function requireHost(url: URL, whole: string, refuse: Refuse): void {
  if (url.hostname === "") throw refuse("a host in the URL", shownText(whole));
  // For schemes it does not know, the URL class accepts almost anything as a host.
  if (url.hostname.includes(",") || !URL.canParse(`http://${url.hostname}`))
    throw refuse("one host in the URL", shownText(whole));
}

/** Without the brackets of an IPv6 address. */
function hostOf({ hostname }: URL): string {
  return new URL(`http://${hostname}`).hostname.replace(/^\[(.*)\]$/, "$1");
}

function databaseOf(url: URL, text: string, refuse: Refuse): number | undefined {
  const isPath = url.protocol === "unix:";
  const match = isPath
    ? /^(?:\?db=(\d{1,9}))?$/.exec(url.search)
    : /^\/?(\d{1,9})?$/.exec(url.pathname + url.search);
  if (match === null)
    throw refuse(
      isPath
        ? `"?db=" and a database number, or nothing, behind the path`
        : "a database number, or nothing, behind the host",
      shownText(text),
    );
  return match[1] === undefined ? undefined : Number(match[1]);
}

/**
 * A wrong URL, masked. If it has an "@", a password may stand before it, whatever the URL class
 * sees there; if it has none, it may have been cut off after the password.
 */
function shownText(text: string): string {
  const masked = text.replace(/^(\w+:\/\/)?.*@/s, (_, scheme = "") => `${scheme}***@`);
  const isHarmless = masked !== text || /^(?:\w+:\/*)?[\w.-]*(?::\d*)?(?:\/\w*)?$/.test(text);
  return isHarmless ? JSON.stringify(masked) : `${/^\w+:/.exec(text)?.[0] ?? ""}***`;
}

function shownServer(url: URL): string {
  return `${url.protocol}//${url.host}`;
}

function shownServers(servers: readonly Parsed[]): string {
  return servers.map(({ url }) => shownServer(url)).join(",");
}
