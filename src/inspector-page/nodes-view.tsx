import type { NodeRow, Snapshot, StreamRow } from "../inspector/snapshot.js";
import { age, count, duration, moment, none, plural } from "./format.js";
import { type Column, Grid, orderBy } from "./grid.js";
import { Icon } from "./icon.js";
import { usePage, type ViewProps } from "./page.js";
import { Badge, Facts, Section, Split, Toolbar } from "./parts.js";
import { streamName } from "./streams.js";
import { EntryList } from "./timeline-view.js";
import { flatRows, matcherOf } from "./tree.js";

/** A clock that is further off is pointed out. */
const maxAhead = 1000;

interface Node {
  readonly row: NodeRow;
  readonly stream: StreamRow | undefined;
  /** Whether its shape is not that of the most nodes of its stream. */
  readonly isOdd: boolean;
}

/** The nodes of each stream, as they are known here. */
export function NodesView({ state, set }: ViewProps) {
  const { snapshot } = usePage();
  const columns = columnsOf(snapshot.time);
  const matches = matcherOf(state.query);
  const all = nodesOf(snapshot);
  const nodes = all.filter(
    ({ row, stream }) =>
      (matches === undefined ||
        matches([row.node, row.over, row.status, row.epoch, stream ? streamName(stream) : ""])) &&
      (!state.filters.has("silent") || row.status === "silent"),
  );
  const selected = all.find(({ row }) => row.id === state.selected);
  return (
    <>
      <Toolbar
        state={state}
        set={set}
        label="Search the nodes"
        filters={[["silent", "Silent"]]}
        summary={plural(nodes.length, "node")}
      />
      <Split
        about={state.selected}
        close={() => set({ selected: undefined })}
        grid={
          <Grid
            label="Nodes"
            isTree={false}
            columns={columns}
            rows={flatRows(nodes.sort(orderBy(columns, state.sort) ?? byName), ({ row }) => row.id)}
            selected={state.selected}
            sort={state.sort}
            narrowHeight={80}
            empty={
              all.length === 0
                ? "No node is known: no stream has a pubsub or a journal."
                : "No node matches."
            }
            onSelect={(id) => set({ selected: id })}
            onSort={(sort) => set({ sort })}
          />
        }
        details={selected && { title: selected.row.node, content: <Details node={selected} /> }}
      />
    </>
  );
}

function nodesOf({ nodes, streams }: Snapshot): Node[] {
  const byId = new Map(streams.map((row) => [row.id, row]));
  const votes = new Map<string, Map<string, number>>();
  for (const { stream, shape } of nodes) {
    if (shape === null) continue;
    const text = shapeText(shape);
    const counted = votes.get(stream) ?? new Map<string, number>();
    votes.set(stream, counted.set(text, (counted.get(text) ?? 0) + 1));
  }
  const usual = new Map(
    [...votes].map(([stream, counted]) => {
      const [most] = [...counted].sort(([, one], [, other]) => other - one);
      return [stream, most?.[0]] as const;
    }),
  );
  return nodes.map((row) => ({
    row,
    stream: byId.get(row.stream),
    isOdd: row.shape !== null && shapeText(row.shape) !== usual.get(row.stream),
  }));
}

function shapeText({ partitions, hash }: NonNullable<NodeRow["shape"]>): string {
  return partitions === null ? "one log" : `${plural(partitions, "partition")}, ${hash}`;
}

function byName(one: Node, other: Node): number {
  return (
    one.row.stream.localeCompare(other.row.stream) || one.row.node.localeCompare(other.row.node)
  );
}

