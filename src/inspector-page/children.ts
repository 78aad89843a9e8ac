import type { TreeRow } from "../inspector/snapshot.js";
import type { Branch } from "./tree.js";

/** A supervisor with more children is closed, until it is opened. */
const manyChildren = 40;
/** A new incarnation is pointed out for so long. */
export const recent = 10_000;

/** A row of the tree, with what is below it. */
export interface Child {
  readonly row: TreeRow;
  /** Rows below, at any depth. */
  readonly below: number;
  /** Those of them that are not running. */
  readonly notRunning: number;
  /** When the newest incarnation below, that is not a first one, has begun; null: there is none. */
  readonly restartedAt: number | null;
}

export interface Tree {
  readonly roots: readonly Branch<Child>[];
  readonly byId: ReadonlyMap<string, Branch<Child>>;
  /** Supervisors and workers that are not running. */
  readonly notRunning: number;
  readonly running: number;
}

/** The tree that the rows describe; a row without its parent is at the top. */
export function treeOf(rows: readonly TreeRow[]): Tree {
  const ids = new Set(rows.map(({ id }) => id));
  const below = new Map<string | null, TreeRow[]>();
  for (const row of rows) {
    const parent = row.parent !== null && ids.has(row.parent) ? row.parent : null;
    const siblings = below.get(parent);
    if (siblings === undefined) below.set(parent, [row]);
    else siblings.push(row);
  }
  const byId = new Map<string, Branch<Child>>();
  const branches = (parent: string | null): Branch<Child>[] =>
    (below.get(parent) ?? [])
      .sort((one, other) => one.place - other.place)
      .map((row) => {
        const children = branches(row.id);
        const branch = { id: row.id, item: childOf(row, children), children };
        byId.set(row.id, branch);
        return branch;
      });
  const roots = branches(null);
  const notRunning = roots.reduce(
    (total, { item }) => total + item.notRunning + (isRunning(item.row) ? 0 : 1),
    0,
  );
  return { roots, byId, notRunning, running: rows.length - notRunning };
}

function childOf(row: TreeRow, children: readonly Branch<Child>[]): Child {
  let [below, notRunning] = [0, 0];
  let restartedAt: number | null = null;
  for (const { item } of children) {
    below += 1 + item.below;
    notRunning += (isRunning(item.row) ? 0 : 1) + item.notRunning;
    for (const time of [item.restartedAt, restartOf(item.row)])
      if (time !== null) restartedAt = Math.max(restartedAt ?? 0, time);
  }
  return { row, below, notRunning, restartedAt };
}

/** When it was started again; null: it was not, or is dead. */
export function restartOf({ incarnation, startedAt }: TreeRow): number | null {
  return incarnation > 1 ? startedAt : null;
}

export function isRunning({ state }: TreeRow): boolean {
  return state === "running" || state === "starting";
}

/** Whether the children are shown, if the user has not said. */
export function isOpenAtFirst({ children }: Branch<Child>): boolean {
  return children.length <= manyChildren;
}

/** Restarts that count for the limit now. */
export function restartsNow(row: TreeRow, now: number): number {
  const { supervisor } = row;
  if (supervisor === null || supervisor.lastRestart === null) return 0;
  return now - supervisor.lastRestart > supervisor.window ? 0 : supervisor.restarts;
}

/** What is between the system and the row, by name. */
export function matchesChild({ row }: Child, matches: (texts: readonly string[]) => boolean) {
  return matches([row.name, row.state, row.kind, row.lastExit?.reason ?? ""]);
}
