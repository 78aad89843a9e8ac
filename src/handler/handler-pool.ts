import type { AsyncCache, Cache } from "../cache/types.js";
import { OptionError } from "../errors.js";
import type { ActorRef } from "../actor/ref.js";
import { type EventIncluding, type EventType, eventTypes, type Include } from "../event/types.js";
import { allTypes, maskOf } from "../log/event-mask.js";
import {
  callable,
  derivedOption,
  integer,
  type Milliseconds,
  milliseconds,
  nonEmptyString,
  oneOf,
  option,
  readOptions,
  requiredOption,
  type Resolved,
  type SchemaOf,
  subsetOf,
} from "../options.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { WorkerOptions } from "./delivery.js";
import {
  type BatchHandlerOptions,
  batchTraitsOf,
  type EventHandler,
  type HandlerContext,
  type HandlerFunction,
  type OnDeadLetter,
  resolveHandler,
} from "./event-handler.js";
import { clusterRun } from "./cluster-run.js";
import { partitionWorkers, poolSchema, poolSpec } from "./pool.js";

/** Options of {@link handlerPool}. */
export interface HandlerPoolOptions<
  K = unknown,
  V = unknown,
  State = unknown,
  I extends Include = never,
> {
  /** The cache, or one of its instances. */
  cache: Cache<K, V> | AsyncCache<K, V>;
  /** The instance's name. Default: that of `cache`. */
  name?: string;
  /** The pool's id among its siblings. Default `<instance>:handlers`. */
  id?: string;
  /** The name of the pool's position in the stream, which outlives the pool. Default: its id. */
  group?: string;
  /**
   * `"node"`, the default: this pool handles all events of the stream, as the pools of other nodes
   * do. `"cluster"`: the pools of this group on all nodes share the partitions, and each event is
   * handled by one of them, in the order of the journal. That takes a stream with a journal.
   */
  scope?: "node" | "cluster";
  /**
   * With `scope: "cluster"`: where the group begins when no pool of it has ever run, at the next
   * event (`"latest"`, the default) or the oldest that the journal has.
   */
  from?: "latest" | "earliest";
  /**
   * With `scope: "cluster"`: how long a partition stays with a node that says nothing, in
   * milliseconds, at least 100. Default 5000. A node that has died is replaced within this and a
   * second.
   */
  leaseTime?: Milliseconds;
  /**
   * Number of partitions: the stream's, which is the default. A pool on a stream with another
   * number fails its start.
   */
  partitions?: number;
  /** The types of event; at least one. Default: all five. */
  events?: readonly EventType[];
  /**
   * The values that the handler needs, so that their types are known to be defined. The pool's
   * start fails if the `include` of the stream server lacks one; all nodes must include the same.
   * Default: none.
   */
  include?: readonly I[];
  /**
   * Handles the events: a function, an object with a state for each worker, or, with `maxSize` and
   * `maxWait`, one that handles them in batches.
   */
  handler:
    | EventHandler<State, NoInfer<K>, NoInfer<V>, HandlerContext, EventOf<K, V, I>>
    | HandlerFunction<NoInfer<K>, NoInfer<V>, EventOf<K, V, I>>
    | BatchHandlerOptions<NoInfer<K>, NoInfer<V>, EventOf<K, V, I>>;
  /**
   * Whether a throw ends the worker's incarnation (`"restart"`, the default) or not (`"resume"`).
   */
  onError?: "restart" | "resume";
  /** Attempts at an event before it is given up: an integer above 0. Default 1. */
  maxAttempts?: number;
  /**
   * Milliseconds before the second attempt at an event; doubled before each further one. Default 0.
   */
  backoffInitial?: Milliseconds;
  /** Milliseconds between two attempts at the most. Default 30,000. */
  backoffMax?: Milliseconds;
  /**
   * Called with each event that is given up. Default: none; the event is reported in the
   * diagnostics channels, or as a warning.
   */
  onDeadLetter?: OnDeadLetter<NoInfer<K>, NoInfer<V>, EventOf<K, V, I>>;
  /**
   * What is dropped when the pool is behind by more than the stream's capacity: the oldest events
   * (`"gap"`, the default), or all but the newest of each key (`"coalesce"`; not with `scope:
   * "cluster"`, where the journal keeps what is not handled).
   */
  overflow?: "gap" | "coalesce";
  /** Events of one partition, of different keys, that are handled at once. Default 1. */
  concurrency?: number;
  /**
   * Restarts of its workers within `maxSeconds` before the pool gives up. Default: it never does,
   * and restarts with growing pauses.
   */
  maxRestarts?: number;
  /** Seconds in which `maxRestarts` are allowed; needs that option. Default 5. */
  maxSeconds?: number;
  /**
   * How long each worker may take to finish what is in its log when it is stopped, in milliseconds;
   * with `scope: "cluster"`, what it has in hand: the next owner does the rest. Default 5000.
   */
  shutdown?: Milliseconds;
}

