import type { StartContext } from "../actor/start-context.js";
import { OptionError } from "../errors.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import type { Stream } from "../stream/stream.js";
import { requireStream, slotFor } from "../stream/streams.js";
import {
  checkPoolOptions,
  type HandlerPoolOptions,
  poolOptionNames,
  resolveWorkerOptions,
} from "./pool-options.js";
import { type PoolChild, poolSupervisor } from "./pool-supervisor.js";
import { workerSpec } from "./worker.js";

/**
 * A child spec of a pool that handles a stream's events: a `one_for_one` supervisor with one worker
 * a partition, each going on where the group's last one stopped. By default it never gives up: a
 * worker that fails again and again is restarted with growing pauses (none after the first failure,
 * then 10 ms, doubling to 1 s), until it has handled an event. Put it behind the stream server in a
 * `rest_for_one` supervisor's children list. Its start fails with {@link StreamNotFoundError} when
 * there is no stream server.
 *
 * @throws {@link OptionError}
 */
export function handlerPool<K, V, State = unknown>(
  options: HandlerPoolOptions<K, V, State>,
): ChildSpec {
  const given = options as unknown as HandlerPoolOptions;
  checkPoolOptions("handlerPool", given, poolOptionNames);
  return poolSpec(given, "handlers", (stream, id) => {
    const worker = resolveWorkerOptions(given, id);
    return Array.from({ length: stream?.logs.length ?? 1 }, (_, index) => ({
      spec: workerSpec(`${id}:${index}`, stream, index, worker, given.shutdown),
      partitions: [index],
    }));
  });
}

/**
 * The spec of a pool's supervisor, whose children are made when it is started, for the stream that
 * there is then.
 *
 * @param suffix the last part of its id, when it is not given
 * @internal
 */
export function poolSpec(
  given: Omit<HandlerPoolOptions, "handler">,
  suffix: string,
  childrenFor: (stream: Stream | undefined, id: string) => PoolChild[],
): ChildSpec {
  const slot = slotFor(given.cache, given.name);
  const id = given.id ?? `${slot.name}:${suffix}`;
  const { maxRestarts, maxSeconds } = given;
  const specOf = (stream: Stream | undefined): ChildSpec =>
    poolSupervisor({
      id,
      group: given.group ?? id,
      stream,
      children: childrenFor(stream, id),
      maxRestarts,
      maxSeconds,
    });
  return {
    // Made once ahead, so that a wrong option is told of here and not at the start.
    ...specOf(undefined),
    start: async (parent: StartContext) => {
      const stream = requireStream(slot);
      const partitions = stream.partitions ?? 1;
      if (given.partitions !== undefined && given.partitions !== partitions) {
        throw OptionError.invalid(
          "partitions",
          `${partitions} (the stream's number of partitions)`,
          given.partitions,
        );
      }
      const pool = await specOf(stream).start(parent);
      // From here on it is given what other nodes write.
      await stream.replicator?.listening();
      return pool;
    },
  };
}
