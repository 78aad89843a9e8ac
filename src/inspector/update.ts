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

/** A row as it was read, and as it is sent. */
interface KnownRow {
  readonly row: Row;
  readonly json: string;
}

type KnownRows = ReadonlyMap<string, KnownRow>;

/**
 * Finds what has changed in the tables between two looks. A row is made into JSON once, and again
 * when it has changed.
 */
export class ChangeDetector {
  #known: ReadonlyMap<string, KnownRows> = new Map();

  /** The changes since the last call, as JSON members of an {@link Update}; none: "". */
  changes(tables: Tables): string {
    const known = new Map<string, KnownRows>();
    const members: string[] = [];
    for (const name of tableNames) {
      const before = this.#known.get(name) ?? new Map<string, KnownRow>();
      const now = new Map<string, KnownRow>();
      known.set(name, now);
      const set: string[] = [];
      for (const row of tables[name]) {
        const old = before.get(row.id);
        const isKnown = old !== undefined && isSame(old.row, row);
        const one = isKnown ? old : { row, json: JSON.stringify(row) };
        now.set(row.id, one);
        if (!isKnown) set.push(one.json);
      }
      const gone: string[] = [];
      for (const id of before.keys()) if (!now.has(id)) gone.push(id);
      if (set.length === 0 && gone.length === 0) continue;
      const parts = [
        ...(set.length === 0 ? [] : [`"set":[${set.join(",")}]`]),
        ...(gone.length === 0 ? [] : [`"gone":${JSON.stringify(gone)}`]),
      ];
      members.push(`"${name}":{${parts.join(",")}}`);
    }
    this.#known = known;
    return members.join(",");
  }

  /** All tables as they were at the last call, as JSON members of a {@link Snapshot}. */
  get all(): string {
    return tableNames
      .map((name) => {
        const rows = Array.from(this.#known.get(name)?.values() ?? [], ({ json }) => json);
        return `"${name}":[${rows.join(",")}]`;
      })
      .join(",");
  }

  /** Frees the memory: the next changes are everything. */
  forget(): void {
    this.#known = new Map();
  }
}

type Fields = Readonly<Record<string, unknown>>;

/** Whether two values of JSON are the same. Nothing is allocated: it looks at every field of a row. */
function isSame(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  let fields = 0;
  for (const key in a) {
    if (!isSame((a as Fields)[key], (b as Fields)[key])) return false;
    fields++;
  }
  for (const _ in b) fields--;
  return fields === 0;
}