function columnsOf(time: number): Column<Node>[] {
  return [
    {
      id: "node",
      title: "Node",
      width: "minmax(10rem, 2fr)",
      cell: ({ row }) => (
        <>
          <span class="name">{row.node}</span>
          {row.self && <span class="aside">this process</span>}
        </>
      ),
    },
    {
      id: "stream",
      title: "Stream",
      plain: true,
      width: "minmax(7rem, 1fr)",
      cell: ({ stream, row }) => (
        <span class="text">
          {stream ? streamName(stream) : none} <span class="muted">by {row.over}</span>
        </span>
      ),
    },
    {
      id: "status",
      title: "Status",
      plain: true,
      width: "8.5rem",
      cell: ({ row }) => <Status row={row} />,
    },
    {
      id: "heard",
      title: "Last heard",
      width: "6.5rem",
      end: true,
      sort: ({ row }) => (row.heardAt === null ? -1 : time - row.heardAt),
      cell: ({ row }) => row.heardAt !== null && `${age(time, row.heardAt)} ago`,
    },
    {
      id: "outbox",
      title: "Outbox",
      hint: "Events that it has not sent yet",
      width: "5.5rem",
      end: true,
      sort: ({ row }) => row.outbox ?? -1,
      cell: ({ row }) =>
        row.outbox !== null && (
          <span class={row.outbox > 0 ? "strong" : "muted"}>{count(row.outbox)}</span>
        ),
    },
    {
      id: "clock",
      title: "Clock",
      hint: "How far its clock is ahead of this one",
      width: "6rem",
      end: true,
      sort: ({ row }) => Math.abs(row.ahead ?? 0),
      cell: ({ row }) => row.ahead !== null && <Clock ahead={row.ahead} />,
    },
    {
      id: "shape",
      title: "Shape",
      hint: "What all nodes of a stream must have in common",
      width: "minmax(12rem, 1.5fr)",
      cell: ({ row, isOdd }, room) =>
        row.shape && (room !== "narrow" || isOdd) && <Shape shape={row.shape} isOdd={isOdd} />,
    },
    {
      id: "epoch",
      title: "Epoch",
      width: "10rem",
      wide: true,
      cell: ({ row }) => <code>{row.epoch}</code>,
    },
  ];
}

function Status({ row }: { row: NodeRow }) {
  if (row.status === "silent")
    return (
      <Badge tone="error" icon="error">
        silent
      </Badge>
    );
  if (row.connection !== null && row.connection !== "connected")
    return (
      <Badge tone="warn" icon="warn">
        {row.connection}
      </Badge>
    );
  return (
    <Badge tone="ok" icon="running">
      {row.connection ?? row.status}
    </Badge>
  );
}

function Clock({ ahead }: { ahead: number }) {
  const isOff = Math.abs(ahead) >= maxAhead;
  return (
    <span class={isOff ? "bad strong" : ""}>
      {isOff && <Icon name="warn" />}
      {ahead > 0 ? "+" : ""}
      {duration(ahead)}
    </span>
  );
}

function Shape({ shape, isOdd }: { shape: NonNullable<NodeRow["shape"]>; isOdd: boolean }) {
  return isOdd ? (
    <Badge tone="error" icon="error">
      {shapeText(shape)}: differs
    </Badge>
  ) : (
    <span class="text">{shapeText(shape)}</span>
  );
}

function Details({ node: { row, stream, isOdd } }: { node: Node }) {
  const { snapshot } = usePage();
  const { time, timeline } = snapshot;
  const related = timeline.filter(({ subject }) => subject === row.node).slice(-8);
  return (
    <>
      <Facts
        of={[
          ["Stream", stream ? streamName(stream) : none],
          ["Known by its", row.over],
          ["Status", <Status row={row} />],
          row.heardAt !== null && [
            "Last heard",
            `${moment(row.heardAt, time)}, ${age(time, row.heardAt)} ago`,
          ],
          ["Shape", row.shape ? <Shape shape={row.shape} isOdd={isOdd} /> : "not known"],
          ["Epoch", <code>{row.epoch}</code>],
          row.startedAt !== null && [
            "Epoch began",
            `${moment(row.startedAt, time)}, ${age(time, row.startedAt)} ago`,
          ],
          ["Outbox", row.outbox === null ? "not known" : plural(row.outbox, "event")],
          row.ahead !== null && ["Clock ahead", <Clock ahead={row.ahead} />],
        ]}
      />
      {related.length > 0 && (
        <Section title="Latest on the timeline">
          <EntryList entries={related} />
        </Section>
      )}
    </>
  );
}
