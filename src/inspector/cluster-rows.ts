import { allMetricsOf, type GroupMetrics } from "../group/group-metrics.js";
import { type ClusterGroupStatus, type GroupPlace, statusOf } from "../group/group-state.js";
import type { JournalEngine } from "../journal/engine.js";
import type { Stream } from "../stream/stream.js";
import { monotonicNow, wallClockNow } from "../timers.js";
import type { GroupRow } from "./snapshot.js";
import { failuresOf, oldestAt } from "./stream-rows.js";
import { reasonText } from "./text.js";

/** Milliseconds from an answer of the engine to the next question. */
const pauseBetweenLooks = 1000;

/** Partitions of a group as the engine has them, and when the oldest waiting event was written. */
interface SeenGroup {
  readonly group: string;
  readonly partitions: readonly (ClusterGroupStatus & { readonly oldestAt: number | null })[];
}

/**
 * The cluster groups of one stream. What other nodes do is asked of the journal's engine, while
 * somebody looks and about once a second; what this node does is read here.
 *
 * @internal
 */
export class ClusterGroups {
  readonly #stream: Stream;
  #seen: readonly SeenGroup[] = [];
  #isAsking = false;
  #askedAt = -Infinity;
  /** Whether the answer that is awaited may be out of date. */
  #isLate = false;
  /** Why the engine does not answer; null: it does. */
  trouble: string | null = null;

  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** The rows as they are known now; asks the engine if it is time to. */
  rows(stream: string): GroupRow[] {
    const { journal } = this.#stream;
    if (journal === null) return [];
    if (!this.#isAsking && monotonicNow() - this.#askedAt >= pauseBetweenLooks) void this.#ask();
    const own = new Map(allMetricsOf(this.#stream));
    return this.#seen.flatMap(({ group, partitions }) =>
      partitions.map((status) => this.#row(stream, group, status, own.get(group))),
    );
  }

  /** What is known is out of date: the engine is asked again at the next look. */
  renew(): void {
    this.#askedAt = -Infinity;
    this.#isLate = this.#isAsking;
  }

  #row(
    stream: string,
    group: string,
    status: SeenGroup["partitions"][number],
    metrics: GroupMetrics | undefined,
  ): GroupRow {
    const { partition, owner, fence, paused, deadLetters } = status;
    const row: GroupRow = {
      ...clusterRow(stream, group, status),
      handled: metrics?.handledIn(partition) ?? 0,
      busy: 0,
    };
    const owned = [...(metrics?.member?.owned() ?? [])].find(({ index }) => index === partition);
    if (owned === undefined) return row;
    const { cursor, position, known } = owned;
    const isOwner = owner === this.#stream.journal?.nodeName;
    return {
      ...row,
      owner: isOwner ? owner : (this.#stream.journal?.nodeName ?? null),
      here: true,
      fence,
      paused,
      position,
      last: known - 1,
      lag: known - position,
      oldestAt: cursor === undefined ? row.oldestAt : known > position ? oldestAt(cursor) : null,
      busy: cursor?.busy ?? 0,
      failures: cursor === undefined ? 0 : failuresOf(cursor),
      deadLetters,
      gaps: { ...cursor?.gapReasons },
      dropped: cursor?.dropped ?? 0,
    };
  }

  async #ask(): Promise<void> {
    this.#isAsking = true;
    try {
      const { journal, slot, partitions } = this.#stream;
      if (journal === null) return;
      const engine = journal.engine();
      const { cacheName: cache, name } = slot;
      const address = { namespace: journal.namespace, cache, name };
      this.#seen = await seenGroups(engine, address, partitions);
      this.trouble = null;
    } catch (error) {
      this.trouble = `the journal of ${this.#stream.slot.name}: ${reasonText(error)}`;
    } finally {
      this.#isAsking = false;
      this.#askedAt = this.#isLate ? -Infinity : monotonicNow();
      this.#isLate = false;
    }
  }
}

/** All cluster groups of a stream, as the engine has them. @internal */
export async function seenGroups(
  engine: JournalEngine,
  address: GroupPlace["address"],
  partitions: number | null,
): Promise<SeenGroup[]> {
  const { cache, name } = address;
  const groups = await engine.groups({ cache, name });
  const time = Math.round(wallClockNow());
  return await Promise.all(
    groups.map(async (group) => {
      const view = await engine.viewGroup({ cache, name, group });
      const place = { engine, address, group, partitions, now: () => time };
      // A look at one that the stream does not have would create it.
      const known = view.partitions.filter(({ partition }) => partition < (partitions ?? 1));
      const states = await Promise.all(known.map((state) => statusOf(place, state)));
      return {
        group,
        partitions: states.map((status) => ({
          ...status,
          oldestAt: status.oldestAge === null ? null : time - status.oldestAge,
        })),
      };
    }),
  );
}

/** A partition of a cluster group, as it is seen from anywhere. @internal */
export function clusterRow(
  stream: string,
  group: string,
  status: SeenGroup["partitions"][number],
): GroupRow {
  const { partition, owner, fence, paused, position, lag, deadLetters } = status;
  return {
    id: JSON.stringify([stream, partition, group, "cluster"]),
    stream,
    partition,
    group,
    scope: "cluster",
    owner,
    here: false,
    fence,
    paused,
    position,
    last: position + lag - 1,
    lag,
    oldestAt: status.oldestAt,
    handled: null,
    busy: null,
    failures: 0,
    deadLetters,
    gaps: {},
    dropped: 0,
    coalesced: 0,
  };
}
