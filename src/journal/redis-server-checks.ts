import { RefusedError, toError } from "../pubsub/broker-session.js";
import type { RedisNodeConnection } from "../pubsub/redis-client.js";
import type { RedisKeys } from "./redis-keys.js";
import { asCommandFailure, type RedisLink, runScript } from "./redis-link.js";
import { type RedisScript, script } from "./redis-script.js";

/** The server is of a kind that is reached in another way. @internal */
export class WrongServerError extends RefusedError {
  readonly mode: "cluster" | "sentinel";

  constructor(mode: "cluster" | "sentinel", message: string) {
    super(undefined, message);
    this.mode = mode;
  }
}

/**
 * Fails where the server is too old, or is of another kind.
 *
 * @throws (as a rejection) RefusedError
 * @internal
 */
export async function checkServer(
  server: RedisNodeConnection,
  expected: "standalone" | "cluster",
): Promise<void> {
  const facts = new Map<string, string>();
  try {
    const reply = await server.sendCommand(["HELLO"]);
    if (Array.isArray(reply))
      for (let index = 0; index + 1 < reply.length; index += 2)
        facts.set(String(reply[index]), String(reply[index + 1]));
  } catch (error) {
    if (/unknown command/i.test(toError(error).message))
      throw new RefusedError(error, "the server is older than Redis 6.2, which a journal needs");
    // What it does not tell is found out by its answers to other commands.
    return;
  }
  const [major = 0, minor = 0] = (facts.get("version") ?? "6.2").split(".").map(Number);
  if (major < 6 || (major === 6 && minor < 2))
    throw new RefusedError(
      undefined,
      `the server is Redis ${facts.get("version")}; a journal needs 6.2 or later`,
    );
  const mode = facts.get("mode");
  if (expected === "standalone" && mode === "cluster")
    throw new WrongServerError(
      "cluster",
      `the server is a node of a Redis Cluster: give "rootNodes", or a "client" of createCluster`,
    );
  if (expected === "standalone" && mode === "sentinel")
    throw new WrongServerError("sentinel", `the server is a Sentinel: give "sentinel"`);
}

/**
 * KEYS: keys that are not kept; commands are tried on the first. Returns nothing, or the command that
 * the server refuses, and its error.
 *
 * @param commands as Lua has their arguments, each after its name; `KEYS[1]` is `key`
 * @internal
 */
export function probeScript(name: string, commands: readonly string[]): RedisScript {
  return script(
    name,
    `
local key = KEYS[1]
local command, failure
local function try(name, ...)
  if failure then return end
  local reply = redis.pcall(name, ...)
  if type(reply) == 'table' and reply.err then command, failure = name, reply.err end
end
try('TIME')
try('DEL', key)
${commands.map((args) => `try(${args})`).join("\n")}
redis.pcall('DEL', key)
return failure and {command, failure} or false
`,
  );
}

/** Each command that a journal's scripts use. */
const journalProbe = probeScript("probe", [
  "'HSET', key, 'a', '1'",
  "'HSETNX', key, 'a', '1'",
  "'HINCRBY', key, 'a', 1",
  "'HGET', key, 'a'",
  "'HMGET', key, 'a'",
  "'HGETALL', key",
  "'HEXISTS', key, 'a'",
  "'HLEN', key",
  "'HDEL', key, 'a'",
  "'ZADD', key, 1, 'a'",
  "'ZSCORE', key, 'a'",
  "'ZCARD', key",
  "'ZRANGE', key, 0, -1",
  "'ZREMRANGEBYSCORE', key, 0, 0",
  "'ZREM', key, 'a'",
  "'XADD', key, '0-1', 'a', '1'",
  "'XRANGE', key, '-', '+'",
  "'XREVRANGE', key, '+', '-'",
  "'XTRIM', key, 'MINID', '1'",
  "'PUBLISH', key, ''",
]);

/**
 * Tries each command, so that a permission that is missing shows at the start.
 *
 * @throws (as a rejection) RefusedError that names the command, and the pattern
 * @internal
 */
export async function checkPermissions(
  link: RedisLink,
  { probe: key, pattern }: RedisKeys,
): Promise<void> {
  await checkRights("a journal needs all commands on keys and channels", pattern, async () => {
    await runProbe(link, journalProbe, [key]);
    const read = ["XREAD", "COUNT", "1", "STREAMS", key, "0-0"];
    await named("XREAD", link.send(key, read));
    await named(
      "SUBSCRIBE",
      link.subscribe(key, () => {}),
    );
    await named("UNSUBSCRIBE", link.unsubscribe(key));
  });
}

/**
 * @param needs what is needed on what matches `pattern`
 * @throws (as a rejection) RefusedError that says so, where `check` rejects with one
 * @internal
 */
export async function checkRights(
  needs: string,
  pattern: string,
  check: () => Promise<void>,
): Promise<void> {
  try {
    await check();
  } catch (error) {
    if (error instanceof RefusedError)
      throw new RefusedError(
        error.cause,
        `${needs} that match ${JSON.stringify(pattern)}: ${error.message}`,
      );
    // A server that is full, or can't persist, or has been demoted: the calls will fail one by one,
    // until it is not.
    if (/^-?(?:OOM|MISCONF|NOREPLICAS)/.test(toError(error).message)) return;
    throw error;
  }
}

/** @throws (as a rejection) RefusedError that names the command @internal */
export async function runProbe(
  link: RedisLink,
  probe: RedisScript,
  keys: readonly string[],
): Promise<void> {
  const reply = await runScript(link, probe, keys, []);
  if (!Array.isArray(reply)) return;
  const [command, failure] = reply as unknown[];
  throw asCommandFailure(new Error(String(failure)), String(command));
}

async function named(command: string, reply: Promise<unknown>): Promise<void> {
  try {
    await reply;
  } catch (error) {
    throw asCommandFailure(error, command);
  }
}
