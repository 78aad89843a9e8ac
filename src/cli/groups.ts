import { pause, systemClock } from "../clock.js";
import { type ClusterGroupStatus, type GroupPlace, statusOf } from "../group/group-state.js";
import type { Milliseconds } from "../options.js";
import { withoutSecrets } from "../pubsub/broker-address.js";
import { reasonOf } from "../pubsub/broker-session.js";
import { wallClockNow } from "../timers.js";
import type { GroupsOptions, StreamsOptions } from "./group-arguments.js";
import {
  checkPartition,
  journalStream,
  journalStreams,
  type JournalConnection,
  type JournalStream,
  noStreams,
  NotFound,
} from "./journal.js";
import type { Output } from "./output.js";
import { jsonText, printable, shapeText } from "./show-event.js";
import { table } from "./table.js";

/** Milliseconds between two looks at a table that is refreshed. */
const refreshInterval: Milliseconds = 500;

/** A cluster group, and its partitions in order. @internal */
export interface GroupTable {
  readonly group: string;
  /** The nodes that take part in it. */
  readonly members: readonly string[];
  readonly partitions: readonly ClusterGroupStatus[];
}

/**
 * Lists the streams that have a journal.
 *
 * @throws (as a rejection) NotFound where there is none
 * @internal
 */
export async function listStreams(
  { namespace, json }: StreamsOptions,
  { engine }: JournalConnection,
  output: Output,
): Promise<void> {
  const streams = await journalStreams(engine, namespace);
  if (streams.length === 0) throw noStreams(namespace);
  const found = await Promise.all(
    streams.map(async ({ address: { cache, name }, shape }) => {
      const [nodes, groups] = await Promise.all([
        engine.nodes({ cache, name }),
        engine.groups({ cache, name }),
      ]);
      const live = nodes.filter(({ expired }) => !expired).map(({ node }) => node);
      return { cache, name, shape, nodes: live.sort(), groups };
    }),
  );
  if (json) output.write(jsonText({ namespace, streams: found }));
  else {
    const rows = found.map(({ cache, name, shape, nodes, groups }) =>
      [cache, name, shapeText(shape), nodes.join(", ") || "-", groups.join(", ") || "-"].map(
        printable,
      ),
    );
    const lines = table([["cache", "instance", "shape", "nodes", "groups"], ...rows]);
    output.write(`${lines.join("\n")}\n`);
  }
}

/**
 * Shows the groups of a stream: once, or on a terminal until the output's signal is aborted.
 *
 * @throws (as a rejection) NotFound
 * @internal
 */
export async function showGroups(
  options: GroupsOptions,
  connection: JournalConnection,
  output: Output,
): Promise<void> {
  const stream = await journalStream(connection.engine, options);
  checkPartition(stream, options.partition);
  const { size, signal } = output;
  if (options.json || options.once || size === undefined) {
    const groups = await look(stream, options);
    const { cache, name } = stream.address;
    output.write(
      options.json
        ? jsonText({ cache, name, groups })
        : `${groupLines(groups, options).join("\n")}\n`,
    );
    return;
  }
  const screen = new Screen(output);
  let groups = await look(stream, options);
  let trouble: unknown;
  while (!signal.aborted) {
    const lines = groupLines(groups, options);
    screen.show(trouble === undefined ? lines : [...lines, "", lostText(trouble, options)]);
    await pause(systemClock, refreshInterval, signal);
    try {
      groups = await look(stream, options);
      trouble = undefined;
    } catch (error) {
      if (error instanceof NotFound) throw error;
      // The connection is made again.
      trouble = error;
    }
  }
}

function lostText(trouble: unknown, { broker }: GroupsOptions): string {
  return `no answer, trying again: ${withoutSecrets(reasonOf(trouble), broker)}`;
}

