import { commands } from "../cache/command.js";
import type { ChangeTap, HashMemo } from "../cache/adapter.js";
import { type Clock, nodeTimeOf } from "../clock.js";
import { show } from "../errors.js";
import {
  CacheEvent,
  type Cause,
  type EventSource,
  type Includes,
  includesOf,
  MultiTarget,
  topicOf,
} from "../event/event.js";
import type { EventTarget, EventType } from "../event/types.js";
import { channels, warnOfError } from "../telemetry/channels.js";
import { hashKey, partitionOfHash } from "../event/key-hash.js";
import { defaultHash } from "./hash.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { ResolvedStreamOptions } from "./stream-options.js";

/** Events between two readings of the clock within one turn of the event loop; a power of 2. */
const eventsPerReading = 16;

/**
 * Appends an event for each change to the log of its key's partition. It never throws.
 *
 * @internal
 */
export class Router implements ChangeTap<unknown, unknown> {
  /** Events that their hash excluded, and events that could not be routed. */
  discarded = 0;
  failed = 0;
  readonly #logs: readonly PartitionLog[];
  /** The log of all events, where there are no partitions. */
  readonly #onlyLog: PartitionLog | undefined;
  /** 0: the default hash is not used. */
  readonly #hashedPartitions: number;
  readonly #options: ResolvedStreamOptions;
  readonly #includes: Includes;
  /** The source of the events that a custom hash is shown. */
  readonly #unrouted: EventSource;
  readonly #nodeTime: () => number;
  readonly #startedAt: number;
  readonly #pubsub: string | null;
  /** Events between two readings of the clock, minus 1. */
  readonly #readingMask: number;
  #at = 0;
  /** Whether a key is located without an event: results are then neither counted nor reported. */
  #onlyLocates = false;
  #appended = 0;

  constructor(logs: readonly PartitionLog[], options: ResolvedStreamOptions, clock: Clock) {
    this.#logs = logs;
    const { partitions, hash } = options;
    this.#onlyLog = partitions === null ? logs[0] : undefined;
    this.#hashedPartitions = hash === defaultHash ? (partitions ?? 0) : 0;
    this.#options = options;
    this.#includes = includesOf(options.include);
    const source = (logs[0] as PartitionLog).source;
    this.#unrouted = { ...source, partition: null };
    this.#startedAt = source.startedAt;
    this.#nodeTime = nodeTimeOf(clock);
    this.#pubsub = options.pubsub?.nodeName ?? null;
    this.#readingMask = this.#pubsub === null ? eventsPerReading - 1 : 0;
  }

  entry(
    type: EventType,
    cause: Cause,
    key: unknown,
    value: unknown,
    previous: unknown,
    memo?: HashMemo,
  ): void {
    const log = this.#logOf(type, cause, key, value, previous, memo);
    if (log === undefined) return;
    log.append(type, cause, key, this.#time(log), value, previous);
    if (channels.broadcast.hasSubscribers) this.#publish(log);
  }

  entries(
    type: EventType,
    cause: Cause,
    keys: readonly unknown[],
    values: ReadonlyMap<unknown, unknown> | undefined,
    previousValues: ReadonlyMap<unknown, unknown> | undefined,
  ): void {
    if (this.#options.partitions === null) {
      this.#appendKeys(this.#logs[0] as PartitionLog, type, cause, keys, values, previousValues);
      return;
    }
    const parts = new Map<PartitionLog, unknown[]>();
    for (const key of keys) {
      const log = this.#logOf(
        type,
        cause,
        key,
        values?.get(key),
        previousValues?.get(key),
        undefined,
      );
      if (log === undefined) continue;
      const part = parts.get(log);
      if (part === undefined) parts.set(log, [key]);
      else part.push(key);
    }
    for (const [log, part] of parts)
      this.#appendKeys(log, type, cause, part, values, previousValues);
  }

