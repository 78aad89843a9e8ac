/** A row of a grid with what it is about, and its place in the tree. */
export interface GridRow<T> {
  readonly id: string;
  readonly item: T;
  /** From 1. */
  readonly level: number;
  /** Undefined: it has no children. */
  readonly open: boolean | undefined;
  /** Its place among its siblings, from 1, and how many they are. */
  readonly place: number;
  readonly siblings: number;
}

/** Something with children. */
export interface Branch<T> {
  readonly id: string;
  readonly item: T;
  readonly children: readonly Branch<T>[];
}

/** Which rows are shown. */
export interface Shown<T> {
  /** Whether the children of a branch are shown. */
  isOpen(branch: Branch<T>): boolean;
  /** Undefined: all rows. With it, rows above a match are shown too, open. */
  readonly matches: ((item: T) => boolean) | undefined;
  /** Order of siblings; undefined: as they are. */
  readonly order: ((one: T, other: T) => number) | undefined;
}

/** The rows that a tree shows, from the top. */
export function rowsOf<T>(roots: readonly Branch<T>[], shown: Shown<T>): GridRow<T>[] {
  const { matches } = shown;
  const kept = matches === undefined ? undefined : new Set<Branch<T>>();
  const keep = (branch: Branch<T>): boolean => {
    let isKept = matches?.(branch.item) ?? true;
    for (const child of branch.children) if (keep(child)) isKept = true;
    if (isKept) kept?.add(branch);
    return isKept;
  };
  if (kept !== undefined) for (const root of roots) keep(root);
  const rows: GridRow<T>[] = [];
  const add = (all: readonly Branch<T>[], level: number): void => {
    const left = kept === undefined ? all : all.filter((branch) => kept.has(branch));
    const { order } = shown;
    const sorted =
      order === undefined ? left : [...left].sort((one, other) => order(one.item, other.item));
    for (const [index, branch] of sorted.entries()) {
      const below =
        kept === undefined ? branch.children : branch.children.filter((child) => kept.has(child));
      const open = below.length === 0 ? undefined : kept !== undefined || shown.isOpen(branch);
      const { id, item } = branch;
      rows.push({ id, item, level, open, place: index + 1, siblings: sorted.length });
      if (open === true) add(below, level + 1);
    }
  };
  add(roots, 1);
  return rows;
}

/** Rows without a tree. */
export function flatRows<T>(items: readonly T[], id: (item: T) => string): GridRow<T>[] {
  return items.map((item, index) => ({
    id: id(item),
    item,
    level: 1,
    open: undefined,
    place: index + 1,
    siblings: items.length,
  }));
}

/** Whether any of some texts has all words of a query. Case does not matter. */
export function matcherOf(query: string): ((texts: readonly string[]) => boolean) | undefined {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return undefined;
  return (texts) => {
    const text = texts.join("\n").toLowerCase();
    return words.every((word) => text.includes(word));
  };
}
