import { type Cause, causeOf, type EventSource, MultiTarget } from "../event/event.js";
import { type EventTarget, type EventType, eventTypes } from "../event/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { Row } from "../log/segment.js";
import { malformed, read } from "./wire-checks.js";

/** Events in one message at most. @internal */
export const maxBatch = 1024;
/** Kinds of causes in one message at most. */
const maxCauses = 256;

/** What the subject column holds: a key, an array of keys, a prefix, or null (all entries). */
const subjectKinds = { key: 0, keys: 1, prefix: 2, all: 3 } as const;

/** Events of one node and partition as columns: an array, which repeats no names. */
type Columns = readonly [
  /** Indexes into `eventTypes`. */
  types: Uint8Array,
  /** Command and fill, each pair once. */
  causes: readonly (readonly [command: string, fill: boolean])[],
  /** Indexes into `causes`; null: all are 0. */
  cause: Uint8Array | null,
  /** Pairs of a count of events in a row and their time, in milliseconds since `startedAt`. */
  times: readonly number[],
  /** Sequences; null: consecutive, up to the message's `to`. */
  numbers: readonly number[] | null,
  /** Kinds of subjects; null: all are keys. */
  kinds: Uint8Array | null,
  subjects: readonly unknown[],
  values: readonly unknown[] | null,
  previous: readonly unknown[] | null,
];

/** The rows of one message: an array of them, or those of a log. @internal */
export interface Rows {
  readonly length: number;
  at(index: number): Row | undefined;
}

/** Rows that stay in their log: each is read when it is needed, and not kept. @internal */
export class LogRows implements Rows {
  readonly #log: PartitionLog;
  readonly #offsets: readonly number[];

  /** @param offsets of events that are in memory */
  constructor(log: PartitionLog, offsets: readonly number[]) {
    this.#log = log;
    this.#offsets = offsets;
  }

  get length(): number {
    return this.#offsets.length;
  }

  at(index: number): Row {
    return this.#log.row(this.#offsets[index] as number);
  }
}

/**
 * The columns of one message.
 *
 * @param to the last sequence that the message covers
 * @internal
 */
export function columnsOf(rows: Rows, to: number): Columns {
  const count = rows.length;
  const types = new Uint8Array(count);
  const subjects = new Array<unknown>(count);
  const causes = new CauseTable(count);
  const times: number[] = [];
  let kinds: Uint8Array | null = null;
  let values: unknown[] | null = null;
  let previous: unknown[] | null = null;
  for (let index = 0; index < count; index++) {
    const row = rows.at(index) as Row;
    types[index] = eventTypes.indexOf(row.type);
    causes.add(index, row.cause);
    if (times.at(-1) === row.at) (times[times.length - 2] as number)++;
    else times.push(1, row.at);
    if (row.subject instanceof MultiTarget) {
      kinds ??= new Uint8Array(count);
      const { target } = row.subject as MultiTarget<unknown>;
      kinds[index] = kindOf(target);
      subjects[index] = subjectOf(target);
    } else subjects[index] = row.subject;
    if (row.value !== undefined)
      (values ??= new Array<unknown>(count).fill(undefined))[index] = row.value;
    if (row.previous !== undefined)
      (previous ??= new Array<unknown>(count).fill(undefined))[index] = row.previous;
  }
  const first = rows.at(0)?.sequence;
  const dense =
    first === undefined || (first === to - count + 1 && rows.at(count - 1)?.sequence === to);
  const numbers = dense
    ? null
    : Array.from({ length: count }, (_, index) => (rows.at(index) as Row).sequence);
  return [types, causes.all, causes.indexes, times, numbers, kinds, subjects, values, previous];
}

class CauseTable {
  readonly all: [string, boolean][] = [];
  indexes: Uint8Array | null = null;
  readonly #count: number;
  readonly #known = new Map<Cause, number>();
  #last: Cause | undefined;
  #index = 0;

  constructor(count: number) {
    this.#count = count;
  }

  add(index: number, cause: Cause): void {
    if (cause !== this.#last) {
      this.#last = cause;
      this.#index = this.#known.get(cause) ?? this.#add(cause);
    }
    if (this.indexes !== null) this.indexes[index] = this.#index;
  }

  #add(cause: Cause): number {
    const { command, fill } = cause;
    let index = this.all.findIndex((known) => known[0] === command && known[1] === fill);
    if (index === -1) index = this.all.push([command, fill]) - 1;
    this.#known.set(cause, index);
    if (index > 0) this.indexes ??= new Uint8Array(this.#count);
    return index;
  }
}

function kindOf(target: EventTarget<unknown>): number {
  if (target.kind === "keys") return subjectKinds.keys;
  if (target.kind === "key") return subjectKinds.key;
  return target.query === null ? subjectKinds.all : subjectKinds.prefix;
}

function subjectOf(target: EventTarget<unknown>): unknown {
  if (target.kind === "keys") return target.keys;
  if (target.kind === "key") return target.key;
  return target.query?.prefix ?? null;
}

