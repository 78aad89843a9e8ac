import type { Result } from "./table.js";

const columns: readonly (readonly [string, (result: Result) => string])[] = [
  ["", ({ id }) => id],
  ["experiment", ({ name }) => name],
  ["written", ({ written }) => count(written)],
  ["handled", ({ handled }) => count(handled)],
  ["lost", ({ lost }) => count(lost)],
  ["twice", ({ duplicated }) => count(duplicated)],
  ["keys out of order", ({ outOfOrder }) => count(outOfOrder)],
  ["reported in gaps", ({ gapEvents }) => count(gapEvents)],
  ["merged", ({ coalesced }) => count(coalesced)],
  ["restarts", ({ restarts }) => count(restarts)],
  ["seconds", ({ seconds }) => seconds.toFixed(1)],
];

/** Columns of text; the others are numbers. */
const textColumns = 2;

/** The results as a table. */
export function formatTable(results: readonly Result[]): string {
  const shown = results.flatMap((result) =>
    result.coalesce === undefined ? [result] : [result, result.coalesce],
  );
  return formatColumns(columns, shown, textColumns);
}

/** A table with a row for each item; the first columns are text, the others numbers. */
export function formatColumns<T>(
  columns: readonly (readonly [title: string, show: (item: T) => string])[],
  items: readonly T[],
  textColumns: number,
): string {
  const rows = [
    columns.map(([title]) => title),
    ...items.map((item) => columns.map(([, show]) => show(item))),
  ];
  const widths = columns.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  );
  const lines = rows.map((row) => row.map((cell, column) => align(cell, column)).join("  "));
  const rule = widths.map((width) => "-".repeat(width)).join("  ");
  return [lines[0], rule, ...lines.slice(1)].join("\n");

  function align(cell: string, column: number): string {
    const width = widths[column] ?? 0;
    return column < textColumns ? cell.padEnd(width) : cell.padStart(width);
  }
}

/** The results for machines. */
export function formatJson(results: readonly Result[]): string {
  return `${JSON.stringify({ experiments: results }, null, 2)}\n`;
}

function count(value: number): string {
  return value.toLocaleString("en-US");
}
