import type { CacheRow } from "../inspector/snapshot.js";
import { Chart, Sparkline } from "./chart.js";
import { count, plural, rate, share, shortCount } from "./format.js";
import { type Column, Grid, orderBy } from "./grid.js";
import type { History } from "./history.js";
import { usePage, type ViewProps } from "./page.js";
import { Facts, Section, Split, Toolbar } from "./parts.js";
import { flatRows, matcherOf } from "./tree.js";

/** Instances of caches. */
export function CachesView({ state, set }: ViewProps) {
  const { snapshot, history } = usePage();
  const columns = columnsOf(history);
  const matches = matcherOf(state.query);
  const rows = snapshot.caches.filter(
    (row) => matches === undefined || matches([row.cache, row.name, row.store]),
  );
  const order = orderBy(columns, state.sort) ?? byName;
  const selected = snapshot.caches.find(({ id }) => id === state.selected);
  return (
    <>
      <Toolbar
        state={state}
        set={set}
        label="Search the caches"
        summary={plural(rows.length, "instance")}
      />
      <Split
        about={state.selected}
        close={() => set({ selected: undefined })}
        grid={
          <Grid
            label="Caches"
            isTree={false}
            columns={columns}
            rows={flatRows(rows.sort(order), ({ id }) => id)}
            selected={state.selected}
            sort={state.sort}
            narrowHeight={80}
            empty={snapshot.caches.length === 0 ? "There is no cache." : "No cache matches."}
            onSelect={(id) => set({ selected: id })}
            onSort={(sort) => set({ sort })}
          />
        }
        details={selected && { title: nameOf(selected), content: <Details row={selected} /> }}
      />
    </>
  );
}

function nameOf({ cache, name }: CacheRow): string {
  return cache === name ? name : `${cache} / ${name}`;
}

function byName(one: CacheRow, other: CacheRow): number {
  return nameOf(one).localeCompare(nameOf(other));
}

function columnsOf(history: History): Column<CacheRow>[] {
  const counted = (
    id: keyof NonNullable<CacheRow["counts"]>,
    title: string,
    hint: string,
  ): Column<CacheRow> => ({
    id,
    title,
    hint,
    width: "6.5rem",
    end: true,
    sort: ({ counts }) => counts?.[id] ?? -1,
    cell: ({ counts }) => counts && shortCount(counts[id]),
  });
  const line = (id: "hits" | "misses", title: string, tone: string): Column<CacheRow> => ({
    id: `${id} a second`,
    title,
    width: "10.6rem",
    tight: "5.5rem",
    end: true,
    sort: (row) => history.latest(`${id} ${row.id}`) ?? -1,
    // The hit ratio says it where there is little room.
    cell: (row, room) =>
      row.counts &&
      (room !== "narrow" || id === "hits") && (
        <>
          {room === "wide" && <Sparkline history={history} id={`${id} ${row.id}`} tone={tone} />}
          <span class="number">{rate(history.latest(`${id} ${row.id}`))}</span>
        </>
      ),
  });
  return [
    {
      id: "name",
      title: "Instance",
      width: "minmax(10rem, 2fr)",
      cell: (row) => (
        <>
          <span class="name">{nameOf(row)}</span>
          <span class="aside">{row.store}</span>
          {(row.counts === null || row.unavailable !== null) && (
            <span class="aside">no answer</span>
          )}
        </>
      ),
    },
    {
      id: "entries",
      title: "Entries",
      width: "6.5rem",
      end: true,
      sort: ({ entries }) => entries ?? -1,
      cell: ({ entries }) => entries !== null && shortCount(entries),
    },
    line("hits", "Hits", "handled"),
    line("misses", "Misses", "lag"),
    {
      id: "ratio",
      title: "Hit ratio",
      hint: "Of all reads since the instance began",
      width: "6rem",
      end: true,
      sort: ({ counts }) => (counts === null ? -1 : counts.hits / (counts.hits + counts.misses)),
      cell: ({ counts }) => counts && share(counts.hits, counts.hits + counts.misses),
    },
    { ...counted("writes", "Writes", "Since the instance began"), wide: true },
    counted("evictions", "Evictions", "Entries that made room, since the instance began"),
    {
      ...counted("expirations", "Expirations", "Entries whose time was over"),
      wide: true,
    },
    {
      id: "near",
      title: "Near copies",
      hint: "Local copies of a remote store, and the share of reads that they answer",
      width: "minmax(10rem, 1fr)",
      sort: ({ near }) => near?.entries ?? -1,
      cell: ({ near }) =>
        near &&
        `${shortCount(near.entries)}, ${share(near.hits, near.hits + near.misses)} of reads`,
    },
  ];
}

function Details({ row }: { row: CacheRow }) {
  const { history } = usePage();
  const { counts, near, unavailable } = row;
  return (
    <>
      {unavailable !== null && <p class="muted">{unavailable}</p>}
      {counts === null ? (
        <p class="muted">Its store was not asked, or has not answered.</p>
      ) : (
        <Chart
          history={history}
          title="Reads a second"
          unit="rate"
          lines={[
            { id: `hits ${row.id}`, label: "hits", tone: "handled" },
            { id: `misses ${row.id}`, label: "misses", tone: "lag", dashed: true },
          ]}
        />
      )}
      <Facts
        of={[
          ["Cache", row.cache],
          ["Instance", row.name],
          ["Store", row.store === "local" ? "local" : "remote, shared with other processes"],
          ["Entries", count(row.entries)],
          ...(counts === null
            ? []
            : ([
                ["Hits", count(counts.hits)],
                ["Misses", count(counts.misses)],
                ["Hit ratio", share(counts.hits, counts.hits + counts.misses)],
                ["Writes", count(counts.writes)],
                ["Deletions", count(counts.deletions)],
                ["Evictions", count(counts.evictions)],
                ["Expirations", count(counts.expirations)],
              ] as const)),
        ]}
      />
      {near !== null && (
        <Section title="Near copies">
          <Facts
            of={[
              ["Copies", count(near.entries)],
              ["Reads they answered", count(near.hits)],
              ["Reads of the store", count(near.misses)],
              ["Share", share(near.hits, near.hits + near.misses)],
            ]}
          />
        </Section>
      )}
    </>
  );
}
