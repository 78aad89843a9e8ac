import type { RedisNodeConnection } from "../pubsub/redis-client.js";
import { textOf } from "./redis-replies.js";

/** What the settings of the servers mean for a journal. @internal */
export async function healthProblems(
  servers: readonly RedisNodeConnection[],
): Promise<readonly { readonly problem: string }[]> {
  const found = await Promise.all(servers.map((server) => problemsOf(server)));
  return [...new Set(found.flat())].map((problem) => ({ problem }));
}

async function problemsOf(server: RedisNodeConnection): Promise<string[]> {
  const [policy, appendOnly, save] = await Promise.all([
    setting(server, "maxmemory-policy", "memory", "maxmemory_policy"),
    setting(server, "appendonly", "persistence", "aof_enabled"),
    setting(server, "save"),
  ]);
  const problems: string[] = [];
  if (policy?.startsWith("allkeys-") === true)
    problems.push(
      `the server may evict the journal when its memory is full (maxmemory-policy ${policy}): set noeviction, or a volatile-* policy`,
    );
  if ((appendOnly === "no" || appendOnly === "0") && save === "")
    problems.push(
      `the server persists nothing (appendonly no, save ""): a restart loses the journal; set appendonly yes`,
    );
  return problems;
}

/** A setting, of which INFO may report what CONFIG is not permitted to; undefined: not known. */
async function setting(
  server: RedisNodeConnection,
  name: string,
  section?: string,
  field?: string,
): Promise<string | undefined> {
  try {
    const reply = await server.sendCommand(["CONFIG", "GET", name]);
    if (Array.isArray(reply) && reply.length > 1) return textOf(reply[1]);
  } catch {
    // Many services do not permit it.
  }
  if (section === undefined) return undefined;
  try {
    const info = textOf(await server.sendCommand(["INFO", section]));
    return new RegExp(`^${field}:(.*?)\\r?$`, "m").exec(info)?.[1];
  } catch {
    return undefined;
  }
}