/** The causes of one source's events, each made once: there are few. @internal */
export class Causes {
  readonly #source: EventSource;
  readonly #known = new Map<string, Cause>();

  constructor(source: EventSource) {
    this.#source = source;
  }

  get(command: string, fill: boolean): Cause {
    const id = fill ? `${command}+` : command;
    let cause = this.#known.get(id);
    if (cause === undefined) {
      cause = Object.freeze({ ...causeOf(command, null, fill), source: this.#source });
      if (this.#known.size < maxCauses) this.#known.set(id, cause);
    }
    return cause;
  }
}

/** The columns of a received message, checked. @internal */
export interface ReadBatch {
  readonly types: readonly EventType[];
  readonly causes: readonly { readonly command: string; readonly fill: boolean }[];
  readonly cause: Uint8Array | null;
  readonly at: readonly number[];
  readonly numbers: readonly number[];
  /** Keys and MultiTargets. */
  readonly subjects: readonly unknown[];
  readonly values: readonly unknown[] | null;
  readonly previous: readonly unknown[] | null;
}

/**
 * Reads the columns of a message, whose sequences are above `after` and at most `to`.
 *
 * @throws RejectedMessageError
 * @internal
 */
export function readBatch(value: unknown, after: number, to: number): ReadBatch {
  const columns = read.list(value, "columns", 9);
  if (columns.length !== 9) throw malformed("number of columns");
  const bits = columns[0];
  if (!(bits instanceof Uint8Array) || bits.length === 0 || bits.length > maxBatch)
    throw malformed("types");
  const count = bits.length;
  read.bytes(bits, "types", count, eventTypes.length - 1);
  const causes = read.list(columns[1], "causes", maxCauses).map(readCause);
  const cause =
    columns[2] === null ? null : read.bytes(columns[2], "cause", count, causes.length - 1);
  if (causes.length === 0) throw malformed("causes");
  const kinds = columns[5] === null ? null : read.bytes(columns[5], "kinds", count, 3);
  const subjects = columnOf(columns[6], "subjects", count);
  if (subjects === null) throw malformed("subjects");
  return {
    types: Array.from(bits, (index) => eventTypes[index] as EventType),
    causes,
    cause,
    at: readTimes(columns[3], count),
    numbers: readNumbers(columns[4], count, after, to),
    subjects:
      kinds === null ? subjects : subjects.map((it, n) => readSubject(kinds[n] as number, it)),
    values: readValues(columns[7], "values", count, kinds),
    previous: readValues(columns[8], "previous", count, kinds),
  };
}

function columnOf(value: unknown, what: string, count: number): readonly unknown[] | null {
  if (value === null) return null;
  const column = read.list(value, what, count);
  if (column.length !== count) throw malformed(what);
  return column;
}

function readCause(value: unknown): { command: string; fill: boolean } {
  const [command, fill] = read.list(value, "cause", 2);
  return { command: read.name(command, "command"), fill: read.flag(fill, "fill") };
}

function readTimes(value: unknown, count: number): number[] {
  const pairs = read.list(value, "times", 2 * count);
  const at: number[] = [];
  for (let index = 0; index < pairs.length; index += 2) {
    const times = read.integer(pairs[index], "times", 1, count - at.length);
    const time = read.integer(pairs[index + 1], "time", -(2 ** 40), 2 ** 40);
    for (let n = 0; n < times; n++) at.push(time);
  }
  if (at.length !== count) throw malformed("times");
  return at;
}

function readNumbers(value: unknown, count: number, after: number, to: number): number[] {
  const given = columnOf(value, "numbers", count);
  if (given === null) {
    if (to - after < count) throw malformed("numbers");
    return Array.from({ length: count }, (_, index) => to - count + 1 + index);
  }
  let last = after;
  return given.map((number) => (last = read.integer(number, "number", last + 1, to)));
}

function readSubject(kind: number, value: unknown): unknown {
  if (kind === subjectKinds.key) return value;
  if (kind === subjectKinds.all) return new MultiTarget({ kind: "query", query: null });
  if (kind === subjectKinds.prefix) {
    if (typeof value !== "string") throw malformed("prefix");
    return new MultiTarget({ kind: "query", query: { prefix: value } });
  }
  if (!Array.isArray(value) || value.length === 0) throw malformed("keys");
  return new MultiTarget({ kind: "keys", keys: Object.freeze(value as unknown[]) });
}

/** An event about several keys has its values in a Map. */
function readValues(
  value: unknown,
  what: string,
  count: number,
  kinds: Uint8Array | null,
): readonly unknown[] | null {
  const column = columnOf(value, what, count);
  if (column === null || kinds === null) return column;
  column.forEach((it, index) => {
    if (kinds[index] !== subjectKinds.key && it !== undefined && !(it instanceof Map))
      throw malformed(what);
  });
  return column;
}
