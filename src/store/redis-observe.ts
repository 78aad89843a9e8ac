import type { StreamName } from "../journal/engine.js";
import type { RedisCaller } from "../journal/redis-caller.js";
import { decodedName } from "../journal/redis-keys.js";
import { integerOf, listOf, textOf } from "../journal/redis-replies.js";
import type { Milliseconds } from "../options.js";
import type { NearInfo } from "./announcer.js";
import { processesScript, statsScript } from "./redis-observe-scripts.js";

/** A process that uses a shared store. @internal */
export interface StoreProcess {
  readonly node: string;
  /** It has not announced itself in time, and did not say that it ends. */
  readonly silent: boolean;
  /** Its near copies; null: it keeps none. */
  readonly near: NearInfo | null;
}

/** What a shared store holds, and how it is. @internal */
export interface StoreFindings {
  /** Entries that are not due. */
  readonly entries: number;
  /** Entries that are due, and have not been swept yet. */
  readonly due: number;
  /** For how long the oldest of those has been due; 0: there is none. */
  readonly sweepDelay: Milliseconds;
  readonly journal: {
    readonly events: number;
    /** What it takes in the engine's memory, about; null: the user may not ask for it. */
    readonly bytes: number | null;
  };
  readonly processes: readonly StoreProcess[];
}

/**
 * Looks at a shared store from outside.
 *
 * @returns undefined: the stream is not that of a shared store
 * @throws (as a rejection) ForeignDataError; what the engine rejects with
 * @internal
 */
export async function observeStore(
  caller: RedisCaller,
  stream: StreamName,
  partitions: number,
): Promise<StoreFindings | undefined> {
  const key = caller.keys.store(stream);
  const [time, hash] = listOf(await caller.run(processesScript, [key], []), "processes");
  const fields = listOf(hash, "processes").map(textOf);
  if (!fields.some((field, at) => at % 2 === 0 && field === "")) return undefined;
  const indexes = Array.from({ length: partitions }, (_, partition) => partition);
  const stats = await Promise.all(
    indexes.map(async (partition) => {
      const { log, index } = caller.keys.partition({ ...stream, partition });
      return partitionStats(await caller.run(statsScript, [log, index], []));
    }),
  );
  const sum = (of: (one: PartitionStats) => number): number =>
    stats.reduce((all, one) => all + of(one), 0);
  const isKnown = stats.every(({ bytes }) => bytes !== null);
  return {
    entries: sum(({ entries }) => entries),
    due: sum(({ due }) => due),
    sweepDelay: Math.max(...stats.map(({ sweepDelay }) => sweepDelay)),
    journal: {
      events: sum(({ events }) => events),
      bytes: isKnown ? sum(({ bytes }) => bytes as number) : null,
    },
    processes: processesOf(fields, integerOf(time, "the time")),
  };
}

interface PartitionStats extends Pick<StoreFindings, "entries" | "due" | "sweepDelay"> {
  readonly events: number;
  readonly bytes: number | null;
}

function partitionStats(reply: unknown): PartitionStats {
  const [time, all, due, first, events, bytes] = listOf(reply, "a partition");
  const late = integerOf(due, "a number");
  return {
    entries: integerOf(all, "a number") - late,
    due: late,
    sweepDelay: late === 0 ? 0 : Math.max(0, integerOf(time, "the time") - Number(textOf(first))),
    events: integerOf(events, "a number"),
    bytes: textOf(bytes) === "" ? null : integerOf(bytes, "a number of bytes"),
  };
}

/** Names that can't be read are left out. */
function processesOf(fields: readonly string[], now: Milliseconds): StoreProcess[] {
  const processes: StoreProcess[] = [];
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const match = /^(\d+) (.{0,4096})$/s.exec(fields[at + 1] as string);
    if (match === null) continue;
    processes.push({
      node: decodedName(fields[at] as string),
      silent: Number(match[1]) <= now,
      near: nearOf(match[2] as string),
    });
  }
  return processes.sort((a, b) => (a.node < b.node ? -1 : 1));
}

function nearOf(info: string): NearInfo | null {
  try {
    const { near } = JSON.parse(info) as { near?: Partial<NearInfo> | null };
    const { entries, maxEntries } = near ?? {};
    if (Number.isSafeInteger(entries) && Number.isSafeInteger(maxEntries))
      return { entries: entries as number, maxEntries: maxEntries as number };
  } catch {
    // Another version may have written it.
  }
  return null;
}
