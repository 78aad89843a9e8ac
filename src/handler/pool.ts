import { isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { StartContext } from "../actor/start-context.js";
import { OptionError, show } from "../errors.js";
import type { Include } from "../event/types.js";
import {
  integer,
  nonEmptyString,
  option,
  plainName,
  requiredOption,
  type Resolved,
} from "../options.js";
import type { Stream } from "../stream/stream.js";
import { cacheOption } from "../stream/stream-options.js";
import { requireStream, slotFor } from "../stream/streams.js";
import {
  type ChildSpec,
  readShutdown,
  resolveChildSpec,
  type Shutdown,
} from "../supervisor/child-spec.js";
import { pausingSupervisor, supervisor } from "../supervisor/specs.js";
import type { WorkerOptions } from "./delivery.js";
import { reportUndelivered, workerSpec } from "./worker.js";

/** The options that every pool has. @internal */
export const poolSchema = {
  cache: requiredOption(cacheOption),
  name: option(plainName),
  id: option(nonEmptyString),
  maxRestarts: option((name, value) => integer(name, value, 0)),
  maxSeconds: option((name, value, { maxRestarts }: { maxRestarts: number | undefined }) => {
    if (maxRestarts !== undefined) return integer(name, value, 1);
    throw OptionError.invalid(name, "undefined without maxRestarts", value);
  }),
  shutdown: option(readShutdown),
};

type PoolOptions = Resolved<typeof poolSchema> & {
  readonly group?: string | undefined;
  readonly partitions?: number | undefined;
  readonly include?: readonly Include[];
};

/** A child of a pool, and the partitions (by index) whose events it handles. @internal */
export interface PoolChild {
  readonly spec: ChildSpec;
  readonly partitions: readonly number[];
}

/** What one start of a pool runs. @internal */
export interface PoolRun {
  readonly children: readonly PoolChild[];
  /** Called when the workers are up and the stream receives the events of other nodes. */
  begin?(): Promise<void>;
  /** Called when the pool has ended, or could not be started. */
  close?(): void;
  /**
   * How many events of a partition have been handled, where its position is not in the stream but
   * in the journal.
   */
  handledIn?(index: number): number;
}

/**
 * The spec of a pool's supervisor (`one_for_one`). Its children are made when it is started, for
 * the stream that exists then.
 *
 * @param suffix the last part of its id, when it is not given
 * @param prepare is called at each start
 * @throws OptionError
 * @internal
 */
export function poolSpec(
  options: PoolOptions,
  suffix: string,
  prepare: (stream: Stream, id: string) => PoolRun,
): ChildSpec {
  const slot = slotFor(options.cache, options.name);
  const id = options.id ?? `${slot.name}:${suffix}`;
  const start = async (parent: StartContext): Promise<ActorRef> => {
    const stream = requireStream(slot);
    const partitions = stream.partitions ?? 1;
    if (options.partitions !== undefined && options.partitions !== partitions) {
      throw OptionError.invalid(
        "partitions",
        `${partitions} (the stream's number of partitions)`,
        options.partitions,
      );
    }
    const included = stream.options.include;
    if (options.include?.every((value) => included.includes(value)) === false)
      throw OptionError.invalid(
        "include",
        `values that the stream server includes (${show(included)})`,
        options.include,
      );
    const run = prepare(stream, id);
    let ref: ActorRef;
    try {
      ref = await startSupervision(parent, id, options, run, stream);
    } catch (error) {
      run.close?.();
      throw error;
    }
    ref.monitor(() => run.close?.());
    await stream.replicator?.listening();
    await run.begin?.();
    return ref;
  };
  return { ...resolveChildSpec({ id, type: "supervisor", start }) };
}

/** One worker for each partition. @internal */
export function partitionWorkers(
  id: string,
  stream: Stream,
  options: WorkerOptions,
  shutdown: Shutdown | undefined,
): PoolChild[] {
  return stream.logs.map(({ index }) => ({
    spec: workerSpec(`${id}:${index}`, stream, index, options, shutdown),
    partitions: [index],
  }));
}

/**
 * Without `maxRestarts` the supervisor never gives up: a child that fails repeatedly is restarted
 * with growing pauses, until it has handled an event.
 */
async function startSupervision(
  parent: StartContext,
  id: string,
  { group = id, maxRestarts, maxSeconds }: PoolOptions,
  run: PoolRun,
  stream: Stream,
): Promise<ActorRef> {
  const children = run.children.map(({ spec }) => spec);
  const common = { id, strategy: "one_for_one", children } as const;
  if (maxRestarts !== undefined) {
    const seconds = maxSeconds === undefined ? undefined : { maxSeconds };
    const spec = supervisor({ ...common, maxRestarts, ...seconds });
    return (await spec.start(parent)) as ActorRef;
  }

  const partitions = new Map(run.children.map((child) => [child.spec.id, child.partitions]));
  const handledIn = (index: number): number =>
    run.handledIn?.(index) ?? stream.groups.find(group, index)?.handled ?? 0;
  const progressOf = (childId: string): number =>
    (partitions.get(childId) ?? []).reduce((sum, index) => sum + handledIn(index), 0);
  const ref = (await pausingSupervisor(common, progressOf).start(parent)) as ActorRef;
  ActorRef.targetOf(ref).onDeath((reason) => {
    if (isCleanExit(reason) && run.handledIn === undefined) reportFailedWorkers(group, stream);
  });
  return ref;
}

/**
 * Workers that wait for a restart when the pool is stopped can't report their events themselves.
 */
function reportFailedWorkers(group: string, { groups, logs }: Stream): void {
  for (const { index } of logs) {
    const cursor = groups.find(group, index);
    if (cursor !== undefined) reportUndelivered(cursor, "failed");
  }
}
