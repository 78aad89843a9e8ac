import { MultiTarget } from "../event/event.js";
import { type EventType, eventTypes } from "../event/types.js";
import type { StoredEntry } from "../journal/engine.js";
import { RejectedMessageError, wireVersion } from "../pubsub/frame.js";
import { keyOfText } from "../pubsub/key-text.js";
import { decodeValue } from "../pubsub/value-bytes.js";
import type { ReadBatch } from "./batch.js";
import type { EventsEntry } from "./entry.js";
import { malformed, read } from "./wire-checks.js";

/**
 * Entries that a shared store writes: one event each, made by a script in the engine, since only the
 * script knows what was there before. All integers are big-endian; a length of 2^32 - 1 stands for
 * what is not there.
 *
 * | one key | version, 16, type, flags, u16 command, u32 key, u32 value; then command, key, value, previous |
 * | several keys | version, 17, type, flags, u16 command, u32 items; then command, and for each item u32 key, u32 value, u32 previous and these |
 * | a query | version, 18, type, flags, u16 command, u32 prefix; then command, prefix |
 *
 * @internal
 */
export const changeKinds = { key: 16, keys: 17, query: 18 } as const;

/** Bits of an entry's flags. @internal */
export const changeFlags = {
  fill: 1,
  /** `previous` is there. */
  previous: 2,
  /** The value is `previous`: only the TTL has changed. */
  sameValue: 4,
} as const;

const none = 0xffff_ffff;
/** Times count from a multiple of this: small numbers, the same for every reader. */
const timeUnit = 2 ** 39;

/** Whether an entry is one of a shared store. @internal */
export function isChange(payload: Uint8Array): boolean {
  const kind = payload[1] as number;
  return payload[0] === wireVersion && kind >= changeKinds.key && kind <= changeKinds.query;
}

/**
 * Reads an entry of a shared store. Its events are numbered by position, in the journal's
 * generation.
 *
 * @throws RejectedMessageError, and nothing else
 * @internal
 */
export function decodeChange(
  { payload, count, position, time, writer }: StoredEntry,
  maxSize: number,
  partition: number,
  generation: string,
): EventsEntry {
  // A value and the one before it may both be as large as an entry.
  if (payload.length > 2 * maxSize + 1024)
    throw new RejectedMessageError("oversized", `${payload.length} bytes`);
  if (count !== 1) throw malformed("number of events");
  const startedAt = Math.floor(time / timeUnit) * timeUnit;
  const { command, fill, ...change } = new ChangeReader(payload).read();
  const batch: ReadBatch = {
    types: [change.type],
    causes: [{ command, fill }],
    cause: null,
    at: [time - startedAt],
    numbers: [position],
    subjects: [change.subject],
    values: [change.value],
    previous: [change.previous],
  };
  const node = read.name(writer?.node, "node");
  return {
    kind: "events",
    id: writer?.id,
    node,
    epoch: generation,
    startedAt,
    partition,
    to: position,
    batch,
  };
}

/**
 * The keys, as texts, that an entry of a shared store is about, or the prefix of them (undefined:
 * all).
 *
 * @returns undefined for what is no such entry
 * @internal
 */
export function readChanged(
  payload: Uint8Array,
): { readonly keys: readonly string[] } | { readonly prefix: string | undefined } | undefined {
  if (!isChange(payload)) return undefined;
  try {
    return new ChangeReader(payload).changed();
  } catch {
    return undefined;
  }
}

interface ReadChange {
  readonly type: EventType;
  readonly command: string;
  readonly fill: boolean;
  readonly subject: unknown;
  readonly value: unknown;
  readonly previous: unknown;
}

class ChangeReader {
  readonly #bytes: Buffer;
  #at = 4;

