import { sharedStoreOf } from "../cache/cache-handle.js";
import type { AsyncCache, Cache } from "../cache/types.js";
import { nodeTimeOf } from "../clock.js";
import type { StreamReplicator } from "../cluster/stream-replicator.js";
import { OptionError } from "../errors.js";
import type { EventType } from "../event/types.js";
import type { WorkerOptions } from "../handler/delivery.js";
import { eventsOption } from "../handler/handler-pool.js";
import { partitionWorkers, poolSchema, poolSpec } from "../handler/pool.js";
import { maskOf } from "../log/event-mask.js";
import { type Milliseconds, oneOf, option, readOptions, type SchemaOf } from "../options.js";
import type { Stream } from "../stream/stream.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { removeSource } from "../telemetry/metrics.js";
import { observe } from "../telemetry/open-telemetry.js";
import { warnOfError } from "../telemetry/warnings.js";
import { Bypass } from "./bypass.js";
import { type EventScope, Invalidation } from "./invalidation.js";
import { RecentWrites } from "./recent-writes.js";

/** Options of {@link invalidator}. */
export interface InvalidatorOptions<K = unknown, V = unknown> {
  /** The cache, or one of its instances. */
  cache: Cache<K, V> | AsyncCache<K, V>;
  /** The instance's name. Default: that of `cache`. */
  name?: string;
  /**
   * Its id among its siblings, and the name of its group in the stream. Default
   * `<instance>:invalidator`.
   */
  id?: string;
  /**
   * The nodes whose events invalidate: the others (`"remote"`, the default), this one (`"local"`),
   * or all.
   */
  eventScope?: EventScope;
  /**
   * The types of event that invalidate; at least one. Default `["inserted", "updated", "deleted"]`:
   * an expiry or eviction elsewhere does not make an entry here invalid.
   */
  events?: readonly EventType[];
  /**
   * What happens to the entries while this node is cut off from the broker. `"keep"`, the default:
   * they can be read and filled. `"bypass"`: from one heartbeat after the last contact with the
   * broker on, reads of this instance miss and fills store nothing, until the broker is back and
   * all partitions have been cleared. Not with `eventScope: "local"`.
   */
  whileDisconnected?: "keep" | "bypass";
  /**
   * Restarts of its workers within `maxSeconds` before it gives up. Default: it never does, and
   * restarts with growing pauses.
   */
  maxRestarts?: number;
  /** Seconds in which `maxRestarts` are allowed; needs that option. Default 5. */
  maxSeconds?: number;
  /**
   * How long each worker may take to finish what is in its log when it is stopped, in milliseconds.
   * Default 5000.
   */
  shutdown?: Milliseconds;
}

const schema = {
  ...poolSchema,
  eventScope: option((name, value) => oneOf(name, value, ["remote", "local", "all"]), "remote"),
  events: option(eventsOption, maskOf(["inserted", "updated", "deleted"])),
  whileDisconnected: option((name, value, { eventScope }: { eventScope: EventScope }) => {
    const action = oneOf(name, value, ["keep", "bypass"]);
    if (action === "keep" || eventScope !== "local") return action;
    throw OptionError.invalid(name, '"keep" with eventScope "local"', action);
  }, "keep"),
} satisfies SchemaOf<InvalidatorOptions>;

/**
 * The groups that have listened to other nodes since a replicator was made: each change since then
 * has been an event or a gap.
 */
const listened = new WeakMap<StreamReplicator, Set<string>>();

