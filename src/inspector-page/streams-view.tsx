import { count, plural, rate, roughAge, shortCount } from "./format.js";
import { Sparkline } from "./chart.js";
import { type Column, Grid, orderBy, type Room } from "./grid.js";
import { Icon } from "./icon.js";
import type { History } from "./history.js";
import { usePage, type ViewProps, withOpen } from "./page.js";
import { Badge, Split, Toolbar } from "./parts.js";
import { StreamDetails } from "./stream-details.js";
import {
  isOpenAtFirst,
  partitionsByOwner,
  seriesOf,
  type StreamItem,
  type Streams,
  totalsOf,
} from "./streams.js";
import { matcherOf, rowsOf } from "./tree.js";

/** The oldest event that waits is shown as a problem once it is as old as this. */
const late = 10_000;

const filters = [
  ["lagging", "Lagging"],
  ["nobody", "Nobody's"],
  ["paused", "Paused"],
  ["letters", "Dead letters"],
  ["gaps", "Gaps"],
] as const;

const passes: Record<string, (item: StreamItem) => boolean> = {
  lagging: ({ places }) => totalsOf(places).lag > 0,
  nobody: ({ places }) => totalsOf(places).nobody > 0,
  paused: ({ places }) => totalsOf(places).paused > 0,
  letters: ({ places }) => totalsOf(places).deadLetters > 0,
  gaps: ({ places }) => totalsOf(places).gaps > 0,
};

/** Streams, groups and partitions. */
export function StreamsView({ state, set, streams }: ViewProps & { streams: Streams }) {
  const { snapshot, history } = usePage();
  const columns = columnsOf(snapshot.time, history).filter(
    // Seen from outside, nobody knows it.
    ({ id }) => id !== "handled" || snapshot.about.kind === "process",
  );
  const matches = matcherOf(state.query);
  const wanted = [...state.filters]
    .map((name) => passes[name])
    .filter((pass) => pass !== undefined);
  const isOpen = isOpenAtFirst(streams);
  const rows = rowsOf(streams.roots, {
    isOpen: (branch) => state.open.get(branch.id) ?? isOpen(branch),
    matches:
      matches === undefined && wanted.length === 0
        ? undefined
        : (item) =>
            (matches === undefined || matches(textsOf(item))) && wanted.every((pass) => pass(item)),
    order: orderBy(columns, state.sort),
  });
  const selected = state.selected === undefined ? undefined : streams.byId.get(state.selected);
  return (
    <>
      <Toolbar
        state={state}
        set={set}
        label="Search the streams"
        filters={filters}
        summary={plural(snapshot.streams.length, "stream")}
      />
      <Split
        about={state.selected}
        close={() => set({ selected: undefined })}
        grid={
          <Grid
            label="Streams, groups and partitions"
            isTree
            columns={columns}
            rows={rows}
            selected={state.selected}
            sort={state.sort}
            narrowHeight={80}
            empty={streams.roots.length === 0 ? "There is no stream." : "Nothing matches."}
            rowClass={(item) => (item.kind === "stream" ? "top" : "")}
            onSelect={(id) => set({ selected: id })}
            onToggle={(id, open) => set(withOpen(state, id, open))}
            onSort={(sort) => set({ sort })}
          />
        }
        details={
          selected && {
            title: titleOf(selected),
            content: <StreamDetails key={selected.id} item={selected} />,
          }
        }
      />
    </>
  );
}

function titleOf({ kind, name, places }: StreamItem): string {
  if (kind !== "place") return name;
  return `${places[0]?.group ?? "readers without a group"}, ${name}`;
}

function textsOf({ name, stream, kind, places }: StreamItem): string[] {
  const owners = kind === "place" ? [places[0]?.owner ?? "nobody", places[0]?.group ?? ""] : [];
  return [name, stream.cache, ...owners];
}

