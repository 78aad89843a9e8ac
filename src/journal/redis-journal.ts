import { type Milliseconds, positiveMilliseconds } from "../options.js";
import type {
  RedisClientLike,
  RedisOptions,
  RedisRootNode,
  RedisSentinel,
} from "../pubsub/redis-client.js";
import { clusterAt, delayOf, isOfCluster, onlyOneOf, serverAt } from "../pubsub/redis-place.js";
import { createJournal } from "./create-journal.js";
import { commonJournalOptions } from "./journal-options.js";
import { clusterDial } from "./redis-cluster-link.js";
import { RedisEngine, type RedisEngineOptions } from "./redis-engine.js";
import { serverDial } from "./redis-server-link.js";
import type { Journal, JournalOptions, JournalWithPort } from "./types.js";

/**
 * Options of {@link redisJournal}: exactly one of `url`, `client`, `sentinel` and `rootNodes` is
 * given.
 */
export interface RedisJournalOptions extends JournalOptions {
  /**
   * Where the server is: `redis://[user:password@]host[:port][/database]`, `rediss:` for TLS, or
   * `unix:///path[?db=database]`. User and password are percent-encoded.
   */
  url?: string;
  /**
   * A client of node-redis: of `createClient`, `createCluster`, or from its version 6 on
   * `createSentinel`. It is copied: neither used nor closed, nor need it be connected.
   */
  client?: RedisClientLike;
  /**
   * The master that Sentinels watch. After a fail-over the journal connects to the new one; what
   * that has lost begins a new generation.
   */
  sentinel?: RedisSentinel;
  /**
   * Some nodes of a Redis Cluster, from which the others are discovered. TLS and credentials in
   * their URLs apply to all nodes. Each partition is in one slot.
   */
  rootNodes?: readonly RedisRootNode[];
  /**
   * Further options of the clients, e.g. TLS and credentials; not with `client` and `sentinel`,
   * which have their own. `RESP` is ignored. Of a `socket.reconnectStrategy` only the delays are
   * used: when it gives up, the journal reconnects all the same.
   */
  options?: RedisOptions;
  /**
   * Milliseconds after which an attempt to connect fails, and a silent server counts as lost.
   * Default 3000.
   */
  connectionTimeout?: Milliseconds;
}

const what = "redisJournal";
const names = ["url", "client", "sentinel", "rootNodes", "options", "connectionTimeout"] as const;

/**
 * A {@link Journal} on Redis Streams, by the package `redis` (node-redis): Redis 6.2 or later,
 * Valkey, or a Redis Cluster. The package is loaded when the journal first connects; where it is not
 * installed, the start fails and says so.
 *
 * Each journal has three connections: for commands, for a read that waits, for notifications; in a
 * cluster one to each node and one for notifications. When one is lost, new ones are made, after 25
 * to 50 ms at first and 1 to 2 s at most, for as long as it takes. Redis has to persist
 * (`appendonly yes`) and must not evict (`maxmemory-policy noeviction`).
 *
 * @throws {@link OptionError}
 */
export function redisJournal(options: RedisJournalOptions): Journal {
  const common = commonJournalOptions(what, options, names);
  const settings = resolveRedisJournal(options);
  const journal = createJournal((context) => new RedisEngine(context, settings), common);
  redisJournals.add(journal);
  return journal;
}

const redisJournals = new WeakSet<object>();

/** Whether a journal is one of {@link redisJournal}. @internal */
export function isRedisJournal(value: unknown): value is JournalWithPort {
  return typeof value === "object" && value !== null && redisJournals.has(value);
}

/** How to reach the server, the options checked. @internal */
export function resolveRedisJournal(options: RedisJournalOptions): RedisEngineOptions {
  const timeout = positiveMilliseconds("connectionTimeout", options.connectionTimeout ?? 3000);
  onlyOneOf(what, options, ["url", "client", "sentinel", "rootNodes"]);
  const user = { what, timeout, RESP: 2 } as const;
  const delay = delayOf(options);
  if (options.rootNodes !== undefined || isOfCluster(options.client)) {
    const make = clusterAt(options, user);
    return { timeout, delay, dial: (keys) => clusterDial(make, timeout, keys) };
  }
  const find = serverAt(options, user);
  return { timeout, delay, dial: (keys) => serverDial(find, timeout, keys) };
}
