import type { Milliseconds } from "../options.js";
import {
  type About,
  maxTimeline,
  type Row,
  type Snapshot,
  type Tables,
  type TimelineEntry,
} from "./snapshot.js";

/** The names of the tables. */
export const tableNames = [
  "tree",
  "streams",
  "partitions",
  "groups",
  "caches",
  "nodes",
] as const satisfies readonly (keyof Tables)[];

/** What has changed in one table: rows that are new or different, and ids of rows that are gone. */
export interface TableChanges<R extends Row = Row> {
  readonly set?: readonly R[];
  readonly gone?: readonly string[];
}

/** What has changed since the snapshot or update before; what is absent has not. */
export type Update = {
  readonly [Name in keyof Tables]?: TableChanges<Tables[Name][number]>;
} & {
  /** When it was read. */
  readonly time: Milliseconds;
  readonly about?: About;
  /** Entries that are new, oldest first. */
  readonly timeline?: readonly TimelineEntry[];
};

/** A snapshot with an update applied; tables without changes are the same arrays. */
export function applyUpdate(snapshot: Snapshot, update: Update): Snapshot {
  const tables: Record<string, readonly Row[]> = {};
  for (const name of tableNames)
    tables[name] = applyChanges(snapshot[name], update[name] as TableChanges | undefined);
  const { time, about, timeline } = update;
  return {
    ...(tables as unknown as Tables),
    time,
    about: about ?? snapshot.about,
    timeline:
      timeline === undefined
        ? snapshot.timeline
        : [...snapshot.timeline, ...timeline].slice(-maxTimeline),
  };
}

/** New rows are appended; a row that has changed stays where it is. */
function applyChanges(rows: readonly Row[], changes: TableChanges | undefined): readonly Row[] {
  if (changes === undefined) return rows;
  const byId = new Map(rows.map((row) => [row.id, row]));
  for (const id of changes.gone ?? []) byId.delete(id);
  for (const row of changes.set ?? []) byId.set(row.id, row);
  return [...byId.values()];
}

/**
 * Finds what has changed in the tables between two looks. It keeps the JSON of each row, which is
 * compared, and is what is sent.
 */
export class ChangeDetector {
  #before: ReadonlyMap<string, ReadonlyMap<string, string>> = new Map();

  /** The changes since the last call, as JSON members of an {@link Update}; none: "". */
  changes(tables: Tables): string {
    const before = this.#before;
    const now = jsonOf(tables);
    this.#before = now;
    const members: string[] = [];
    for (const name of tableNames) {
      const old = before.get(name);
      const rows = now.get(name) as ReadonlyMap<string, string>;
      const set: string[] = [];
      for (const [id, json] of rows) if (old?.get(id) !== json) set.push(json);
      const gone: string[] = [];
      for (const id of old?.keys() ?? []) if (!rows.has(id)) gone.push(id);
      if (set.length === 0 && gone.length === 0) continue;
      const parts = [
        ...(set.length === 0 ? [] : [`"set":[${set.join(",")}]`]),
        ...(gone.length === 0 ? [] : [`"gone":${JSON.stringify(gone)}`]),
      ];
      members.push(`"${name}":{${parts.join(",")}}`);
    }
    return members.join(",");
  }

  /** All tables as they were at the last call, as JSON members of a {@link Snapshot}. */
  get all(): string {
    return tableNames
      .map((name) => `"${name}":[${[...(this.#before.get(name)?.values() ?? [])].join(",")}]`)
      .join(",");
  }

  /** Frees the memory: the next changes are everything. */
  forget(): void {
    this.#before = new Map();
  }
}

function jsonOf(tables: Tables): Map<string, Map<string, string>> {
  const names = new Map<string, Map<string, string>>();
  for (const name of tableNames) {
    const rows = new Map<string, string>();
    for (const row of tables[name]) rows.set(row.id, JSON.stringify(row));
    names.set(name, rows);
  }
  return names;
}