function columnsOf(time: number, history: History): Column<StreamItem>[] {
  const handledOf = (item: StreamItem) => seriesOf(item)?.handled;
  return [
    {
      id: "name",
      title: "Stream, group, partition",
      width: "minmax(13rem, 3fr)",
      cell: (item) => <Name item={item} />,
    },
    {
      id: "in",
      title: "In",
      hint: "Events a second that come in",
      width: "10.6rem",
      tight: "5.5rem",
      end: true,
      sort: ({ incoming }) => history.latest(incoming) ?? -1,
      cell: ({ incoming }, room) => (
        <Rate history={history} id={incoming} tone="incoming" room={room} />
      ),
    },
    {
      id: "handled",
      title: "Handled",
      hint: "Events a second that this process has handled",
      width: "10.6rem",
      tight: "5.5rem",
      end: true,
      sort: (item) => history.latest(handledOf(item) ?? "") ?? -1,
      cell: (item, room) => {
        const id = handledOf(item);
        if (id === undefined || item.places.every(({ handled }) => handled === null)) return null;
        return <Rate history={history} id={id} tone="handled" room={room} />;
      },
    },
    {
      id: "lag",
      title: "Lag",
      hint: "Events that are not handled yet",
      width: "10.6rem",
      tight: "5.5rem",
      end: true,
      sort: ({ places }) => totalsOf(places).lag,
      cell: (item, room) => lagOf(item, history, room),
    },
    {
      id: "oldest",
      title: "Oldest",
      hint: "Age of the oldest event that is not handled",
      width: "6rem",
      end: true,
      wide: true,
      sort: ({ places }) => time - (totalsOf(places).oldestAt ?? time),
      cell: ({ places }) => {
        const { oldestAt } = totalsOf(places);
        if (oldestAt === null) return null;
        const isLate = time - oldestAt >= late;
        return (
          <span class={isLate ? "bad strong" : ""}>
            {isLate && <Icon name="warn" />}
            {roughAge(time, oldestAt)}
          </span>
        );
      },
    },
    {
      id: "owner",
      title: "Owner",
      hint: "Which node handles it",
      plain: true,
      width: "minmax(8rem, 2fr)",
      cell: ownerOf,
    },
    {
      id: "trouble",
      title: "Trouble",
      hint: "Attempts that have failed, dead letters, gaps",
      plain: true,
      width: "minmax(15.5rem, 1fr)",
      tight: "minmax(9rem, 2fr)",
      sort: ({ places }) => {
        const { deadLetters, gaps, failures } = totalsOf(places);
        return deadLetters + gaps + failures;
      },
      cell: troubleOf,
    },
  ];
}

function Name({ item }: { item: StreamItem }) {
  const { kind, stream, places } = item;
  const { paused } = totalsOf(places);
  return (
    <>
      <span class={`name ${kind}`}>{item.name}</span>
      {kind === "stream" && (
        <span class="aside">
          {stream.partitions === null ? "one log" : plural(stream.partitions, "partition")}
        </span>
      )}
      {kind === "group" && <span class="aside">{places[0]?.scope} scope</span>}
      {kind === "stream" && stream.registered === false && (
        <Badge tone="warn" icon="warn">
          not registered
        </Badge>
      )}
      {paused > 0 && (kind === "place" || kind === "group") && (
        <Badge tone="warn" icon="pause">
          {kind === "place" || paused === places.length ? "paused" : `${count(paused)} paused`}
        </Badge>
      )}
    </>
  );
}

interface RateProps {
  readonly history: History;
  readonly id: string;
  readonly tone: string;
  readonly room: Room;
}

function Rate({ history, id, tone, room }: RateProps) {
  return (
    <>
      {room === "wide" && <Sparkline history={history} id={id} tone={tone} />}
      <span class="number">{rate(history.latest(id))}</span>
    </>
  );
}

function lagOf(item: StreamItem, history: History, room: Room) {
  if (item.places.length === 0) return null;
  const { lag } = totalsOf(item.places);
  const series = seriesOf(item);
  return (
    <>
      {series !== undefined && room === "wide" && (
        <Sparkline history={history} id={series.lag} tone="lag" />
      )}
      <span class={`number ${lag > 0 ? "strong" : "muted"}`}>{shortCount(lag)}</span>
    </>
  );
}

function ownerOf({ kind, places }: StreamItem, room: Room) {
  if (kind !== "place" && kind !== "group") return null;
  const { nobody } = totalsOf(places);
  const nobodys = nobody > 0 && (
    <Badge tone="error" icon="error">
      {kind === "place" ? "nobody" : `nobody: ${count(nobody)}`}
    </Badge>
  );
  const owners = partitionsByOwner(places).filter(([owner]) => owner !== null);
  const text = owners.map(([owner, partitions]) =>
    kind === "place" ? owner : `${owner}: ${partitions.length}`,
  );
  const isShort = room === "narrow" && kind === "group";
  if (nobodys === false && text.length === 0) return null;
  return (
    <>
      {nobodys}
      {text.length > 0 && !(isShort && nobody > 0) && (
        <span class="text">{isShort ? plural(text.length, "owner") : text.join(", ")}</span>
      )}
      {kind === "place" && places[0]?.here === true && <span class="aside">here</span>}
    </>
  );
}

function troubleOf({ places }: StreamItem, room: Room) {
  const isShort = room === "tight";
  const { failures, deadLetters, gaps } = totalsOf(places);
  if (failures + deadLetters + gaps === 0) return null;
  return (
    <>
      {failures > 0 && (
        <Badge tone="warn" icon="restarting">
          {isShort ? `${count(failures)} failed` : plural(failures, "failed attempt")}
        </Badge>
      )}
      {deadLetters > 0 && (
        <Badge tone="error" icon="error">
          {isShort ? `${count(deadLetters)} dead` : plural(deadLetters, "dead letter")}
        </Badge>
      )}
      {gaps > 0 && (
        <Badge tone="warn" icon="warn">
          {plural(gaps, "gap")}
        </Badge>
      )}
    </>
  );
}
