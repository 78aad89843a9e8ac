import type { GapEvent } from "../../src/index.js";
import { Listener } from "../helpers/actors.js";
import type { Event, Reader } from "./cluster.js";

/** What was written, by node, epoch and partition: the sequences, which count from 0. */
export class Written implements Disposable {
  readonly #listener = new Listener<{ status: string; event: Event }>("nebulex.streams.broadcast");
  readonly #counts = new Map<string, number>();
  #taken = 0;

  /** How many events there are of each sequence, by `node epoch partition`. */
  counts(): ReadonlyMap<string, number> {
    const { messages } = this.#listener;
    for (; this.#taken < messages.length; this.#taken++) {
      const { status, event } = messages[this.#taken] as { status: string; event: Event };
      if (status !== "ok") continue;
      const id = idOf(event.metadata);
      this.#counts.set(id, Math.max(this.#counts.get(id) ?? 0, event.metadata.sequence + 1));
    }
    return this.#counts;
  }

  [Symbol.dispose](): void {
    this.#listener[Symbol.dispose]();
  }
}

export function idOf(of: { node: string; epoch: string; partition: number | null }): string {
  return `${of.node} ${of.epoch} ${of.partition ?? 0}`;
}

/**
 * The faults in what a reader received from other nodes: duplicates, wrong order, missing events
 * without a gap. `owed`: the sequence from which on events are owed. Default 0.
 */
export function faultsOf(
  reader: Reader,
  own: string,
  written: ReadonlyMap<string, number>,
  owed: ReadonlyMap<string, number>,
): string[] {
  const faults: string[] = [];
  const byId = new Map<string, (Event | GapEvent)[]>();
  for (const message of reader.messages) {
    const of = message.type === "gap" ? message : message.metadata;
    const id = idOf(of);
    if (!byId.has(id)) byId.set(id, []);
    byId.get(id)?.push(message);
    if (!written.has(id) && message.type !== "gap") faults.push(`${id}: never written`);
  }
  for (const [id, count] of written) {
    const [node] = id.split(" ") as [string];
    if (node === own) continue;
    const messages = byId.get(id) ?? [];
    const nodeIsInDoubt = reader.gaps.some((gap) => gap.node === node && gap.to < gap.from);
    for (const fault of faultsOfOne(messages, count, owed.get(id) ?? 0, nodeIsInDoubt))
      faults.push(`${id}: ${fault}`);
  }
  return faults;
}

function* faultsOfOne(
  messages: readonly (Event | GapEvent)[],
  count: number,
  owedFrom: number,
  nodeIsInDoubt: boolean,
): Iterable<string> {
  const excused = new Set<number>();
  const openings: number[] = [];
  let last = -1;
  let next = owedFrom;
  for (const message of messages) {
    if (message.type === "gap") {
      for (let n = message.from; n <= Math.min(message.to, count - 1); n++) excused.add(n);
      if (message.to >= count) yield `gap to ${message.to}, where there are ${count}`;
      if (message.to < message.from) openings.push(message.from);
      continue;
    }
    const { sequence } = message.metadata;
    if (sequence <= last) yield `${sequence} after ${last}`;
    last = sequence;
    for (; next < sequence; next++) if (!excused.has(next)) yield `${next} missing`;
    next = Math.max(next, sequence + 1);
  }
  while (next < count && excused.has(next)) next++;
  if (next >= count) return;
  // Of an epoch whose end was not received, only the beginning of the missing events is known; of
  // an epoch of which nothing was received, nothing.
  const isOpen = openings.some((from) => from > last && from <= next);
  if (!isOpen && !(messages.length === 0 && nodeIsInDoubt))
    yield `${next}..${count - 1} missing at the end`;
}
