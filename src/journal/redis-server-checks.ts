import { RefusedError, toError } from "../pubsub/broker-session.js";
import type { RedisNodeConnection } from "../pubsub/redis-client.js";
import type { RedisKeys } from "./redis-keys.js";
import { asCommandFailure, type RedisLink, runScript } from "./redis-link.js";
import { script } from "./redis-script.js";

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

/** Each command that a journal's scripts use, on a key that is not kept. */
const probeScript = script(
  "probe",
  `
local key = KEYS[1]
redis.call('DEL', key)
redis.call('HSET', key, 'a', '1')
redis.call('HSETNX', key, 'a', '1')
redis.call('HINCRBY', key, 'a', 1)
redis.call('HGET', key, 'a')
redis.call('HMGET', key, 'a')
redis.call('HGETALL', key)
redis.call('HEXISTS', key, 'a')
redis.call('HLEN', key)
redis.call('HDEL', key, 'a')
redis.call('ZADD', key, 1, 'a')
redis.call('ZSCORE', key, 'a')
redis.call('ZCARD', key)
redis.call('ZRANGE', key, 0, -1)
redis.call('ZREMRANGEBYSCORE', key, 0, 0)
redis.call('ZREM', key, 'a')
redis.call('XADD', key, '0-1', 'a', '1')
redis.call('XRANGE', key, '-', '+')
redis.call('XREVRANGE', key, '+', '-')
redis.call('XTRIM', key, 'MINID', '1')
redis.call('DEL', key)
redis.call('PUBLISH', key, '')
return now()
`,
);

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
  try {
    await runScript(link, probeScript, [key], []);
    const read = ["XREAD", "COUNT", "1", "STREAMS", key, "0-0"];
    await named("XREAD", link.send(key, read));
    await named(
      "SUBSCRIBE",
      link.subscribe(key, () => {}),
    );
    await named("UNSUBSCRIBE", link.unsubscribe(key));
  } catch (error) {
    if (error instanceof RefusedError)
      throw new RefusedError(
        error.cause,
        `a journal needs all commands on keys and channels that match ${JSON.stringify(pattern)}: ${error.message}`,
      );
    // A server that is full, or can't persist, or has been demoted: the calls will fail one by one,
    // until it is not.
    if (/^(?:OOM|MISCONF|NOREPLICAS)/.test(toError(error).message)) return;
    throw error;
  }
}

async function named(command: string, reply: Promise<unknown>): Promise<void> {
  try {
    await reply;
  } catch (error) {
    throw asCommandFailure(error, command);
  }
}
