import { availableParallelism } from "node:os";
import type { ResourceLimits } from "node:worker_threads";
import type { ActorRef } from "../actor/ref.js";
import { OptionError } from "../errors.js";
import type { CacheEntryEvent } from "../event/types.js";
import { integer, knownOptions, type Milliseconds, positiveMilliseconds } from "../options.js";
import type { Stream } from "../stream/stream.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { EventHandler, HandlerContext } from "./event-handler.js";
import { poolSpec } from "./handler-pool.js";
import {
  checkPoolOptions,
  type HandlerPoolOptions,
  poolOptionNames,
  resolveWorkerOptions,
  type WorkerOptions,
} from "./pool-options.js";
import type { PoolChild } from "./pool-supervisor.js";
import { findThreadMain } from "./threads/spawn-worker.js";
import { ThreadPartitionHandler } from "./threads/thread-partition-handler.js";
import { threadSpec } from "./threads/thread-actor.js";
import { ThreadSlot } from "./threads/thread-slot.js";
import { workerSpec } from "./worker.js";

/**
 * What a handler in a thread knows of its place: all but the worker's ref, which is in the main
 * thread.
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

/** Options of {@link workerPool}: those of a handler pool, but that the handler is in a module. */
export interface WorkerPoolOptions<K = unknown, V = unknown> extends Omit<
  HandlerPoolOptions<K, V, unknown>,
  "handler" | "concurrency"
> {
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

const defaults = { timeout: 30_000, batchSize: 256 } as const;
const own = ["module", "workers", "timeout", "batchSize", "resourceLimits"];

/** What the threads of a pool go by. */
interface ThreadSettings {
  readonly module: string;
  readonly workers: number;
  readonly timeout: Milliseconds;
  readonly batchSize: number;
  readonly resourceLimits: ResourceLimits | undefined;
}

/**
 * A child spec of a pool whose handlers run in worker threads: for handlers that are busy with the
 * processor. Everything else is as in {@link handlerPool}: order in each partition, retries, dead
 * letters, groups, orderly stop. A thread whose handler throws (unless `onError` is `"resume"`), or
 * that exits, runs out of memory or hangs is replaced, and what it has not handled is given to the
 * next. An orderly stop does not wait for a thread that is just being replaced: what its partitions
 * have not handled then stays behind the group's place. Its start fails with
 * {@link WorkerThreadError} when the module can't be loaded.
 *
 * Its id is `<instance>:workers` by default; its children are the threads (`<id>:thread:<n>`) and
 * one worker a partition.
 *
 * @throws {@link OptionError}
 */
export function workerPool<K, V>(options: WorkerPoolOptions<K, V>): ChildSpec {
  const names = poolOptionNames.filter((name) => name !== "handler" && name !== "concurrency");
  checkPoolOptions("workerPool", options as WorkerPoolOptions, [...names, ...own]);
  const settings = resolveThreadSettings(options as WorkerPoolOptions);
  if (findThreadMain() === undefined)
    throw new OptionError(
      "module",
      "workerPool can't start threads from a bundle: its file thread-main.js is not in it; leave nebulex-streams out of the bundle (esbuild: --external:nebulex-streams)",
    );
  const { shutdown } = options;
  return poolSpec(options as WorkerPoolOptions, "workers", (stream, id) => {
    const given = { ...options, handler: () => {} } as unknown as HandlerPoolOptions;
    return children(stream, id, settings, resolveWorkerOptions(given, id), shutdown);
  });
}

function children(
  stream: Stream | undefined,
  id: string,
  settings: ThreadSettings,
  worker: WorkerOptions,
  shutdown: Milliseconds | undefined,
): PoolChild[] {
  const logs = stream?.logs ?? [];
  const { module, timeout, resourceLimits, batchSize } = settings;
  const count = Math.max(1, Math.min(settings.workers, logs.length));
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
  const endsThread = worker.onError === "restart";
  const workers = logs.map(({ index }) => {
    const slot = slots[index % count] as ThreadSlot;
    const place = Math.floor(index / count);
    const makeHandler = (): EventHandler =>
      new ThreadPartitionHandler(place, slot, batchSize, endsThread) as EventHandler;
    // What fails is the thread; the worker in the main thread goes on with the next one.
    const options: WorkerOptions = { ...worker, makeHandler, onError: "resume" };
    return {
      spec: workerSpec(`${id}:${index}`, stream, index, options, shutdown),
      partitions: [index],
    };
  });
  return [...threads, ...workers];
}

function resolveThreadSettings(options: WorkerPoolOptions): ThreadSettings {
  const { module, workers, timeout, batchSize, resourceLimits } = options;
  return {
    module: moduleUrl(module),
    workers: integer("workers", workers ?? availableParallelism(), 1),
    timeout: positiveMilliseconds("timeout", timeout ?? defaults.timeout),
    batchSize: integer("batchSize", batchSize ?? defaults.batchSize, 1),
    resourceLimits: resourceLimits === undefined ? undefined : checkLimits(resourceLimits),
  };
}

function checkLimits(limits: ResourceLimits): ResourceLimits {
  if (typeof limits !== "object" || limits === null)
    throw OptionError.invalid("resourceLimits", "an object, as for worker_threads", limits);
  knownOptions("resourceLimits", limits, [
    "maxOldGenerationSizeMb",
    "maxYoungGenerationSizeMb",
    "codeRangeSizeMb",
    "stackSizeMb",
  ]);
  for (const [name, value] of Object.entries(limits))
    if (typeof value !== "number" || !(value > 0))
      throw OptionError.invalid(`resourceLimits.${name}`, "a number > 0 (megabytes)", value);
  return limits;
}

function moduleUrl(module: unknown): string {
  if (module instanceof URL) return module.href;
  if (typeof module === "string" && URL.canParse(module)) return module;
  throw OptionError.invalid(
    "module",
    'an absolute URL, e.g. new URL("./handler.js", import.meta.url)',
    module,
  );
}
