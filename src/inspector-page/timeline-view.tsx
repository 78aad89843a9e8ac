import type { TimelineEntry, TimelineKind } from "../inspector/snapshot.js";
import { timelineKinds } from "../inspector/snapshot.js";
import { age, count, moment, plural } from "./format.js";
import { type Column, Grid } from "./grid.js";
import { type IconName } from "./icon.js";
import { usePage, type ViewProps } from "./page.js";
import { Badge, ErrorView, Facts, Section, Split, type Tone, Toolbar } from "./parts.js";
import { flatRows, matcherOf } from "./tree.js";

const kindNames: Record<TimelineKind, string> = {
  exit: "exit",
  restart: "restart",
  gave_up: "gave up",
  handler_error: "handler error",
  dead_letter: "dead letter",
  gap: "gap",
  undelivered: "undelivered",
  owner: "owner",
  node: "node",
  stream: "stream",
  action: "action",
  problem: "problem",
};

const levels: Record<TimelineEntry["level"], { tone: Tone; icon: IconName }> = {
  info: { tone: "muted", icon: "info" },
  warn: { tone: "warn", icon: "warn" },
  error: { tone: "error", icon: "error" },
};

/** What has happened, newest first. */
export function TimelineView({ state, set }: ViewProps) {
  const { snapshot, show } = usePage();
  const { time, timeline } = snapshot;
  const present = new Set(timeline.map(({ kind }) => kind));
  const kinds = timelineKinds.filter((kind) => present.has(kind) || state.filters.has(kind));
  const matches = matcherOf(state.query);
  const entries = timeline
    .filter(
      (entry) =>
        (state.filters.size === 0 || state.filters.has(entry.kind)) &&
        (matches === undefined || matches(textsOf(entry))),
    )
    .reverse();
  const selected = timeline.find(({ id }) => String(id) === state.selected);
  const child = selected && snapshot.tree.find(({ path }) => path === selected.subject);
  return (
    <>
      <Toolbar
        state={state}
        set={set}
        label="Search the timeline"
        filters={kinds.map((kind) => [kind, kindNames[kind]] as const)}
        summary={`${count(entries.length)} of ${plural(timeline.length, "entry", "entries")}`}
      />
      <Split
        about={state.selected}
        close={() => set({ selected: undefined })}
        grid={
          <Grid
            label="Timeline, newest first"
            isTree={false}
            columns={columnsOf(time)}
            rows={flatRows(entries, ({ id }) => String(id))}
            selected={state.selected}
            sort={undefined}
            newestFirst
            narrowHeight={62}
            empty={timeline.length === 0 ? "Nothing has happened yet." : "No entry matches."}
            onSelect={(id) => set({ selected: id })}
          />
        }
        details={
          selected && {
            title: kindNames[selected.kind],
            content: (
              <>
                <p class="wrap">{selected.text}</p>
                <Facts
                  of={[
                    ["Time", `${moment(selected.time, time)}, ${age(time, selected.time)} ago`],
                    ["Level", <LevelBadge entry={selected} text={selected.level} />],
                    selected.subject !== "" && [
                      "About",
                      child === undefined ? (
                        selected.subject
                      ) : (
                        <button type="button" class="link" onClick={() => show("tree", child.id)}>
                          {selected.subject}
                        </button>
                      ),
                    ],
                    ...selected.details,
                  ]}
                />
                {selected.error !== null && (
                  <Section title="Error">
                    <ErrorView error={selected.error} />
                  </Section>
                )}
              </>
            ),
          }
        }
      />
    </>
  );
}

function textsOf({ text, subject, kind, details }: TimelineEntry): string[] {
  return [text, subject, kindNames[kind], ...details.map(([name, value]) => `${name} ${value}`)];
}

function columnsOf(now: number): Column<TimelineEntry>[] {
  return [
    {
      id: "time",
      title: "Time",
      plain: true,
      width: "7rem",
      cell: ({ time }) => moment(time, now),
    },
    {
      id: "kind",
      title: "Kind",
      plain: true,
      width: "9rem",
      cell: (entry) => <LevelBadge entry={entry} text={kindNames[entry.kind]} />,
    },
    {
      id: "text",
      title: "What happened",
      main: true,
      width: "minmax(16rem, 5fr)",
      cell: (entry) => <span class="name">{entry.text}</span>,
    },
    {
      id: "subject",
      title: "About",
      width: "minmax(8rem, 2fr)",
      wide: true,
      cell: ({ subject }) => (subject === "" ? null : <span class="muted">{subject}</span>),
    },
  ];
}

function LevelBadge({ entry, text }: { entry: TimelineEntry; text: string }) {
  return <Badge {...levels[entry.level]}>{text}</Badge>;
}

/** A few entries in the details of something else, newest first. */
export function EntryList({ entries }: { entries: readonly TimelineEntry[] }) {
  const { snapshot, show } = usePage();
  return (
    <ul class="entries">
      {entries
        .map((entry) => (
          <li key={entry.id}>
            <time>{moment(entry.time, snapshot.time)}</time>
            <button type="button" class="link" onClick={() => show("timeline", String(entry.id))}>
              {entry.text}
            </button>
          </li>
        ))
        .reverse()}
    </ul>
  );
}