  constructor(payload: Uint8Array) {
    this.#bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  }

  read(): ReadChange {
    try {
      return this.#read();
    } catch (cause) {
      if (cause instanceof RejectedMessageError) throw cause;
      throw new RejectedMessageError("malformed", "no change", { cause });
    }
  }

  changed(): { keys: readonly string[] } | { prefix: string | undefined } {
    const kind = this.#bytes[1];
    const commandLength = this.#u16();
    const length = this.#u32();
    if (kind === changeKinds.key) {
      this.#at += 4 + commandLength;
      return { keys: [this.#text(length)] };
    }
    this.#at += commandLength;
    if (kind === changeKinds.query)
      return { prefix: length === none ? undefined : this.#text(length) };
    const keys: string[] = [];
    for (let item = 0; item < length; item++) {
      const [keyLength, valueLength, previousLength] = [this.#u32(), this.#u32(), this.#u32()];
      keys.push(this.#text(keyLength));
      this.#at +=
        (valueLength === none ? 0 : valueLength) + (previousLength === none ? 0 : previousLength);
    }
    return { keys };
  }

  #read(): ReadChange {
    const bytes = this.#bytes;
    const kind = bytes[1];
    const type = eventTypes[bytes[2] as number];
    const flags = bytes[3] as number;
    if (type === undefined || flags > 7) throw malformed("type");
    const fill = (flags & changeFlags.fill) !== 0;
    const commandLength = this.#u16();
    const length = this.#u32();
    if (kind === changeKinds.key) {
      const valueLength = this.#u32();
      const command = this.#name(commandLength);
      const key = keyOfText(this.#text(length));
      const stored = valueLength === none ? undefined : this.#value(valueLength);
      const hasPrevious = (flags & changeFlags.previous) !== 0;
      const previous = hasPrevious ? this.#value(bytes.length - this.#at) : undefined;
      this.#end();
      const value = (flags & changeFlags.sameValue) === 0 ? stored : previous;
      return { type, command, fill, subject: key, value, previous };
    }
    const command = this.#name(commandLength);
    if (kind === changeKinds.query) {
      const query = length === none ? null : { prefix: this.#text(length) };
      this.#end();
      const subject = new MultiTarget({ kind: "query", query });
      return { type, command, fill, subject, value: undefined, previous: undefined };
    }
    return { type, command, fill, ...this.#items(length) };
  }

  #items(count: number): Pick<ReadChange, "subject" | "value" | "previous"> {
    // Each item has at least its three lengths and a letter.
    if (count === 0 || count > this.#bytes.length / 13) throw malformed("items");
    const keys: unknown[] = [];
    const values = new Map<unknown, unknown>();
    const previous = new Map<unknown, unknown>();
    for (let item = 0; item < count; item++) {
      const [keyLength, valueLength, previousLength] = [this.#u32(), this.#u32(), this.#u32()];
      const key = keyOfText(this.#text(keyLength));
      keys.push(key);
      if (valueLength !== none) values.set(key, this.#value(valueLength));
      if (previousLength !== none) previous.set(key, this.#value(previousLength));
    }
    this.#end();
    return {
      subject: new MultiTarget({ kind: "keys", keys: Object.freeze(keys) }),
      value: values.size === 0 ? undefined : values,
      previous: previous.size === 0 ? undefined : previous,
    };
  }

  #u16(): number {
    this.#at += 2;
    return this.#bytes.readUInt16BE(this.#at - 2);
  }

  #u32(): number {
    this.#at += 4;
    return this.#bytes.readUInt32BE(this.#at - 4);
  }

  #part(length: number): Buffer {
    const from = this.#at;
    if (length > this.#bytes.length - from) throw malformed("a length beyond the end");
    this.#at += length;
    return this.#bytes.subarray(from, this.#at);
  }

  #text(length: number): string {
    return this.#part(length).toString();
  }

  #name(length: number): string {
    return read.name(this.#text(length), "command");
  }

  #value(length: number): unknown {
    return decodeValue(this.#part(length));
  }

  #end(): void {
    if (this.#at !== this.#bytes.length) throw malformed("bytes left over");
  }
}
