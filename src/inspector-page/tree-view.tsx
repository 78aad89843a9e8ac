import { useMemo } from "preact/hooks";
import type { TreeRow } from "../inspector/snapshot.js";
import {
  type Child,
  isOpenAtFirst,
  isRunning,
  matchesChild,
  recent,
  restartOf,
  restartsNow,
  type Tree,
} from "./children.js";
import { age, count, duration, moment, none, plural } from "./format.js";
import { type Column, Grid, orderBy } from "./grid.js";
import { Icon, type IconName } from "./icon.js";
import { idOf } from "./ids.js";
import { type Question, usePage, type ViewProps, withOpen } from "./page.js";
import { Badge, ErrorView, Facts, Section, Split, type Tone, Toolbar } from "./parts.js";
import { EntryList } from "./timeline-view.js";
import { matcherOf, rowsOf } from "./tree.js";

const tones: Record<TreeRow["state"], Tone> = {
  starting: "info",
  running: "ok",
  stopping: "muted",
  restarting: "warn",
  stopped: "error",
};

const filters = [
  ["trouble", "Not running"],
  ["crashed", "Has crashed"],
  ["waiting", "Messages waiting"],
] as const;

const passes: Record<string, (row: TreeRow) => boolean> = {
  trouble: (row) => !isRunning(row),
  crashed: ({ lastExit }) => lastExit !== null && !lastExit.clean,
  waiting: ({ mailbox }) => mailbox > 0,
};

/** The supervision tree. */
export function TreeView({ state, set, tree }: ViewProps & { tree: Tree }) {
  const { snapshot } = usePage();
  const { time } = snapshot;
  const matches = matcherOf(state.query);
  const wanted = [...state.filters]
    .map((name) => passes[name])
    .filter((pass) => pass !== undefined);
  const rows = rowsOf(tree.roots, {
    isOpen: (branch) => state.open.get(branch.id) ?? isOpenAtFirst(branch),
    matches:
      matches === undefined && wanted.length === 0
        ? undefined
        : (child) =>
            (matches === undefined || matchesChild(child, matches)) &&
            wanted.every((pass) => pass(child.row)),
    order: orderBy(columnsOf(time), state.sort),
  });
  const columns = useMemo(() => columnsOf(time), [time]);
  const selected = state.selected === undefined ? undefined : tree.byId.get(state.selected)?.item;
  return (
    <>
      <Toolbar
        state={state}
        set={set}
        label="Search the tree"
        filters={filters}
        summary={`${plural(rows.length, "row")} of ${count(snapshot.tree.length)}`}
      />
      <Split
        about={state.selected}
        close={() => set({ selected: undefined })}
        grid={
          <Grid
            label="Supervision tree"
            isTree
            columns={columns}
            rows={rows}
            selected={state.selected}
            sort={state.sort}
            narrowHeight={62}
            empty="No child matches."
            rowClass={(child) => markOf(child, time)}
            onSelect={(id) => set({ selected: id })}
            onToggle={(id, open) => set(withOpen(state, id, open))}
            onSort={(sort) => set({ sort })}
          />
        }
        details={
          selected && {
            title: selected.row.name,
            content: <ChildDetails key={selected.row.id} child={selected} />,
          }
        }
      />
    </>
  );
}

/** A row whose child has crashed lately is marked, and so is one that hides such a child. */
function markOf({ row }: Child, time: number): string {
  const at = restartOf(row);
  const isRecent = at !== null && time - at < recent;
  return `${isRecent ? "recent" : ""} ${isRunning(row) ? "" : "down"}`;
}

function columnsOf(time: number): Column<Child>[] {
  return [
    {
      id: "name",
      title: "Child",
      width: "minmax(14rem, 3fr)",
      cell: ({ row, below, notRunning, restartedAt }, _, open) => (
        <>
          <span class={`name ${row.kind}`}>{row.name}</span>
          {below > 0 && <span class="aside">{count(below)}</span>}
          {notRunning > 0 && open === false && (
            <Badge tone="error" icon="error">
              {count(notRunning)} not running
            </Badge>
          )}
          {open === false && restartedAt !== null && time - restartedAt < recent && (
            <Badge tone="warn" icon="restarting">
              restarted below
            </Badge>
          )}
        </>
      ),
    },
    {
      id: "state",
      title: "State",
      plain: true,
      width: "7.5rem",
      cell: ({ row }) => <StateBadge row={row} />,
    },
    {
      id: "strategy",
      title: "Strategy",
      width: "7rem",
      wide: true,
      cell: ({ row }) => row.supervisor?.strategy ?? null,
    },
    {
      id: "restarts",
      title: "Restarts",
      hint: "Restarts that count for the limit now, and the limit",
      width: "8rem",
      sort: ({ row }) => restartsNow(row, time),
      cell: ({ row }, room) =>
        row.supervisor !== null &&
        (room !== "narrow" || restartsNow(row, time) > 0) && <Restarts row={row} time={time} />,
    },
    {
      id: "incarnation",
      title: "Incarnation",
      hint: "How often it has been started",
      width: "6.5rem",
      end: true,
      sort: ({ row }) => row.incarnation,
      cell: ({ row }) => (
        <>
          {restartOf(row) !== null && time - (row.startedAt ?? 0) < recent && (
            <Icon name="restarting" class="warn" />
          )}
          {count(row.incarnation)}
        </>
      ),
    },
    {
      id: "age",
      title: "Age",
      hint: "Since the incarnation began",
      width: "7.5rem",
      end: true,
      sort: ({ row }) => (row.startedAt === null ? -1 : time - row.startedAt),
      cell: ({ row }) => age(time, row.startedAt),
    },
    {
      id: "mailbox",
      title: "Mailbox",
      hint: "Messages that wait",
      width: "5.5rem",
      end: true,
      sort: ({ row }) => row.mailbox,
      cell: ({ row: { mailbox } }, room) =>
        (room !== "narrow" || mailbox > 0) && (
          <span class={mailbox > 0 ? "strong" : "muted"}>{count(mailbox)}</span>
        ),
    },
    {
      id: "exit",
      title: "Last exit",
      width: "minmax(8rem, 3fr)",
      wide: true,
      sort: ({ row }) => row.lastExit?.time ?? 0,
      cell: ({ row: { lastExit } }) =>
        lastExit && (
          <span class={lastExit.clean ? "muted" : "bad"}>
            {age(time, lastExit.time)} ago: {lastExit.reason}
          </span>
        ),
    },
  ];
}

