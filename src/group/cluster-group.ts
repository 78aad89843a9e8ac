import type { AnyCache, AsyncCache, Cache } from "../cache/types.js";
import { nodeTimeOf } from "../clock.js";
import { GroupBusyError, OptionError } from "../errors.js";
import type { GroupName, GroupPartition, JournalEngine } from "../journal/engine.js";
import { integer, nonEmptyString, option, readOptions } from "../options.js";
import type { Stream } from "../stream/stream.js";
import { requireStream, slotFor } from "../stream/streams.js";
import { warnOfError } from "../telemetry/channels.js";
import type { DeadLetter } from "./dead-letter.js";
import {
  type ClusterGroupStatus,
  type GroupPlace,
  restingLetters,
  statusOf,
} from "./group-state.js";

/**
 * A cluster group, as seen and directed from any node whose stream has the journal. Everything is
 * kept in the journal. Every method rejects with {@link StreamNotFoundError} where the stream is
 * not running here, and with {@link JournalError} while the journal has no connection; those that
 * act reject with {@link OptionError} (`group`) where no pool of the group has ever been started.
 */
export interface ClusterGroup<K = unknown, V = unknown> {
  /** One entry a partition, in order; none for a group that does not exist. */
  status(): Promise<ClusterGroupStatus[]>;
  /**
   * Nothing more of a partition, or of all, is handled until `resume`, over any restart. What is in
   * hand is finished.
   */
  pause(partition?: number | "all"): Promise<void>;
  /** Ends `pause`. */
  resume(partition?: number | "all"): Promise<void>;
  /**
   * Lets the owner go on from elsewhere, once what it has in hand is finished: from the oldest event
   * that is kept, the next one that is written, or a position, which takes a partition where there
   * are several. Of a position that is not there the nearest that is kept or comes next is taken.
   */
  seek(to: "earliest" | "latest" | number, partition?: number | "all"): Promise<void>;
  /** The dead letters, by partition and the oldest first; `limit` of them at most, default 100. */
  deadLetters(options?: {
    partition?: number | undefined;
    limit?: number | undefined;
  }): Promise<DeadLetter<K, V>[]>;
  /**
   * Has dead letters handled again by the owner of their partition, besides the events that are due,
   * and removes those that succeed. Returns how many there are to be handled.
   */
  retry(ids: readonly string[] | "all"): Promise<number>;
  /** Removes dead letters. Returns how many. */
  drop(ids: readonly string[] | "all"): Promise<number>;
  /**
   * Removes the group and its dead letters.
   *
   * @throws (as a rejection) {@link GroupBusyError} while a partition has an owner
   */
  delete(): Promise<void>;
}

/**
 * The cluster group of a cache instance's stream (`scope: "cluster"` of {@link handlerPool} and
 * {@link workerPool}). It need not run on this node.
 *
 * @throws {@link OptionError}
 */
export function clusterGroup<K, V>(
  cache: Cache<K, V> | AsyncCache<K, V>,
  group: string,
): ClusterGroup<K, V> {
  const slot = slotFor(cache as AnyCache);
  const name = nonEmptyString("group", group);
  return new JournalGroup(() => requireStream(slot), name) as ClusterGroup<K, V>;
}

const lettersSchema = (partitions: number) => ({
  partition: option((name, value) => integer(name, value, 0, partitions - 1)),
  limit: option((name, value) => integer(name, value, 1), 100),
});

/** What one call works with. */
interface Call {
  readonly engine: JournalEngine;
  readonly name: GroupName;
  readonly place: GroupPlace;
  /** At least one. */
  readonly partitions: number;
}

class JournalGroup implements ClusterGroup {
  readonly #findStream: () => Stream;
  readonly #group: string;

  constructor(findStream: () => Stream, group: string) {
    this.#findStream = findStream;
    this.#group = group;
  }

  async status(): Promise<ClusterGroupStatus[]> {
    const { engine, name, place } = this.#call();
    const { partitions } = await engine.viewGroup(name);
    return await Promise.all(partitions.map((state) => statusOf(place, state)));
  }