  query(type: EventType, cause: Cause, query: { readonly prefix: string } | null): void {
    for (const log of this.#logs) this.#appendMulti(log, type, cause, { kind: "query", query });
  }

  /** Time since the epoch began, in whole milliseconds. */
  now(): number {
    return Math.round(this.#nodeTime() - this.#startedAt);
  }

  /** The log that an event about a key goes to; undefined: none. */
  logOf(key: unknown, value: unknown): PartitionLog | undefined {
    this.#onlyLocates = true;
    const log = this.#logOf("inserted", commands.stream.plain, key, value, undefined, undefined);
    this.#onlyLocates = false;
    return log;
  }

  #logOf(
    type: EventType,
    cause: Cause,
    key: unknown,
    value: unknown,
    previous: unknown,
    memo: HashMemo | undefined,
  ): PartitionLog | undefined {
    if (this.#onlyLog !== undefined) return this.#onlyLog;
    const partitions = this.#hashedPartitions;
    if (partitions === 0) return this.#callHash(type, cause, key, value, previous);
    let hashed = memo?.hash;
    if (hashed === undefined) {
      try {
        hashed = hashKey(key);
      } catch (error) {
        this.#reportFailure(new CacheEvent(type, cause, this.#unrouted, key, -1, this.#at), error);
        return undefined;
      }
      if (memo !== undefined) memo.hash = hashed;
    }
    return this.#logs[partitionOfHash(hashed, partitions)];
  }

  #callHash(
    type: EventType,
    cause: Cause,
    key: unknown,
    value: unknown,
    previous: unknown,
  ): PartitionLog | undefined {
    const { hash } = this.#options;
    const partitions = this.#logs.length;
    const event = new CacheEvent(type, cause, this.#unrouted, key, -1, this.#at);
    CacheEvent.addValues(event, this.#includes, value, previous);
    let partition: unknown;
    try {
      partition = hash(event as never);
    } catch (error) {
      this.#reportFailure(event, error);
      return undefined;
    }
    if (partition === "none") {
      if (!this.#onlyLocates) this.discarded++;
      return undefined;
    }
    if (
      Number.isInteger(partition) &&
      (partition as number) >= 0 &&
      (partition as number) < partitions
    ) {
      return this.#logs[partition as number];
    }
    this.#reportFailure(
      event,
      new RangeError(
        `hash gave ${show(partition)}: expected "none" or an integer >= 0 and < ${partitions}`,
      ),
    );
    return undefined;
  }

  #appendKeys(
    log: PartitionLog,
    type: EventType,
    cause: Cause,
    keys: readonly unknown[],
    values: ReadonlyMap<unknown, unknown> | undefined,
    previousValues: ReadonlyMap<unknown, unknown> | undefined,
  ): void {
    const value = this.#includes.value ? pick(values, keys) : undefined;
    const previous = this.#includes.previous ? pick(previousValues, keys) : undefined;
    this.#appendMulti(log, type, cause, { kind: "keys", keys }, value, previous);
  }

  #appendMulti(
    log: PartitionLog,
    type: EventType,
    cause: Cause,
    target: EventTarget<unknown>,
    values?: ReadonlyMap<unknown, unknown>,
    previousValues?: ReadonlyMap<unknown, unknown>,
  ): void {
    log.append(type, cause, new MultiTarget(target), this.#time(log), values, previousValues);
    if (channels.broadcast.hasSubscribers) this.#publish(log);
  }

  /**
   * Time since the epoch began, in whole milliseconds. The clock is read once a batch and every few
   * events, since a reading costs; with a pubsub for each event, since other nodes compare the time
   * with those of their own writes.
   */
  #time(log: PartitionLog): number {
    if ((this.#appended++ & this.#readingMask) === 0 || !log.dirty) this.#at = this.now();
    return this.#at;
  }

  /** Publishes the event that was appended last. */
  #publish(log: PartitionLog): void {
    const { name, partition } = log.source;
    const event = log.at(log.next - 1);
    const topic = topicOf(name, partition, event.type);
    const pubsub = this.#pubsub;
    channels.broadcast.publish({ status: "ok", reason: null, pubsub, topic, event });
  }

  #reportFailure(event: CacheEvent, error: unknown): void {
    if (this.#onlyLocates) return;
    this.failed++;
    if (channels.broadcast.hasSubscribers) {
      channels.broadcast.publish({
        status: "error",
        reason: error,
        pubsub: this.#pubsub,
        topic: null,
        event,
      });
    } else warnOfError(`an event of ${event.name} has no partition, and is in no stream`, error);
  }
}

function pick(
  map: ReadonlyMap<unknown, unknown> | undefined,
  keys: readonly unknown[],
): ReadonlyMap<unknown, unknown> | undefined {
  if (map === undefined || map.size === keys.length) return map;
  return new Map(keys.map((key) => [key, map.get(key)]));
}
