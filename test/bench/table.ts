import Table from "cli-table3";
import { lacksOf } from "./peers/index.js";
import { type Result, type Scenario, us } from "./scenario.js";
import type { Figure } from "./stats.js";

const plain = {
  head: [],
  border: [],
};

/** Three digits that count, with thousands marked. */
export function readable(value: number): string {
  if (!Number.isFinite(value)) return "-";
  const digits = Math.abs(value) >= 100 || value === 0 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en", {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

const cell = ({ median, spread }: Figure, ratio?: number): string => {
  const figure = `${readable(median)} ±${Math.round(spread * 100)}%`;
  return ratio === undefined ? figure : `${figure}  ${ratio.toFixed(2)}x`;
};

/** One scenario for people: a table for all variants in a row that have the same peers. */
export function tableOf({ id, title, about }: Scenario, results: readonly Result[]): string {
  const groups: Result[][] = [];
  for (const result of results) {
    const last = groups.at(-1);
    const same = last?.[0] !== undefined && peersOf(last[0]) === peersOf(result);
    if (same) last?.push(result);
    else groups.push([result]);
  }
  return [`(${id}) ${title}`, `    ${about}`, ...groups.map(tableOfGroup)].join("\n");
}

const peersOf = ({ peers }: Result): string => Object.keys(peers).join();

function tableOfGroup(results: readonly Result[]): string {
  const table = new Table({
    head: ["", ...results.map(({ name, unit }) => `${name}\n${unit}`), "does not do"],
    style: plain,
    colAligns: ["left", ...results.map(() => "right" as const), "left"],
    wordWrap: true,
    colWidths: [null, ...results.map(() => null), 44],
  });
  table.push([us, ...results.map(({ ours }) => cell(ours)), ""]);
  const peers = new Set(results.flatMap((result) => Object.keys(result.peers)));
  for (const peer of peers) {
    const cells = results.map(({ peers: figures, ratios }) => {
      const figure = figures[peer];
      return figure === undefined ? "" : cell(figure, ratios[peer]);
    });
    table.push([peer, ...cells, lacksOf(peer)]);
  }
  return table.toString();
}
