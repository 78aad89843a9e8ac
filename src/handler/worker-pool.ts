import { availableParallelism } from "node:os";
import type { ResourceLimits } from "node:worker_threads";
import type { ActorRef } from "../actor/ref.js";
import { OptionError } from "../errors.js";
import type { CacheEntryEvent, Include } from "../event/types.js";
import {
  derivedOption,
  integer,
  knownOptions,
  type Milliseconds,
  option,
  positiveMilliseconds,
  readOptions,
  requiredOption,
  type Resolved,
  type SchemaOf,
} from "../options.js";
import type { Stream } from "../stream/stream.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { WorkerOptions } from "./delivery.js";
import type { EventHandler, HandlerContext } from "./event-handler.js";
import { type HandlerPoolOptions, handlingSchema, workerOptions } from "./handler-pool.js";
import { clusterRun } from "./cluster-run.js";
import { type PoolChild, type PoolRun, poolSpec } from "./pool.js";
import { findThreadMain } from "./threads/spawn-worker.js";
import { ThreadPartitionHandler } from "./threads/thread-partition-handler.js";
import { threadSpec, ThreadSlot } from "./threads/thread-slot.js";
import { workerSpec } from "./worker.js";

/**
 * The context of a handler in a thread. It has no ref of the worker, which is in the main thread.
 */
export type ThreadHandlerContext = Omit<HandlerContext, "self">;

/**
 * What the default export of a worker pool's module may be, beside a function `(event, ctx)` and
 * what `batchHandler` makes. Each partition has a state of its own. Events are copies: keys and
 * values have crossed to the thread by structured clone, and `metadata.origin` is null.
 */
export type ThreadHandler<State = unknown, K = unknown, V = unknown> = EventHandler<
  State,
  K,
  V,
  ThreadHandlerContext
>;

/** The same as a function: a handler without a state. */
export type ThreadHandlerFunction<K = unknown, V = unknown> = (
  event: CacheEntryEvent<K, V, ActorRef>,
  ctx: ThreadHandlerContext,
) => void | Promise<void>;

/**
 * Options of {@link workerPool}: those of a handler pool, with a module in place of the handler.
 */
export interface WorkerPoolOptions<
  K = unknown,
  V = unknown,
  I extends Include = never,
> extends Omit<HandlerPoolOptions<K, V, unknown, I>, "handler" | "concurrency"> {
  /**
   * Where the handler is: an absolute URL (`new URL("./handler.js", import.meta.url)`); its default
   * export is the handler.
   */
  module: URL | string;
  /**
   * Number of threads, over which the partitions are spread; no more than there are partitions.
   * Default: the machine's cores.
   */
  workers?: number;
  /**
   * How long one call of the handler, or a thread's start, may take before the thread is replaced,
   * in milliseconds. Default 30,000.
   */
  timeout?: Milliseconds;
  /** Events of one partition that are sent to its thread at once. Default 256. */
  batchSize?: number;
  /** Bounds on the memory of each thread, as in `worker_threads`. Default: Node's. */
  resourceLimits?: ResourceLimits;
}

const schema = {
  ...handlingSchema,
  module: requiredOption(moduleUrl),
  workers: derivedOption(
    (name, value) => integer(name, value, 1),
    () => availableParallelism(),
  ),
  timeout: option(positiveMilliseconds, 30_000),
  batchSize: option((name, value) => integer(name, value, 1), 256),
  resourceLimits: option(checkLimits),
} satisfies SchemaOf<WorkerPoolOptions>;

/**
 * A child spec of a pool whose handlers run in worker threads: for handlers that are busy with the
 * processor. Everything else is as in {@link handlerPool}: order in each partition, retries, dead
 * letters, groups, orderly stop. A thread whose handler throws (unless `onError` is `"resume"`), or
 * that exits, runs out of memory or hangs is replaced, and what it has not handled is given to the
 * next. An orderly stop does not wait for a thread that is being replaced: the events that its
 * partitions have not handled are reported as undelivered, and stay for the next worker of the
 * group. Its start fails with {@link WorkerThreadError} when the module can't be loaded.
 *
 * Its id is `<instance>:workers` by default; its children are the threads (`<id>:thread:<n>`) and
 * one worker a partition.
 *
 * @throws {@link OptionError} also where this package is part of a bundle, without the threads'
 * program
 */
export function workerPool<K, V, const I extends Include = never>(
  options: WorkerPoolOptions<K, V, I>,
): ChildSpec {
  const resolved = readOptions("workerPool", schema, options);
  if (findThreadMain() === undefined)
    throw new OptionError(
      "module",
      "workerPool can't start threads from a bundle: its file thread-main.js is not in it; leave nebulex-streams out of the bundle (esbuild: --external:nebulex-streams)",
    );
  return poolSpec(resolved, "workers", (stream, id) => runOf(stream, id, resolved));
}

function runOf(stream: Stream, id: string, settings: Resolved<typeof schema>): PoolRun {
  const { logs } = stream;
  const { module, timeout, resourceLimits, batchSize, shutdown } = settings;
  const count = Math.min(settings.workers, logs.length);
  const slots = Array.from({ length: count }, () => new ThreadSlot());
  const threads = slots.map((slot, thread) => {
    const own = logs.filter(({ index }) => index % count === thread);
    const partitions = own.map(({ source: { partition, partitions: all } }) => {
      return { partition, partitions: all };
    });
    const options = { module, partitions, timeout, resourceLimits };
    return {
      spec: threadSpec(`${id}:thread:${thread}`, slot, options, shutdown),
      partitions: own.map(({ index }) => index),
    };
  });
  const endsThread = settings.onError === "restart";
  const optionsOf = (index: number): WorkerOptions => {
    const slot = slots[index % count] as ThreadSlot;
    const partition = Math.floor(index / count);
    const makeHandler = (): EventHandler =>
      new ThreadPartitionHandler(partition, slot, batchSize, endsThread) as EventHandler;
    // A failure ends the thread; the worker in the main thread continues with the next thread.
    return {
      ...workerOptions(settings, id, { makeHandler, concurrency: 1 }),
      onError: "resume",
    };
  };
  if (settings.scope === "cluster") {
    const run = clusterRun(id, stream, settings, optionsOf);
    return { ...run, children: [...threads, ...run.children] };
  }
  const workers = logs.map(({ index }): PoolChild => ({
    spec: workerSpec(`${id}:${index}`, stream, index, optionsOf(index), shutdown),
    partitions: [index],
  }));
  return { children: [...threads, ...workers] };
}

function checkLimits(option: string, limits: unknown): ResourceLimits {
  if (typeof limits !== "object" || limits === null)
    throw OptionError.invalid(option, "an object, as for worker_threads", limits);
  knownOptions(option, limits, [
    "maxOldGenerationSizeMb",
    "maxYoungGenerationSizeMb",
    "codeRangeSizeMb",
    "stackSizeMb",
  ]);
  for (const [name, value] of Object.entries(limits))
    if (typeof value !== "number" || !(value > 0))
      throw OptionError.invalid(`${option}.${name}`, "a number > 0 (megabytes)", value);
  return limits;
}

function moduleUrl(option: string, module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string" && URL.canParse(module)) return module;
  throw OptionError.invalid(
    option,
    'an absolute URL, e.g. new URL("./handler.js", import.meta.url)',
    module,
  );
}