/** The events of a pool; neither key nor value is inferred from its handler. */
type EventOf<K, V, I extends Include> = EventIncluding<
  NoInfer<K>,
  NoInfer<V>,
  NoInfer<I>,
  ActorRef
>;

/** The types of event that a reader wants, as a mask. @internal */
export const eventsOption = (name: string, value: unknown): number =>
  maskOf(subsetOf(name, value, eventTypes, 1));

/** The shortest lease, in milliseconds. */
const minLeaseTime: Milliseconds = 100;

type Scope = "node" | "cluster";

/** The options of the pools that call handlers of the user, but for the handler. @internal */
export const handlingSchema = {
  ...poolSchema,
  group: option(nonEmptyString),
  scope: option((name, value) => oneOf(name, value, ["node", "cluster"]), "node"),
  from: option((name, value, { scope }: { scope: Scope }) => {
    if (scope === "cluster") return oneOf(name, value, ["latest", "earliest"]);
    throw OptionError.invalid(name, 'undefined without scope: "cluster"', value);
  }, "latest"),
  leaseTime: option((name, value, { scope }: { scope: Scope }) => {
    if (scope === "cluster") return milliseconds(name, value, minLeaseTime);
    throw OptionError.invalid(name, 'undefined without scope: "cluster"', value);
  }, 5000),
  partitions: option((name, value) => integer(name, value, 1)),
  events: option(eventsOption, allTypes),
  include: option((name, value) => subsetOf(name, value, ["value", "previous"]), []),
  onError: option((name, value) => oneOf(name, value, ["restart", "resume"]), "restart"),
  maxAttempts: option((name, value) => integer(name, value, 1), 1),
  backoffInitial: option((name, value) => milliseconds(name, value), 0),
  backoffMax: derivedOption(
    (name, value, { backoffInitial }: { backoffInitial: Milliseconds }) =>
      milliseconds(name, value, backoffInitial),
    ({ backoffInitial }) => Math.max(30_000, backoffInitial),
  ),
  onDeadLetter: option((name, value) => callable(name, value as OnDeadLetter)),
  overflow: option((name, value, { scope }: { scope: Scope }) => {
    const overflow = oneOf(name, value, ["gap", "coalesce"]);
    if (overflow === "gap" || scope === "node") return overflow;
    throw OptionError.invalid(name, '"gap" with scope: "cluster"', overflow);
  }, "gap"),
};

const schema = {
  ...handlingSchema,
  handler: requiredOption((name, value) => resolveHandler(value, name)),
  concurrency: option((name, value, { handler }: { handler: EventHandler }) => {
    const concurrency = integer(name, value, 1);
    if (concurrency === 1 || batchTraitsOf(handler) === undefined) return concurrency;
    throw OptionError.invalid(name, "1 (a batch is handled on its own)", concurrency);
  }, 1),
} satisfies SchemaOf<HandlerPoolOptions>;

/** @internal */
export function workerOptions(
  { group, events, onError, overflow, ...options }: Resolved<typeof handlingSchema>,
  id: string,
  handling: Pick<WorkerOptions, "makeHandler" | "concurrency">,
): WorkerOptions {
  const { maxAttempts, backoffInitial, backoffMax, onDeadLetter } = options;
  return {
    ...handling,
    group: group ?? id,
    mask: events,
    onError,
    maxAttempts,
    backoffInitial,
    backoffMax,
    onDeadLetter,
    coalesces: overflow === "coalesce",
  };
}

/**
 * A child spec of a pool that handles a stream's events: a `one_for_one` supervisor with one worker
 * for each partition, each of which continues where the group's last one stopped. By default the
 * pool never gives up: a worker that fails repeatedly is restarted with growing pauses (none after
 * the first failure, then 10 ms, doubling to 1 s), until it has handled an event. Put it behind the
 * stream server in a `rest_for_one` supervisor's children list. Its start fails with
 * {@link StreamNotFoundError} when there is no stream server.
 *
 * With `scope: "cluster"` a worker runs as long as this node owns its partition, and the last child,
 * `<id>:member`, announces the node to the others. A batch has at most 64 events then: as many as
 * may be handled again by the next owner, if this node dies before it has committed them. The start
 * fails with {@link OptionError} (`scope`) where the stream has no journal, and with
 * {@link GroupBusyError} where the node has a pool of this group.
 *
 * @throws {@link OptionError}
 */
export function handlerPool<K, V, State = unknown, const I extends Include = never>(
  options: HandlerPoolOptions<K, V, State, I>,
): ChildSpec {
  const resolved = readOptions("handlerPool", schema, options);
  const { handler, concurrency, shutdown } = resolved;
  const handling = { makeHandler: () => handler, concurrency };
  return poolSpec(resolved, "handlers", (stream, id) => {
    const options = workerOptions(resolved, id, handling);
    return resolved.scope === "cluster"
      ? clusterRun(id, stream, resolved, () => options)
      : { children: partitionWorkers(id, stream, options, shutdown) };
  });
}
