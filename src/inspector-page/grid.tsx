import type { ComponentChildren, CSSProperties } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { Icon } from "./icon.js";
import type { GridRow } from "./tree.js";

/** Rows rendered above and below those in sight. */
const margin = 6;
const rowHeight = 34;
/** Pixels: a grid that has less shows each row in several lines. */
const leastWidth = 560;

/** How much of it there is for the columns; `narrow`: each row is in several lines. */
export type Room = "wide" | "tight" | "narrow";

/** A column of a grid. */
export interface Column<T> {
  readonly id: string;
  readonly title: string;
  /** What it means, in a few words. */
  readonly hint?: string;
  /** A track of a CSS grid. */
  readonly width: string;
  /** The same, where there is not enough room for all. */
  readonly tight?: string;
  readonly end?: boolean;
  /** Left out where there is not enough room for all. */
  readonly wide?: boolean;
  /** It names the row: the first line where a row has several. Default: the first column. */
  readonly main?: boolean;
  /** Its title is not repeated where a row has several lines. */
  readonly plain?: boolean;
  /** By what the rows are sorted, the largest first. */
  readonly sort?: (item: T) => number;
  /** Null: nothing is to be said. */
  cell(item: T, room: Room, open: boolean | undefined): ComponentChildren;
}

/** By which column rows are sorted. */
export interface Sort {
  readonly column: string;
  readonly descending: boolean;
}

interface GridProps<T> {
  readonly label: string;
  readonly isTree: boolean;
  readonly columns: readonly Column<T>[];
  readonly rows: readonly GridRow<T>[];
  /** Row whose details are shown. */
  readonly selected: string | undefined;
  readonly sort: Sort | undefined;
  /** What there is in place of rows. */
  readonly empty: string;
  /** Of a row in several lines, in pixels. */
  readonly narrowHeight: number;
  /** New rows come above the others: what is in sight stays where it is, but at the very top. */
  readonly newestFirst?: boolean;
  readonly rowClass?: (item: T) => string;
  onSelect(id: string): void;
  onToggle?(id: string, open: boolean): void;
  onSort?(sort: Sort | undefined): void;
}

/** What sorts items by a column; undefined: they stay as they are. */
export function orderBy<T>(
  columns: readonly Column<T>[],
  sort: Sort | undefined,
): ((one: T, other: T) => number) | undefined {
  const key = columns.find(({ id }) => id === sort?.column)?.sort;
  if (key === undefined || sort === undefined) return undefined;
  return sort.descending
    ? (one, other) => key(other) - key(one)
    : (one, other) => key(one) - key(other);
}

/**
 * A table or a tree of any number of rows, of which only those in sight are in the document. One row
 * is in the tab order; arrow keys go to the others.
 */
