import type {
  AppendResult,
  CommitResult,
  GroupState,
  KeptDeadLetter,
  PartitionBounds,
  SeenNode,
  StoredEntry,
} from "./engine.js";
import { decodedName } from "./redis-keys.js";

// What comes from the server is checked: a foreign program may have written there.

/** What is stored under a journal's keys is not of a journal. @internal */
export class ForeignDataError extends Error {
  constructor(what: string) {
    super(`${what} is not what a journal has written: another program has changed it`);
    this.name = "ForeignDataError";
  }
}

/** An entry of the stream `log`, or where reading goes on behind what is none. @internal */
export type ReadEntry =
  | (StoredEntry & {
      /** Identifies it. */
      readonly tag: string;
      /** Identifies the entry before it. */
      readonly before: string;
    })
  | { readonly foreign: string; readonly position: number; readonly count: 1 };

/** Entries as XREAD and XRANGE return them, with Buffers. @throws ForeignDataError @internal */
export function entriesOf(reply: unknown): ReadEntry[] {
  return listOf(reply, "a list of entries").map(entryOf);
}

function entryOf(raw: unknown): ReadEntry {
  const [id, fields] = listOf(raw, "an entry");
  const match = /^(\d+)-(\d+)$/.exec(textOf(id));
  const last = Number(match?.[1]);
  // No position can lie behind it.
  if (!Number.isSafeInteger(last)) throw new ForeignDataError(`the entry ${textOf(id)}`);
  const found = new Map<string, unknown>();
  if (Array.isArray(fields))
    for (let index = 0; index + 1 < fields.length; index += 2)
      found.set(textOf(fields[index]), fields[index + 1]);
  const change = found.get("change");
  // A change is one event.
  const count = change === undefined ? wholeNumber(found.get("count")) : 1;
  const time = wholeNumber(found.get("time"));
  const payload = change ?? found.get("payload");
  const isEntry =
    match?.[2] === entrySequence &&
    count >= 1 &&
    count <= last + 1 &&
    time >= 0 &&
    payload instanceof Uint8Array;
  if (!isEntry) return { foreign: textOf(id), position: last, count: 1 };
  const [tag, before] = [textOf(found.get("writer")), textOf(found.get("previous"))];
  const entry = { position: last - count + 1, count, time, payload, tag, before };
  if (change === undefined) return entry;
  const name = writerTag(tag);
  return { ...entry, writer: { node: name.slice(0, name.indexOf(":")), id: name } };
}

/** The second part of the ids of entries: 0-0 is no valid id. @internal */
export const entrySequence = "1";

/** @throws ForeignDataError @internal */
export function appendResult(reply: unknown): AppendResult {
  const [status, number, generation] = listOf(reply, "an append");
  if (status === "superseded") return { status };
  const value = integerOf(number, "a position");
  const of = textOf(generation);
  return status === "conflict"
    ? { status, last: value, generation: of }
    : { status: "appended", position: value, generation: of };
}

/** @throws ForeignDataError @internal */
export function partitionBounds(reply: unknown): PartitionBounds {
  const [generation, first, next, writer] = listOf(reply, "a partition");
  const bounds = {
    generation: textOf(generation),
    first: integerOf(first, "a position"),
    next: integerOf(next, "a position"),
  };
  return writer === null || writer === undefined
    ? bounds
    : { ...bounds, probed: writerTag(textOf(writer)) };
}

/** `<node>:<epoch>:<to>`, decoded. */
function writerTag(writer: string): string {
  return writer.split(":").map(decodedName).join(":");
}

/** @throws ForeignDataError @internal */
export function groupState(partition: number, reply: unknown): GroupState {
  const [owner, remaining, fence, position, generation, seeks, paused, resting, retrying] = listOf(
    reply,
    "a group",
  );
  const name = textOf(owner);
  return {
    partition,
    owner: name === "" ? null : decodedName(name),
    remaining: integerOf(remaining, "a lease"),
    fence: integerOf(fence, "a fence"),
    position: integerOf(position, "a position"),
    generation: textOf(generation),
    seeks: integerOf(seeks, "a number of seeks"),
    paused: textOf(paused) === "1",
    deadLetters: integerOf(resting, "a number of dead letters"),
    retries: integerOf(retrying, "a number of dead letters"),
  };
}

/** @throws ForeignDataError @internal */
export function commitResult(partition: number, reply: unknown): CommitResult {
  const [status, state] = listOf(reply, "a commit");
  return {
    status: status === "committed" || status === "moved" ? status : "fenced",
    state: groupState(partition, state),
  };
}

/** Without those that a foreign program has written. @internal */
export function deadLetters(partition: number, reply: unknown): KeptDeadLetter[] {
  const found = listOf(reply, "dead letters");
  const letters: KeptDeadLetter[] = [];
  for (let index = 0; index + 1 < found.length; index += 2) {
    const letter = found[index + 1];
    if (!Buffer.isBuffer(letter)) continue;
    const space = letter.indexOf(0x20);
    const position = space > 0 ? wholeNumber(letter.subarray(0, space)) : -1;
    if (position < 0) continue;
    const record = letter.subarray(space + 1);
    letters.push({ id: textOf(found[index]), partition, position, record });
  }
  return letters;
}

/** Without those that a foreign program has written. @internal */
export function seenNodes(reply: unknown): SeenNode[] {
  const [time, hash] = listOf(reply, "nodes");
  const now = integerOf(time, "the time");
  const fields = listOf(hash, "nodes");
  const nodes: SeenNode[] = [];
  for (let index = 0; index + 1 < fields.length; index += 2) {
    const match = /^(\d+) (\S+) (\S+) (.{0,4096})$/s.exec(textOf(fields[index + 1]));
    const startedAt = Number(match?.[2]);
    if (match === null || !Number.isFinite(startedAt)) continue;
    nodes.push({
      node: decodedName(textOf(fields[index])),
      epoch: decodedName(match[3] as string),
      startedAt,
      info: match[4] as string,
      expired: Number(match[1]) <= now,
    });
  }
  return nodes;
}

/** @throws ForeignDataError @internal */
export function listOf(value: unknown, what: string): unknown[] {
  if (Array.isArray(value)) return value;
  throw new ForeignDataError(what);
}

/** @throws ForeignDataError @internal */
export function integerOf(value: unknown, what: string): number {
  const number = Number(textOf(value));
  if (textOf(value) !== "" && Number.isSafeInteger(number)) return number;
  throw new ForeignDataError(what);
}

/** @internal */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (Buffer.isBuffer(value)) return value.toString();
  return typeof value === "number" ? String(value) : "";
}

/** -1: it is none. */
function wholeNumber(value: unknown): number {
  const text = textOf(value);
  return /^\d{1,16}$/.test(text) && Number.isSafeInteger(Number(text)) ? Number(text) : -1;
}