  async pause(partition: number | "all" = "all"): Promise<void> {
    await this.#forEach(partition, (engine, name) => engine.setPaused(name, true));
  }

  async resume(partition: number | "all" = "all"): Promise<void> {
    await this.#forEach(partition, (engine, name) => engine.setPaused(name, false));
  }

  async seek(to: "earliest" | "latest" | number, partition: number | "all" = "all"): Promise<void> {
    if (to !== "earliest" && to !== "latest" && !(Number.isSafeInteger(to) && to >= 0))
      throw OptionError.invalid("to", '"earliest", "latest" or an integer >= 0 (a position)', to);
    const { partitions } = this.#call();
    if (typeof to === "number" && partition === "all" && partitions > 1)
      throw OptionError.invalid(
        "partition",
        `an integer >= 0 and < ${partitions} (a position belongs to one partition)`,
        partition,
      );
    await this.#forEach(partition, (engine, name) => engine.seek(name, to));
  }

  async deadLetters(options: { partition?: number; limit?: number } = {}): Promise<DeadLetter[]> {
    const { place, partitions } = this.#call();
    const chosen = readOptions("deadLetters", lettersSchema(partitions), options);
    const { group, address } = place;
    return await restingLetters(place, chosen, ({ id }, error) =>
      warnOfError(`dead letter ${id} of group ${group} on stream ${address.name}`, error),
    );
  }

  retry(ids: readonly string[] | "all"): Promise<number> {
    return this.#count(ids, (engine, name) => engine.retry(name, ids));
  }

  drop(ids: readonly string[] | "all"): Promise<number> {
    return this.#count(ids, (engine, name) => engine.drop(name, ids));
  }

  async delete(): Promise<void> {
    const { engine, name, place } = this.#call();
    const { partitions } = await engine.viewGroup(name);
    const refuse = (partition: number): never => {
      throw new GroupBusyError(this.#group, place.partitions === null ? null : partition);
    };
    for (const { partition, owner } of partitions) if (owner !== null) refuse(partition);
    for (const { partition } of partitions)
      if ((await engine.deleteGroup({ ...name, partition })) !== undefined) refuse(partition);
  }

  async #count(
    ids: readonly string[] | "all",
    act: (engine: JournalEngine, name: GroupPartition) => Promise<number>,
  ): Promise<number> {
    if (ids !== "all" && !(Array.isArray(ids) && ids.every((id) => typeof id === "string")))
      throw OptionError.invalid("ids", '"all", or an array of ids of dead letters', ids);
    const counts = await this.#forEach("all", act);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #forEach<T>(
    partition: number | "all",
    act: (engine: JournalEngine, name: GroupPartition) => Promise<T>,
  ): Promise<T[]> {
    const { engine, name, partitions: count } = this.#call();
    if (partition !== "all") integer("partition", partition, 0, count - 1);
    const { partitions } = await engine.viewGroup(name);
    if (partitions.length === 0)
      throw OptionError.invalid(
        "group",
        `a cluster group of the stream ${name.name}: a pool of it has been started`,
        this.#group,
      );
    const chosen = partitions.filter((it) => partition === "all" || it.partition === partition);
    return await Promise.all(chosen.map((it) => act(engine, { ...name, partition: it.partition })));
  }

  #call(): Call {
    const stream = this.#findStream();
    const { journal, slot, partitions } = stream;
    if (journal === null)
      throw new OptionError(
        "cache",
        `the stream of ${slot.name} has no journal, in which cluster groups are kept`,
      );
    const { cacheName: cache, name } = slot;
    const engine = journal.engine();
    const group = this.#group;
    const address = { namespace: journal.namespace, cache, name };
    const now = nodeTimeOf(stream.system.clock);
    return {
      engine,
      name: { cache, name, group },
      place: { engine, address, group, partitions, now },
      partitions: partitions ?? 1,
    };
  }
}