export function Grid<T>(props: GridProps<T>) {
  const { rows, selected, columns, onSelect, onToggle } = props;
  const whole = useRef<HTMLDivElement>(null);
  const body = useRef<HTMLDivElement>(null);
  const [scrollTop, setScrollTop] = useState(0);
  const [{ width, sight }, setSize] = useState({ width: 1000, sight: 600 });
  const room = width < leastWidth ? "narrow" : width < widthOf(columns) ? "tight" : "wide";
  const isNarrow = room === "narrow";
  const height = isNarrow ? props.narrowHeight : rowHeight;
  const shownColumns =
    room === "wide"
      ? columns
      : columns
          .filter(({ wide }) => wide !== true)
          .map((column) => ({ ...column, width: column.tight ?? column.width }));
  const [active, setActive] = useState<string>();
  const wantsFocus = useRef(false);
  const lastIndex = useRef(0);

  useLayoutEffect(() => {
    const [outer, inner] = [whole.current as HTMLDivElement, body.current as HTMLDivElement];
    const measure = (): void =>
      setSize((before) =>
        before.width === outer.clientWidth && before.sight === inner.clientHeight
          ? before
          : { width: outer.clientWidth, sight: inner.clientHeight },
      );
    const observer = new ResizeObserver(measure);
    observer.observe(outer);
    observer.observe(inner);
    measure();
    return () => observer.disconnect();
  }, []);

  // Details may be opened from elsewhere: their row is brought into sight.
  useLayoutEffect(() => {
    const index = rows.findIndex(({ id }) => id === selected);
    if (index === -1) return;
    setActive(selected);
    bringIntoSight(body.current as HTMLDivElement, index * height, height);
  }, [selected, height]);

  const anchor = useRef<string | undefined>(undefined);
  const top = Math.floor(scrollTop / height);
  useLayoutEffect(() => {
    const element = body.current as HTMLDivElement;
    const moved = rows.findIndex(({ id }) => id === anchor.current) - top;
    if (props.newestFirst === true && element.scrollTop > 0 && moved > 0 && top + moved >= 0)
      element.scrollTop += moved * height;
    else anchor.current = rows[top]?.id;
  }, [rows.length, rows[0]?.id, top]);

  const found = rows.findIndex(({ id }) => id === (active ?? selected));
  const activeIndex = found === -1 ? Math.min(lastIndex.current, rows.length - 1) : found;
  lastIndex.current = Math.max(0, activeIndex);

  // A row that has the focus may be gone after an update: the one in its place gets it.
  const hadFocus = body.current?.contains(document.activeElement) ?? false;
  useLayoutEffect(() => {
    const element = body.current as HTMLDivElement;
    if (!wantsFocus.current && !(hadFocus && !element.contains(document.activeElement))) return;
    wantsFocus.current = false;
    element.querySelector<HTMLElement>('[tabindex="0"]')?.focus({ preventScroll: true });
  });

  const goTo = (index: number): void => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (row === undefined) return;
    setActive(row.id);
    wantsFocus.current = true;
    bringIntoSight(body.current as HTMLDivElement, rows.indexOf(row) * height, height);
  };
  const onKeyDown = (event: KeyboardEvent): void => {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const row = rows[activeIndex];
    if (row === undefined || !(event.target as Element).matches('[role="row"]')) return;
    const page = Math.max(1, Math.floor(sight / height) - 1);
    const keys: Record<string, () => void> = {
      ArrowDown: () => goTo(activeIndex + 1),
      ArrowUp: () => goTo(activeIndex - 1),
      PageDown: () => goTo(activeIndex + page),
      PageUp: () => goTo(activeIndex - page),
      Home: () => goTo(0),
      End: () => goTo(rows.length - 1),
      ArrowRight: () => {
        if (row.open === false) onToggle?.(row.id, true);
        else if (row.open === true) goTo(activeIndex + 1);
      },
      ArrowLeft: () => {
        if (row.open === true) onToggle?.(row.id, false);
        else goTo(parentOf(rows, activeIndex));
      },
      Enter: () => onSelect(row.id),
      " ": () => onSelect(row.id),
    };
    const act = keys[event.key];
    if (act === undefined) return;
    event.preventDefault();
    act();
  };

  const first = Math.max(0, Math.floor(scrollTop / height) - margin);
  const end = Math.min(rows.length, Math.ceil((scrollTop + sight) / height) + margin);
  const indexes = Array.from({ length: Math.max(0, end - first) }, (_, index) => first + index);
  // The row with the focus stays, wherever it is.
  if (activeIndex >= 0 && activeIndex < first) indexes.unshift(activeIndex);
  else if (activeIndex >= end) indexes.push(activeIndex);

  return (
    <div
      class={`grid ${isNarrow ? "narrow" : ""}`}
      role={props.isTree ? "treegrid" : "grid"}
      aria-label={props.label}
      aria-rowcount={rows.length + 1}
      ref={whole}
      style={
        {
          "--columns": shownColumns.map(({ width: track }) => track).join(" "),
          "--row": `${height}px`,
          "--least": `${widthOf(shownColumns)}px`,
        } as CSSProperties
      }
      onKeyDown={onKeyDown}
    >
      <div role="rowgroup" class="grid-head">
        <div role="row" class="grid-row" aria-rowindex={1}>
          {shownColumns.map((column) => (
            <Head key={column.id} {...props} column={column} />
          ))}
        </div>
      </div>
      <div
        role="rowgroup"
        class="grid-body"
        ref={body}
        onScroll={(event) => setScrollTop(event.currentTarget.scrollTop)}
      >
        <div role="presentation" class="grid-space" style={{ height: `${rows.length * height}px` }}>
          {indexes.map((index) => {
            const row = rows[index] as GridRow<T>;
            return (
              <Row
                key={row.id}
                row={row}
                index={index}
                height={height}
                room={room}
                columns={shownColumns}
                isTree={props.isTree}
                isActive={index === activeIndex}
                isSelected={row.id === selected}
                mark={props.rowClass?.(row.item) ?? ""}
                onFocus={() => setActive(row.id)}
                onSelect={() => onSelect(row.id)}
                onToggle={(open) => onToggle?.(row.id, open)}
              />
            );
          })}
        </div>
      </div>
      {rows.length === 0 && <p class="empty">{props.empty}</p>}
    </div>
  );
}

