import type { StartContext } from "../actor/start-context.js";
import { OptionError } from "../errors.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { supervisor } from "../supervisor/specs.js";
import type { Stream } from "../stream/stream.js";
import { requireStream, slotFor } from "../stream/streams.js";
import { checkPoolOptions, type HandlerPoolOptions, resolveWorkerOptions } from "./pool-options.js";
import { workerSpec } from "./worker.js";

/**
 * A child spec of a pool that handles a stream's events: a `one_for_one` supervisor with one worker a partition, each going on where
 * the group's last one stopped. Put it behind the stream server in a `rest_for_one` supervisor's children list. Its start fails with
 * {@link StreamNotFoundError} when there is no stream server.
 *
 * @throws {@link OptionError}
 */
export function handlerPool<K, V, State = unknown>(
  options: HandlerPoolOptions<K, V, State>,
): ChildSpec {
  const given = options as unknown as HandlerPoolOptions;
  checkPoolOptions(given);
  const slot = slotFor(given.cache, given.name);
  const id = given.id ?? `${slot.name}:handlers`;
  const workers = resolveWorkerOptions(given, id);
  const specOf = (stream: Stream | undefined, count: number): ChildSpec =>
    supervisor({
      id,
      strategy: "one_for_one",
      children: Array.from({ length: count }, (_, index) =>
        workerSpec(`${id}:${index}`, stream, index, workers, given.shutdown),
      ),
      ...(given.maxRestarts === undefined ? undefined : { maxRestarts: given.maxRestarts }),
      ...(given.maxSeconds === undefined ? undefined : { maxSeconds: given.maxSeconds }),
    });
  // Made once ahead, so that a wrong option is told of here and not at the start.
  const spec = specOf(undefined, 1);
  return {
    ...spec,
    start: async (parent: StartContext) => {
      const stream = requireStream(slot);
      const { partitions } = stream;
      if (given.partitions !== undefined && given.partitions !== (partitions ?? 1)) {
        throw OptionError.invalid(
          "partitions",
          `${partitions ?? 1} (the stream's number of partitions)`,
          given.partitions,
        );
      }
      return await specOf(stream, stream.logs.length).start(parent);
    },
  };
}
