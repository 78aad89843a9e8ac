import { randomBytes } from "node:crypto";
import type { ChangeSink } from "../cache/adapter.js";
import type { CacheCounts, Ttl } from "../cache/types.js";
import type { Clock } from "../clock.js";
import { changeFlags } from "../cluster/change-entry.js";
import { OptionError, show } from "../errors.js";
import type { Cause } from "../event/event.js";
import { hashKey, partitionOfHash } from "../event/key-hash.js";
import { type EventType, eventTypes } from "../event/types.js";
import type { StreamName } from "../journal/engine.js";
import { encodedName, type RedisKeys } from "../journal/redis-keys.js";
import { integerOf, listOf, textOf } from "../journal/redis-replies.js";
import type { RedisScript } from "../journal/redis-script.js";
import type { JournalPort } from "../journal/types.js";
import type { Milliseconds } from "../options.js";
import { keyOfText, keyText } from "../pubsub/key-text.js";
import { decodeValue, encodeValue } from "../pubsub/value-bytes.js";
import { monotonicNow } from "../timers.js";
import { EngineClock } from "./engine-clock.js";
import { Near, type NearOptions } from "./near.js";
import { nearKeyOfText } from "./near-copies.js";
import { announce, gone, headerSize } from "./redis-store-scripts.js";
import type { StoreCalls } from "./store-calls.js";

/** A TTL of more than this is none that a server could count. */
const longestTtl = 2 ** 52;

/** One partition of a store. @internal */
export interface StorePartition {
  readonly index: number;
  /** The keys that all scripts take before those of entries: meta, log, index. */
  readonly keys: readonly [meta: string, log: string, index: string];
  /** What the keys of entries begin with. */
  readonly prefix: string;
  /** Whether the journal is being trimmed. */
  isTrimming: boolean;
}

/** Where an entry is. @internal */
export interface Place {
  readonly partition: StorePartition;
  /** The key of the entry. */
  readonly entry: string;
}

/** What a script replies: what it has done, and what it found. @internal */
export interface ScriptReply {
  /** The engine's. */
  readonly time: Milliseconds;
  /** The position of the journal's last event. */
  readonly position: number;
  /** An index of `eventTypes`, or one of `outcomes`. */
  readonly outcome: number;
  /** One of `gone`. */
  readonly gone: number;
  readonly rest: readonly unknown[];
}

/** @internal */
export interface StoreCoreOptions<K, V> {
  readonly stream: StreamName;
  readonly port: JournalPort;
  readonly keys: RedisKeys;
  readonly partitions: number;
  readonly ttl: Ttl;
  readonly sink: ChangeSink<K, V>;
  readonly near?: { readonly clock: Clock; readonly options: NearOptions } | undefined;
}

/** What all parts of a shared store have in common: keys, values, counters, and its calls. @internal */
export class StoreCore<K = unknown, V = unknown> {
  readonly sink: ChangeSink<K, V>;
  readonly time = new EngineClock();
  readonly partitions: readonly StorePartition[];
  readonly counts: CacheCounts = {
    hits: 0,
    misses: 0,
    writes: 0,
    deletions: 0,
    evictions: 0,
    expirations: 0,
  };
  readonly calls: StoreCalls;
  /** Undefined: there are no local copies. */
  readonly near: Near | undefined;
  readonly stream: StreamName;
  readonly #port: JournalPort;
  readonly #ttl: Ttl;
  /** What identifies this node's entries in a journal begins so. */
  readonly #writer: string;
  #writes = 0;

  constructor(options: StoreCoreOptions<K, V>, calls: StoreCalls) {
    const { stream, port, keys, partitions } = options;
    this.stream = stream;
    this.sink = options.sink;
    this.calls = calls;
    this.#port = port;
    this.#ttl = options.ttl;
    const { near } = options;
    if (near !== undefined)
      this.near = new Near(
        { stream, port, clock: near.clock, time: this.time, partitions },
        near.options,
      );
    this.#writer = `${encodedName(port.nodeName)}:${randomBytes(8).toString("hex")}:`;
    this.partitions = Array.from({ length: partitions }, (_, index) => {
      const { meta, log, index: sorted } = keys.partition({ ...stream, partition: index });
      const tag = meta.slice(0, meta.lastIndexOf("}") + 1);
      const all = [meta, log, sorted] as const;
      return { index, keys: all, prefix: `${tag}:e:`, isTrimming: false };
    });
  }

  /** @throws OptionError for a key that can't be encoded */
  place(key: K): Place {
    let text: string;
    try {
      text = keyText(key);
    } catch (cause) {
      throw refusal("key", key, cause);
    }
    const partition = this.partitions[this.indexOf(key)] as StorePartition;
    return { partition, entry: partition.prefix + text };
  }

  /** The index of a key's partition. */
  indexOf(key: K): number {
    const { length } = this.partitions;
    return length === 1 ? 0 : partitionOfHash(hashKey(key), length);
  }