/** Pixels that the columns need at the least. */
function widthOf(columns: readonly Column<never>[]): number {
  const rem = parseFloat(getComputedStyle(document.documentElement).fontSize);
  const sizes = columns.map(({ width }) => parseFloat(/[\d.]+(?=rem)/.exec(width)?.[0] ?? "0"));
  return rem * sizes.reduce((total, size) => total + size, 2);
}

function bringIntoSight(element: HTMLElement, top: number, height: number): void {
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + height > element.scrollTop + element.clientHeight)
    element.scrollTop = top + height - element.clientHeight;
}

function parentOf(rows: readonly GridRow<unknown>[], index: number): number {
  const level = rows[index]?.level ?? 1;
  let above = index;
  while (above > 0 && (rows[above]?.level ?? 1) >= level) above--;
  return (rows[above]?.level ?? 1) < level ? above : index;
}

/** Sorts by its column: the largest first, then the smallest, then not at all. */
function Head<T>({ column, sort, onSort }: GridProps<T> & { column: Column<T> }) {
  const { id, title, hint, end } = column;
  const isSorted = sort?.column === id;
  const next = !isSorted
    ? { column: id, descending: true }
    : sort.descending
      ? { column: id, descending: false }
      : undefined;
  const order = isSorted ? (sort.descending ? "descending" : "ascending") : "none";
  return (
    <div
      role="columnheader"
      class={end ? "end" : ""}
      title={hint}
      aria-sort={column.sort === undefined ? undefined : order}
    >
      {column.sort === undefined || onSort === undefined ? (
        title
      ) : (
        <button type="button" class="sort" onClick={() => onSort(next)}>
          {title}
          {isSorted && <Icon name={sort.descending ? "down" : "up"} />}
        </button>
      )}
    </div>
  );
}

interface RowProps<T> {
  readonly row: GridRow<T>;
  readonly index: number;
  readonly height: number;
  readonly room: Room;
  readonly columns: readonly Column<T>[];
  readonly isTree: boolean;
  readonly isActive: boolean;
  readonly isSelected: boolean;
  readonly mark: string;
  onFocus(): void;
  onSelect(): void;
  onToggle(open: boolean): void;
}

function Row<T>(props: RowProps<T>) {
  const { row, index, columns, isTree, onToggle } = props;
  const tree = isTree
    ? {
        "aria-level": row.level,
        "aria-posinset": row.place,
        "aria-setsize": row.siblings,
        "aria-expanded": row.open,
      }
    : {};
  const style = { transform: `translateY(${index * props.height}px)`, "--level": row.level - 1 };
  const main = Math.max(
    0,
    columns.findIndex((column) => column.main),
  );
  return (
    <div
      role="row"
      class={`grid-row ${props.mark}`}
      data-id={row.id}
      tabIndex={props.isActive ? 0 : -1}
      aria-rowindex={index + 2}
      aria-selected={props.isSelected}
      {...tree}
      style={style as CSSProperties}
      onFocus={props.onFocus}
      onClick={props.onSelect}
    >
      {columns.map((column, place) => {
        const content = column.cell(row.item, props.room, row.open);
        if (place !== main && (content === null || content === undefined || content === false))
          return <div role="gridcell" key={column.id} class="nothing" />;
        return (
          <div
            role="gridcell"
            key={column.id}
            class={`${place === main ? "first" : ""} ${column.end ? "end" : ""}`}
            data-title={column.plain ? undefined : column.title}
          >
            {place === 0 && isTree && <Fold open={row.open} onToggle={onToggle} />}
            {content}
          </div>
        );
      })}
    </div>
  );
}

/** For the pointer: by keyboard, the row's arrow keys do it. */
function Fold({ open, onToggle }: { open: boolean | undefined; onToggle(open: boolean): void }) {
  return (
    <span
      class={`fold ${open ? "open" : ""}`}
      aria-hidden="true"
      onClick={(event) => {
        if (open === undefined) return;
        event.stopPropagation();
        onToggle(!open);
      }}
    >
      {open !== undefined && <Icon name="chevron" />}
    </span>
  );
}
