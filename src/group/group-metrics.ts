import { nodeTimeOf } from "../clock.js";
import type { Cursor } from "../log/cursor.js";
import type { Stream } from "../stream/stream.js";
import { addReaders, countsOf, type ReaderCounts, sum } from "../stream/stream-metrics.js";
import type { Measurements, MetricSource } from "../telemetry/metrics.js";
import { partitionAttributes } from "../telemetry/spans.js";
import type { GroupCursor } from "./group-cursor.js";

/** What is measured of a partition that this node owns. */
interface Measured {
  readonly index: number;
  readonly cursor: GroupCursor | undefined;
  /** The first position that is not handled, and that behind the last one. */
  readonly position: number;
  readonly known: number;
}

/** By stream and group. */
const all = new WeakMap<Stream, Map<string, GroupMetrics>>();

/** The counters of a cluster group on this node, which outlive its members. @internal */
export function metricsOf(stream: Stream, group: string): GroupMetrics {
  const groups = all.get(stream) ?? new Map<string, GroupMetrics>();
  all.set(stream, groups);
  let metrics = groups.get(group);
  if (metrics === undefined) groups.set(group, (metrics = new GroupMetrics(stream, group)));
  return metrics;
}

/** Those of all cluster groups of a stream that have had a pool on this node. @internal */
export function allMetricsOf(stream: Stream): Iterable<[group: string, metrics: GroupMetrics]> {
  return all.get(stream) ?? [];
}

/** @internal */
export class GroupMetrics implements MetricSource {
  ownerChanges = 0;
  commits = 0;
  fencedCommits = 0;
  member: { owned(): Iterable<Measured> } | undefined;
  readonly #stream: Stream;
  readonly #group: string;
  /** Of past cursors, by partition. */
  readonly #past = new Map<number, ReaderCounts>();

  constructor(stream: Stream, group: string) {
    this.#stream = stream;
    this.#group = group;
  }

  /** How many events of a partition have been handled here. */
  handledIn(index: number): number {
    let handled = this.#past.get(index)?.handled ?? 0;
    for (const { index: other, cursor } of this.member?.owned() ?? [])
      if (other === index) handled += cursor?.handled ?? 0;
    return handled;
  }

  /** A cursor ends. */
  ended(index: number, cursor: Cursor): void {
    const past = this.#past.get(index);
    this.#past.set(index, past === undefined ? countsOf(cursor) : sum(past, cursor));
  }

  measure(into: Measurements): void {
    const { slot, partitions } = this.#stream;
    const { cacheName: cache, name } = slot;
    const of = { cache, name, group: this.#group };
    into.add("nebulex.journal.owner_changes", this.ownerChanges, of);
    into.add("nebulex.journal.commits", this.commits, of);
    into.add("nebulex.journal.fenced_commits", this.fencedCommits, of);
    const attributesOf = (index: number): Record<string, string | number> =>
      partitionAttributes(
        { cache, name, partition: partitions === null ? null : index },
        this.#group,
      );
    let owned = 0;
    for (const [index, counts] of this.#past) addReaders(into, counts, attributesOf(index));
    for (const { index, cursor, position, known } of this.member?.owned() ?? []) {
      owned++;
      into.add("nebulex.streams.lag", known - position, attributesOf(index));
      if (cursor === undefined) continue;
      addReaders(into, cursor, attributesOf(index));
      const writtenAt = cursor.oldestUnhandled?.metadata.timestamp;
      const age = writtenAt === undefined ? 0 : nodeTimeOf(this.#stream.system.clock)() - writtenAt;
      // The clock of the node that wrote it may be ahead.
      into.add("nebulex.journal.lag.age", Math.max(0, age) / 1000, attributesOf(index));
    }
    into.add("nebulex.journal.owned", owned, of);
  }
}