async function look(stream: JournalStream, options: GroupsOptions): Promise<GroupTable[]> {
  const { engine, address } = stream;
  const names = await engine.groups(address);
  const { group: only } = options;
  if (only !== null && !names.includes(only)) throw new NotFound(noGroup(stream, only));
  const chosen = only === null ? names : [only];
  return Promise.all(chosen.map((group) => groupTable(stream, group, options.partition)));
}

/** @internal */
export function noGroup({ address }: JournalStream, group: string): string {
  return `there is no cluster group ${group} on stream ${address.name}`;
}

/** @internal */
export function placeOf({ engine, address, shape }: JournalStream, group: string): GroupPlace {
  return { engine, address, group, partitions: shape.partitions, now: wallClockNow };
}

/** @param only the only partition; null: all @internal */
export async function groupTable(
  stream: JournalStream,
  group: string,
  only: number | null = null,
): Promise<GroupTable> {
  const place = placeOf(stream, group);
  const { cache, name } = stream.address;
  const { members, partitions } = await stream.engine.viewGroup({ cache, name, group });
  // Those that the stream does not have would be created by a look at them.
  const chosen = partitions.filter(
    ({ partition }) => partition < stream.count && (only ?? partition) === partition,
  );
  return {
    group,
    members,
    partitions: await Promise.all(chosen.map((state) => statusOf(place, state))),
  };
}

const heading = [
  "partition",
  "owner",
  "fence",
  "position",
  "lag",
  "oldest",
  "paused",
  "dead letters",
];

function groupLines(groups: readonly GroupTable[], options: GroupsOptions): string[] {
  const { cache, name, namespace } = options;
  const instance = name === cache ? "" : `, instance ${name}`;
  const lines = [printable(`stream  cache ${cache}${instance}, namespace ${namespace}`)];
  if (groups.length === 0) lines.push("groups  none");
  for (const group of groups) lines.push("", ...groupText(group));
  return lines;
}

/** A group, and a table of its partitions. @internal */
export function groupText({ group, members, partitions }: GroupTable): string[] {
  const lag = partitions.reduce((sum, { lag: one }) => sum + one, 0);
  const by = members.length === 0 ? "no node" : members.join(", ");
  return [
    printable(`group   ${group}: ${by}; ${lag === 1 ? "1 event waits" : `${lag} events wait`}`),
    ...table([heading, ...partitions.map(cells)]),
  ];
}

function cells(status: ClusterGroupStatus): string[] {
  const { partition, owner, fence, position, lag, oldestAge, paused, deadLetters } = status;
  return [
    String(partition),
    printable(owner ?? "nobody"),
    String(fence),
    String(position),
    String(lag),
    oldestAge === null ? "-" : ageText(oldestAge),
    paused ? "paused" : "-",
    String(deadLetters),
  ];
}

/** @internal */
export function ageText(age: Milliseconds): string {
  const seconds = age / 1000;
  if (seconds < 100) return `${seconds.toFixed(1)} s`;
  const minutes = seconds / 60;
  if (minutes < 100) return `${Math.floor(minutes)} min`;
  const hours = minutes / 60;
  return hours < 100 ? `${Math.floor(hours)} h` : `${Math.floor(hours / 24)} d`;
}

/** Replaces on a terminal what it has shown before. @internal */
export class Screen {
  readonly #output: Output;
  #height = 0;

  constructor(output: Output) {
    this.#output = output;
  }

  show(lines: readonly string[]): void {
    const { columns, rows } = this.#output.size ?? { columns: 80, rows: 24 };
    // What is longer than the screen can't be replaced.
    const room = Math.max(1, rows - 1);
    const shown =
      lines.length <= room
        ? lines
        : [
            ...lines.slice(0, room - 1),
            `... ${lines.length - room + 1} more lines (--once has all)`,
          ];
    const up = this.#height === 0 ? "" : `\u001b[${this.#height}F\u001b[J`;
    this.#height = shown.length;
    this.#output.write(`${up}${shown.map((line) => `${line.slice(0, columns)}\n`).join("")}`);
  }
}