export function StateBadge({ row }: { row: TreeRow }) {
  return (
    <Badge tone={tones[row.state]} icon={row.state satisfies IconName}>
      {row.state}
    </Badge>
  );
}

function Restarts({ row, time }: { row: TreeRow; time: number }) {
  const now = restartsNow(row, time);
  const { maxRestarts, window } = row.supervisor as NonNullable<TreeRow["supervisor"]>;
  if (maxRestarts === null)
    return <span class={now > 0 ? "strong" : "muted"}>{count(now)}, no limit</span>;
  const isNear = now > 0 && now >= maxRestarts;
  return (
    <span class={isNear ? "bad strong" : now > 0 ? "strong" : "muted"}>
      {isNear && <Icon name="warn" />}
      {count(now)} of {count(maxRestarts)} in {duration(window)}
    </span>
  );
}

function ChildDetails({ child }: { child: Child }) {
  const { snapshot, show, ask } = usePage();
  const { time, about, timeline } = snapshot;
  const { row } = child;
  const { supervisor, lastExit, runs } = row;
  const related = timeline.filter(({ subject }) => subject === row.path).slice(-8);
  const { shutdown } = row;
  return (
    <>
      <p class="path">{row.path}</p>
      <Facts
        of={[
          ["Kind", row.kind],
          ["State", <StateBadge row={row} />],
          ["Incarnation", count(row.incarnation)],
          ["Age", age(time, row.startedAt)],
          row.startedAt !== null && ["Began", moment(row.startedAt, time)],
          ["Mailbox", count(row.mailbox)],
          row.restart !== null && ["Restart", row.restart],
          shutdown !== null && [
            "Shutdown",
            typeof shutdown === "number" ? `within ${duration(shutdown)}` : shutdown,
          ],
          supervisor && ["Strategy", supervisor.strategy],
          supervisor && ["Restarts", <Restarts row={row} time={time} />],
          child.below > 0 && [
            "Below it",
            `${count(child.below)}, ${count(child.notRunning)} not running`,
          ],
          runs && [
            "Runs",
            <button
              type="button"
              class="link"
              onClick={() =>
                show(runs.table, runs.table === "streams" ? idOf.stream(runs.id) : runs.id)
              }
            >
              {runs.table === "streams" ? "a stream" : "a cache"}
            </button>,
          ],
        ]}
      />
      {about.actions && row.kind !== "system" && row.restart !== null && (
        <div class="actions">
          <button type="button" onClick={() => ask(restart(row))}>
            {row.state === "stopped" ? "Start…" : "Restart…"}
          </button>
          <button
            type="button"
            class="danger"
            disabled={row.state === "stopped"}
            onClick={() => ask(terminate(row))}
          >
            Terminate…
          </button>
        </div>
      )}
      <Section title="Last exit">
        {lastExit === null ? (
          <p class="muted">It has not ended by itself.</p>
        ) : (
          <>
            <p>
              {moment(lastExit.time, time)}, {age(time, lastExit.time)} ago{" "}
              <Badge
                tone={lastExit.clean ? "muted" : "error"}
                icon={lastExit.clean ? "info" : "error"}
              >
                {lastExit.clean ? "in order" : "crash"}
              </Badge>
            </p>
            {lastExit.error === null ? (
              <p class="wrap">{lastExit.reason || none}</p>
            ) : (
              <ErrorView error={lastExit.error} />
            )}
          </>
        )}
      </Section>
      {related.length > 0 && (
        <Section title="Latest on the timeline">
          <EntryList entries={related} />
        </Section>
      )}
    </>
  );
}

function restart(row: TreeRow): Question {
  const isStopped = row.state === "stopped";
  return {
    title: `${isStopped ? "Start" : "Restart"} ${row.name}?`,
    text: isStopped
      ? `${row.path} is started again.`
      : `Incarnation ${row.incarnation} of ${row.path} is ended by its shutdown setting, and it is started again.`,
    verb: isStopped ? "Start" : "Restart",
    isDangerous: false,
    action: { name: "restart", of: { child: row.id, incarnation: row.incarnation } },
  };
}

function terminate(row: TreeRow): Question {
  return {
    title: `Terminate ${row.name}?`,
    text: `Incarnation ${row.incarnation} of ${row.path} is ended by its shutdown setting. Its supervisor does not start it again.`,
    verb: "Terminate",
    isDangerous: true,
    action: { name: "terminate", of: { child: row.id, incarnation: row.incarnation } },
  };
}
