import { pause, systemClock } from "../clock.js";
import type { GroupRow, NodeRow, PartitionRow, Tables } from "../inspector/snapshot.js";
import type { Milliseconds } from "../options.js";
import { monotonicNow, wallClockNow } from "../timers.js";
import type { TopOptions } from "./arguments.js";
import { BrokerFailure } from "./broker.js";
import type { ClusterSource } from "./cluster-source.js";
import { ageText, Screen } from "./groups.js";
import { openCluster } from "./inspect.js";
import { NotFound } from "./journal.js";
import type { Output } from "./output.js";
import { jsonText, printable } from "./show-event.js";
import { table } from "./table.js";

/** Milliseconds between two looks: the time that rates are about. */
const interval: Milliseconds = 1000;

/** One look, and the events a second since the look before, by partition. */
interface Look {
  readonly time: Milliseconds;
  readonly tables: Tables;
  readonly rates: ReadonlyMap<number, number>;
  readonly trouble: string | null;
}

/**
 * Shows a stream's nodes, partitions and groups: once, or on a terminal until interrupted.
 *
 * @throws (as a rejection) BrokerFailure; NotFound where there is nothing to print once
 * @internal
 */
export async function top(options: TopOptions, output: Output): Promise<void> {
  await using cluster = await openCluster(options, output.signal);
  await Promise.race([showTop(cluster.source, options, output), cluster.failed]);
}

/** @internal */
export async function showTop(
  source: ClusterSource,
  options: Pick<TopOptions, "cache" | "name" | "namespace" | "once" | "json" | "heartbeat">,
  output: Output,
): Promise<void> {
  const { size, signal } = output;
  const isOnce = options.once || size === undefined;
  source.begin();
  try {
    const rates = new Rates();
    await lookAt(source, rates);
    // Nodes without a journal announce themselves once a heartbeat.
    await pause(systemClock, isOnce ? Math.max(interval, options.heartbeat) : interval, signal);
    const screen = new Screen(output);
    while (!signal.aborted) {
      const look = await lookAt(source, rates);
      if (isOnce) {
        checkFound(look, options);
        output.write(options.json ? textOf(look) : `${linesOf(look, options).join("\n")}\n`);
        return;
      }
      screen.show(linesOf(look, options));
      await pause(systemClock, interval, signal);
    }
  } finally {
    source.end();
  }
}

/** @throws BrokerFailure, NotFound */
function checkFound(
  { tables: { nodes, partitions }, trouble }: Look,
  { cache, name, namespace }: Pick<TopOptions, "cache" | "name" | "namespace">,
): void {
  if (nodes.length > 0 || partitions.length > 0) return;
  if (trouble !== null) throw new BrokerFailure(trouble);
  const instance = name === cache ? "" : `, instance ${name},`;
  throw new NotFound(
    `no node has a stream of cache ${cache}${instance} in namespace ${namespace}, nor is there a journal of one`,
  );
}

async function lookAt(source: ClusterSource, rates: Rates): Promise<Look> {
  await source.look();
  const tables = source.read();
  const { trouble } = source.about();
  const time = Math.round(wallClockNow());
  return { time, tables, rates: rates.of(tables.partitions), trouble };
}

/** Events a second of each partition, between two calls. */
class Rates {
  #before = new Map<number, number>();
  #at: Milliseconds | undefined;

  of(partitions: readonly PartitionRow[]): Map<number, number> {
    const now = monotonicNow();
    const seconds = this.#at === undefined ? Infinity : (now - this.#at) / 1000;
    const rates = new Map<number, number>();
    for (const { partition, events } of partitions) {
      // A new generation counts from 0.
      const since = Math.max(0, events - (this.#before.get(partition) ?? events));
      rates.set(partition, since / seconds);
    }
    this.#before = new Map(partitions.map(({ partition, events }) => [partition, events]));
    this.#at = now;
    return rates;
  }
}

function textOf({ time, tables, rates, trouble }: Look): string {
  const { streams, partitions, groups, nodes } = tables;
  const { cache, name, partitions: count } = streams[0] ?? {};
  return jsonText({
    time,
    cache,
    name,
    partitions: count ?? null,
    trouble,
    nodes: nodes.map(({ node, over, status, epoch, startedAt, heardAt, outbox, ahead }) => {
      return { node, over, status, epoch, startedAt, heardAt, outbox, ahead };
    }),
    events: partitions.map(({ partition, events, kept }) => {
      return { partition, events, kept, rate: rates.get(partition) ?? 0 };
    }),
    groups: groups.map(({ group, partition, owner, fence, position, lag, ...row }) => {
      const { oldestAt, paused, deadLetters } = row;
      return { group, partition, owner, fence, position, lag, oldestAt, paused, deadLetters };
    }),
  });
}

function linesOf(
  { time, tables, rates, trouble }: Look,
  { cache, name }: Pick<TopOptions, "cache" | "name">,
): string[] {
  const total = [...rates.values()].reduce((sum, rate) => sum + rate, 0);
  const { nodes, groups } = tables;
  const instance = name === cache ? "" : `, instance ${name}`;
  return [
    printable(`stream  cache ${cache}${instance}: ${rateText(total)} events a second`),
    ...(trouble === null ? [] : [printable(`problem ${trouble}`)]),
    "",
    ...(nodes.length === 0 ? ["nodes   none"] : nodeLines(nodes, time)),
    "",
    ...(groups.length === 0 ? ["groups  none"] : groupLines(groups, rates, time)),
  ];
}

function nodeLines(nodes: readonly NodeRow[], time: Milliseconds): string[] {
  const rows = [...nodes]
    .sort((a, b) => (a.node < b.node ? -1 : 1))
    .map((node) => [
      printable(node.node),
      node.over,
      node.status,
      node.startedAt === null ? "-" : ageText(Math.max(0, time - node.startedAt)),
      node.heardAt === null ? "-" : ageText(Math.max(0, time - node.heardAt)),
      node.outbox === null ? "-" : String(node.outbox),
      node.ahead === null ? "-" : `${node.ahead} ms`,
    ]);
  return table([["node", "over", "status", "up", "heard", "outbox", "clock"], ...rows]);
}

function groupLines(
  groups: readonly GroupRow[],
  rates: ReadonlyMap<number, number>,
  time: Milliseconds,
): string[] {
  const rows = [...groups]
    .sort((a, b) => (a.group === b.group ? a.partition - b.partition : nameOrder(a, b)))
    .map((row) => [
      printable(row.group ?? "-"),
      String(row.partition),
      printable(row.owner ?? "nobody"),
      rateText(rates.get(row.partition) ?? 0),
      String(row.lag),
      row.oldestAt === null ? "-" : ageText(Math.max(0, time - row.oldestAt)),
      row.paused ? "paused" : "-",
      String(row.deadLetters),
    ]);
  const heading = ["group", "partition", "owner", "events/s", "lag", "oldest", "paused"];
  return table([[...heading, "dead letters"], ...rows]);
}

function nameOrder(a: GroupRow, b: GroupRow): number {
  return (a.group ?? "") < (b.group ?? "") ? -1 : 1;
}

function rateText(rate: number): string {
  return rate < 10 ? rate.toFixed(1) : String(Math.round(rate));
}