/**
 * A child spec of an invalidator: it deletes from this node's instance the entries that were
 * changed elsewhere. A `one_for_one` supervisor with one worker a partition; put it behind the
 * stream server in a `rest_for_one` supervisor's children list. Its start fails with
 * {@link StreamNotFoundError} when there is no stream server.
 *
 * - Fills (copies of the source of truth: `getOrStore`, `fetchOrStore`, `put` with `fill: true`)
 *   invalidate nothing: nodes that read one key don't evict each other. Neither do `touch` and
 *   `expire`, which change no value.
 * - The events of its deletions have `metadata.invalidation`. They stay on this node, and
 *   invalidators ignore them.
 * - A fetch under way (`fetchOrStore`) for a key that it invalidates is not stored, whether the key
 *   is there or not.
 * - An entry that was written here (and not filled) after the event is kept, where that is certain
 *   by the two nodes' clocks and the delays of their messages; otherwise it goes.
 * - A gap deletes all entries of its partition. The start deletes all entries that the cache holds
 *   when the invalidator begins to listen, and the first message of another node that had written
 *   before deletes those of its partition: an event of that node may have been lost until then.
 * - A deletion that fails in the store is retried with growing pauses, and from the fourth attempt
 *   on as a deletion of the whole partition. Its partition waits meanwhile.
 *
 * A `delete` of a missing key is no event and reaches no other node. When the source of truth has
 * changed, use `invalidate` or `put`.
 *
 * On a stream without a pubsub or a journal, whose events are all this node's own, `"remote"` invalidates
 * nothing: a `NebulexWarning` says so.
 *
 * @throws {@link OptionError}
 */
export function invalidator<K, V>(options: InvalidatorOptions<K, V>): ChildSpec {
  const resolved = readOptions("invalidator", schema, options);
  if (sharedStoreOf(resolved.cache) !== undefined)
    throw OptionError.invalid(
      "cache",
      "a cache whose entries are this process's own: in a shared store nothing is stale",
      options.cache,
    );
  const { eventScope, events, whileDisconnected, shutdown } = resolved;
  return poolSpec(resolved, "invalidator", (stream, id) => {
    if (eventScope === "remote" && !stream.hasOtherNodes)
      warnOfError(
        `invalidator ${id}`,
        `the stream ${stream.slot.name} has neither a pubsub nor a journal, so that no event of another node ever comes: give its streamServer one`,
      );
    const writes = new RecentWrites(stream.slot, nodeTimeOf(stream.system.clock));
    const bypass = whileDisconnected === "bypass" ? new Bypass(stream, id) : undefined;
    const invalidation = new Invalidation(stream, eventScope, writes, bypass);
    observe(invalidation);
    const found = { replicaFound: (index: number) => void clear(stream, id, invalidation, index) };
    if (eventScope !== "local") stream.replicaWatchers.add(found);
    return {
      children: partitionWorkers(id, stream, workerOptions(id, events, invalidation), shutdown),
      begin: async () => {
        if (eventScope !== "local") await beginListening(stream, id, invalidation);
      },
      close: () => {
        removeSource(invalidation);
        stream.replicaWatchers.delete(found);
        bypass?.close();
        writes.close();
      },
    };
  });
}

function workerOptions(group: string, mask: number, invalidation: Invalidation): WorkerOptions {
  return {
    group,
    mask,
    makeHandler: () => invalidation,
    // An invalidation that is given up would leave an entry that may be wrong.
    onError: "resume",
    maxAttempts: Infinity,
    backoffInitial: 100,
    backoffMax: 5000,
    onDeadLetter: undefined,
    coalesces: false,
    concurrency: 1,
    onMessage: (message, partition) => invalidation.stray(message, partition),
  };
}

/** Deletes the entries from before this group listened: changes to them were not reported to it. */
async function beginListening(
  stream: Stream,
  group: string,
  invalidation: Invalidation,
): Promise<void> {
  const { replicator } = stream;
  if (replicator === undefined) return;
  const groups = listened.get(replicator) ?? new Set();
  listened.set(replicator, groups);
  if (groups.has(group)) return;
  groups.add(group);
  await clear(stream, group, invalidation);
}

/** Deletes the entries of a partition, or all of them, though no event says that they changed. */
async function clear(
  stream: Stream,
  group: string,
  invalidation: Invalidation,
  partition?: number,
): Promise<void> {
  try {
    await invalidation.deleteAll(partition);
  } catch {
    // The workers retry and report it, as with any gap.
    for (const { index } of stream.logs)
      if (partition === undefined || partition === index)
        stream.groups.find(group, index)?.reportUnknownLoss("transport");
  }
}