  /** @throws OptionError for a value that can't be encoded, or is too large */
  encode(value: V): string | Buffer {
    let bytes: string | Buffer;
    try {
      bytes = encodeValue(this.#port.codec, value);
    } catch (cause) {
      throw refusal("value", value, cause);
    }
    const { maxMessageSize } = this.#port;
    if (Buffer.byteLength(bytes) <= maxMessageSize) return bytes;
    const expected = `a value of at most ${maxMessageSize} bytes (the journal's maxMessageSize)`;
    throw OptionError.invalid("value", expected, value);
  }

  /** @throws Error for what is no entry */
  decode(bytes: unknown, start = headerSize): V {
    if (Buffer.isBuffer(bytes)) return decodeValue(bytes, start) as V;
    throw new Error(`no entry of a cache: ${show(bytes)}`);
  }

  /** As scripts take it. */
  ttlArgument(ttl: Ttl | undefined): string {
    const life = ttl === undefined ? this.#ttl : ttl;
    return life === null ? "0" : String(Math.min(Math.ceil(life), longestTtl));
  }

  /** Bytes above which an event about several keys is divided. */
  get maxEvent(): string {
    return String(Math.floor(this.#port.maxMessageSize / 2));
  }

  get wants(): string {
    return this.sink.active ? "1" : "";
  }

  /** Runs a script on one entry. `done` as in `runOn`. */
  run(
    script: RedisScript,
    { partition, entry }: Place,
    cause: Cause,
    args: readonly (string | Buffer)[],
    isWrite = true,
    done?: (reply: ScriptReply) => void,
  ): Promise<ScriptReply> {
    return this.runOn(script, partition, [entry], cause, args, isWrite, done);
  }

  /**
   * @param done called with the reply before anything else that waits for it: the place to report
   *   changes, so that those of several commands are reported in the order of the replies
   */
  async runOn(
    script: RedisScript,
    partition: StorePartition,
    entries: readonly string[],
    cause: Cause,
    args: readonly (string | Buffer)[],
    isWrite = true,
    done?: (reply: ScriptReply) => void,
  ): Promise<ScriptReply> {
    const sentAt = monotonicNow();
    const keys = [...partition.keys, ...entries];
    let position = Infinity;
    try {
      const all = [...this.head(cause), ...args];
      const reply = this.read(
        await this.calls.run(script, keys, all, true, isWrite),
        partition,
        sentAt,
      );
      ({ position } = reply);
      done?.(reply);
      return reply;
    } finally {
      // Also where it is not known whether anything has changed.
      if (isWrite && this.near !== undefined) this.written(this.near, partition, entries, position);
    }
  }

  /** What this process has changed is not read any more from copies. */
  written(
    near: Near,
    { index, prefix }: StorePartition,
    entries: readonly string[],
    position: number,
  ): void {
    for (const entry of entries)
      near.written(index, nearKeyOfText(entry.slice(prefix.length)), position);
  }

  /** The arguments that all scripts take first. */
  head({ command, fill }: Cause): [string, string, string] {
    const flags = (fill ? changeFlags.fill : 0) + (this.calls.isCluster ? announce : 0);
    return [this.#writer + this.#writes++, command, String(flags)];
  }

  /** @throws ForeignDataError */
  read(reply: unknown, partition: StorePartition, sentAt: number): ScriptReply {
    const [time, position, outcome, how, trim, ...rest] = listOf(reply, "a reply");
    const now = integerOf(time, "the time");
    this.time.read(now, sentAt);
    if (trim === 1) this.trim(partition);
    return {
      time: now,
      position: integerOf(position, "a position"),
      outcome: integerOf(outcome, "an outcome"),
      gone: integerOf(how, "an outcome"),
      rest,
    };
  }

  /** Counts, and reports, that an entry was found to have expired or to have been evicted. */
  missing(how: number, key: K, was: unknown, cause: Cause): void {
    if (how === gone.nothing) return;
    if (how === gone.expired) this.counts.expirations++;
    else this.counts.evictions++;
    if (this.sink.active) this.emit(how, cause, key, undefined, this.previous(was));
  }

  emit(outcome: number, cause: Cause, key: K, value: V | undefined, previous: V | undefined): void {
    this.sink.entry(eventTypes[outcome] as EventType, cause, key, value, previous);
  }

  /** What was there before, as far as it is known. */
  previous(bytes: unknown): V | undefined {
    return Buffer.isBuffer(bytes) ? this.decode(bytes, 0) : undefined;
  }

  /** Counts, and reports, what a script has removed on its way. `rows`: keys and values. */
  swept(expired: unknown, evicted: unknown, rows: unknown, cause: Cause): void {
    this.counts.expirations += integerOf(expired, "a number");
    this.counts.evictions += integerOf(evicted, "a number");
    if (!this.sink.active || !Array.isArray(rows)) return;
    for (let at = 0; at + 1 < rows.length; at += 2) {
      const key = keyOfText(textOf(rows[at])) as K;
      this.emit(gone.expired, cause, key, undefined, this.previous(rows[at + 1]));
    }
  }

  /** Has the journal of a partition trimmed, which is due. */
  trim(partition: StorePartition): void {
    if (partition.isTrimming || this.#port.status !== "connected") return;
    partition.isTrimming = true;
    this.#port
      .engine()
      .trim({ ...this.stream, partition: partition.index })
      .catch(() => {
        // The next write finds that it is due.
      })
      .finally(() => (partition.isTrimming = false));
  }
}

/** As scripts take it. @internal */
export function staleArgument(staleFor: Milliseconds): string {
  return String(Math.min(Math.ceil(staleFor), longestTtl));
}

function refusal(option: string, value: unknown, cause: unknown): OptionError {
  const { message } = cause as Error;
  return new OptionError(
    option,
    `invalid value for option "${option}": expected what the codec can encode, got: ${show(value)}: ${message}`,
    { cause },
  );
}
