import { OptionError } from "../errors.js";
import { integer, knownOptions, nonEmptyString } from "../options.js";
import { refuseOption, shownKind } from "./broker-address.js";
import type { RedisClientLike, RedisNode, RedisSentinel } from "./redis-client.js";

const names = [
  "name",
  "sentinelRootNodes",
  "nodeClientOptions",
  "sentinelClientOptions",
  "nodeAddressMap",
  "RESP",
] as const satisfies readonly (keyof RedisSentinel)[];

/** @throws OptionError @internal */
export function checkSentinel(what: string, value: unknown): RedisSentinel {
  if (typeof value !== "object" || value === null)
    throw refuseOption("sentinel")("an object (what createSentinel takes)", shownKind(value));
  knownOptions(`sentinel of ${what}`, value, names);
  const { name, sentinelRootNodes, nodeAddressMap } = value as Partial<RedisSentinel>;
  nonEmptyString("sentinel.name", name);
  checkNodes(sentinelRootNodes);
  for (const option of ["nodeClientOptions", "sentinelClientOptions"] as const)
    checkClientOptions(option, (value as Partial<RedisSentinel>)[option]);
  if (nodeAddressMap !== undefined && typeof nodeAddressMap !== "function")
    if (typeof nodeAddressMap !== "object" || nodeAddressMap === null)
      throw refuseOption("nodeAddressMap")("an object or a function", shownKind(nodeAddressMap));
  return value as RedisSentinel;
}

function checkNodes(value: unknown): void {
  if (!Array.isArray(value) || value.length === 0)
    throw refuseOption("sentinelRootNodes")("a non-empty array of nodes", shownKind(value));
  for (const node of value as Partial<RedisNode>[]) {
    if (typeof node !== "object" || node === null)
      throw refuseOption("sentinelRootNodes")("nodes with a host and a port", shownKind(node));
    nonEmptyString("sentinelRootNodes.host", node.host);
    integer("sentinelRootNodes.port", node.port, 1, 65_535);
  }
}

function checkClientOptions(option: string, value: unknown): void {
  if (value === undefined) return;
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw refuseOption(option)("an object (the options of createClient)", shownKind(value));
  for (const name of ["url", "disableOfflineQueue"])
    if (name in value) throw new OptionError(name, `"${option}" can't have "${name}"`);
}

/** Whether it is what `createSentinel` makes. @internal */
export function isOfSentinel(client: unknown): client is RedisClientLike {
  return (
    typeof client === "object" &&
    client !== null &&
    typeof Reflect.get(client, "getSentinelNode") === "function"
  );
}

/** What a client of `createSentinel` was made with. @throws OptionError @internal */
export function sentinelOf(what: string, client: RedisClientLike): RedisSentinel {
  const given = givenTo(client);
  if (given === undefined)
    throw new OptionError(
      "client",
      `this version of node-redis can't copy a client of createSentinel: give what it was made with as "sentinel"`,
    );
  const known = Object.entries(given).filter(
    ([name, value]) => (names as readonly string[]).includes(name) && value !== undefined,
  );
  return checkSentinel(what, Object.fromEntries(known));
}

/**
 * A client keeps its options to itself, and hands them to the constructor of its copies: here to
 * that of a stand-in.
 */
function givenTo(client: RedisClientLike): object | undefined {
  let given: unknown;
  const constructor = function (options: unknown): void {
    given = options;
  };
  const standIn: unknown = Object.create(
    Object.create(client, { constructor: { value: constructor } }) as object,
  );
  try {
    Reflect.apply(client.duplicate, standIn, []);
  } catch {
    return undefined;
  }
  return typeof given === "object" && given !== null && "sentinelRootNodes" in given
    ? given
    : undefined;
}
