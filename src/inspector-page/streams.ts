import type { GroupRow, PartitionRow, Snapshot, StreamRow } from "../inspector/snapshot.js";
import { earliest, sum } from "./format.js";
import { idOf } from "./ids.js";
import type { Branch } from "./tree.js";

/** More rows of partitions than that are closed, until they are opened. */
const manyRows = 48;

/** A row of the view of streams. */
export interface StreamItem {
  readonly id: string;
  readonly kind: "stream" | "log" | "partition" | "group" | "place";
  readonly name: string;
  readonly stream: StreamRow;
  /** Of these partitions. */
  readonly partitions: readonly PartitionRow[];
  /** Of these places; none: of the log alone. */
  readonly places: readonly GroupRow[];
  /** Series of events that come in. */
  readonly incoming: string;
}

export interface Streams {
  readonly roots: readonly Branch<StreamItem>[];
  readonly byId: ReadonlyMap<string, StreamItem>;
  readonly closeAtFirst: boolean;
}

/** Streams, their logs and groups, and the partitions of each. */
export function streamsOf({ streams, partitions, groups }: Snapshot): Streams {
  const byId = new Map<string, StreamItem>();
  const make = (item: StreamItem, children: readonly Branch<StreamItem>[] = []) => {
    byId.set(item.id, item);
    return { id: item.id, item, children };
  };
  const logs = grouped(partitions, ({ stream }) => stream);
  const readers = grouped(groups, ({ stream }) => stream);
  const roots = [...streams].sort(byName).map((stream) => {
    const log = (logs.get(stream.id) ?? []).sort(byPartition);
    const byNumber = new Map(log.map((row) => [row.partition, row]));
    const own = { stream, incoming: `in ${idOf.stream(stream.id)}` };
    const placesByGroup = grouped(readers.get(stream.id) ?? [], idOf.group);
    const groupBranches = [...placesByGroup].map(([id, places]) => {
      const first = places[0] as GroupRow;
      places.sort(byPartition);
      const children = places.map((row) => {
        const of = byNumber.get(row.partition);
        return make({
          ...own,
          id: idOf.place(row),
          kind: "place",
          name: partitionName(stream, row.partition),
          partitions: of === undefined ? [] : [of],
          places: [row],
          incoming: of === undefined ? "" : `in ${idOf.partition(of)}`,
        });
      });
      const name = first.group ?? "readers without a group";
      const item: StreamItem = { ...own, id, kind: "group", name, partitions: log, places };
      return make(item, stream.partitions === null ? [] : children);
    });
    groupBranches.sort((one, other) => one.item.name.localeCompare(other.item.name));
    const partitionBranches = log.map((row) =>
      make({
        stream,
        id: idOf.partition(row),
        kind: "partition",
        name: partitionName(stream, row.partition),
        partitions: [row],
        places: [],
        incoming: `in ${idOf.partition(row)}`,
      }),
    );
    const logBranch = make(
      {
        ...own,
        id: idOf.log(stream.id),
        kind: "log",
        name: "log",
        partitions: log,
        places: [],
      },
      partitionBranches,
    );
    const id = idOf.stream(stream.id);
    const places = groupBranches.flatMap(({ item }) => item.places);
    return make({ ...own, id, kind: "stream", name: streamName(stream), partitions: log, places }, [
      ...groupBranches,
      ...(stream.partitions === null ? [] : [logBranch]),
    ]);
  });
  return { roots, byId, closeAtFirst: groups.length > manyRows };
}

function grouped<T>(rows: readonly T[], key: (row: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const row of rows) {
    const group = groups.get(key(row));
    if (group === undefined) groups.set(key(row), [row]);
    else group.push(row);
  }
  return groups;
}

function byPartition(one: { partition: number }, other: { partition: number }): number {
  return one.partition - other.partition;
}

function byName(one: StreamRow, other: StreamRow): number {
  return streamName(one).localeCompare(streamName(other));
}

export function streamName({ cache, name }: StreamRow): string {
  return cache === name ? name : `${cache} / ${name}`;
}

function partitionName({ partitions }: StreamRow, partition: number): string {
  return partitions === null ? "log" : `partition ${partition}`;
}

/** The log's partitions are closed: those of the groups say the same, and more. */
export function isOpenAtFirst(streams: Streams): (branch: Branch<StreamItem>) => boolean {
  return ({ item }) =>
    item.kind === "stream" ||
    (item.kind === "log" ? item.stream.partitions === null : !streams.closeAtFirst);
}

/** What the places of an item sum up to. */
export interface Totals {
  readonly lag: number;
  readonly oldestAt: number | null;
  readonly failures: number;
  readonly deadLetters: number;
  readonly gaps: number;
  readonly paused: number;
  /** Partitions of groups that nobody handles. */
  readonly nobody: number;
}

export function totalsOf(places: readonly GroupRow[]): Totals {
  return {
    lag: sum(places, ({ lag }) => lag),
    oldestAt: earliest(places.map(({ oldestAt }) => oldestAt)),
    failures: sum(places, ({ failures }) => failures),
    deadLetters: sum(places, ({ deadLetters }) => deadLetters),
    gaps: sum(places, gapsOf),
    paused: places.filter(({ paused }) => paused).length,
    nobody: places.filter(isNobodys).length,
  };
}

/** Readers without a group may be none. */
export function isNobodys({ group, owner }: GroupRow): boolean {
  return group !== null && owner === null;
}

export function gapsOf({ gaps }: GroupRow): number {
  return sum(Object.values(gaps), (value) => value ?? 0);
}

/** Numbers of gaps by reason. */
export function gapsByReason(places: readonly GroupRow[]): [reason: string, count: number][] {
  const reasons = new Map<string, number>();
  for (const { gaps } of places)
    for (const [reason, count] of Object.entries(gaps))
      if (count > 0) reasons.set(reason, (reasons.get(reason) ?? 0) + count);
  return [...reasons];
}

/** Numbers of partitions by owner, in the order of the names; the ones of nobody last. */
export function partitionsByOwner(
  places: readonly GroupRow[],
): (readonly [owner: string | null, partitions: number[]])[] {
  const owners = new Map<string | null, number[]>();
  for (const { owner, partition } of places) {
    const partitions = owners.get(owner);
    if (partitions === undefined) owners.set(owner, [partition]);
    else partitions.push(partition);
  }
  return [...owners].sort(([one], [other]) => {
    if (one === null || other === null) return one === null ? 1 : -1;
    return one.localeCompare(other);
  });
}

/** The series of what the item's groups handle; undefined: of no single group. */
export function seriesOf(item: StreamItem): { handled: string; lag: string } | undefined {
  if (item.kind !== "group" && item.kind !== "place") return undefined;
  return { handled: `handled ${item.id}`, lag: `lag ${item.id}` };
}
