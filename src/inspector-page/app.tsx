import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { paths } from "../inspector/protocol.js";
import type { About, Snapshot } from "../inspector/snapshot.js";
import { CachesView } from "./caches-view.js";
import { type Tree, treeOf } from "./children.js";
import { Confirm } from "./confirm.js";
import type { Connection } from "./connection.js";
import { age, bytes, duration, plural } from "./format.js";
import { Health, problemsOf } from "./health.js";
import type { History } from "./history.js";
import { Icon } from "./icon.js";
import { NodesView } from "./nodes-view.js";
import {
  newViewState,
  Page,
  type PageContext,
  type Question,
  viewNames,
  type ViewName,
  type ViewState,
} from "./page.js";
import { Badge } from "./parts.js";
import { streamsOf } from "./streams.js";
import { StreamsView } from "./streams-view.js";
import { TimelineView } from "./timeline-view.js";
import { TreeView } from "./tree-view.js";

const titles: Record<ViewName, string> = {
  tree: "Tree",
  streams: "Streams",
  caches: "Caches",
  nodes: "Nodes",
  timeline: "Timeline",
};

interface AppProps {
  readonly connection: Connection;
  readonly history: History;
}

/** The whole page. It is rendered again with each message. */
export function App({ connection, history }: AppProps) {
  const { snapshot } = connection;
  return snapshot === undefined ? (
    <p class="waiting" role="status">
      {connection.link === "full" ? fullText : "Connecting…"}
    </p>
  ) : (
    <Inspector connection={connection} history={history} snapshot={snapshot} />
  );
}

const fullText = "The server has as many pages as it serves. It is asked again…";

function Inspector({ connection, history, snapshot }: AppProps & { snapshot: Snapshot }) {
  const { about, time } = snapshot;
  const views = viewNames.filter(
    (name) => about.kind === "process" || (name !== "tree" && name !== "caches"),
  );
  const [view, setView] = useView(views);
  const [states, setStates] = useState<Partial<Record<ViewName, ViewState>>>({});
  const [question, setQuestion] = useState<Question>();
  const [done, setDone] = useState<string>();
  const tree = useMemo(() => treeOf(snapshot.tree), [snapshot.tree]);
  const streams = useMemo(
    () => streamsOf(snapshot),
    [snapshot.streams, snapshot.partitions, snapshot.groups],
  );
  const problems = problemsOf(snapshot, tree);
  useEffect(() => {
    document.title = `${problems.length > 0 ? `(${problems.length}) ` : ""}${about.title} - inspector`;
  }, [about.title, problems.length]);
  useEffect(() => {
    if (done === undefined) return undefined;
    const timer = setTimeout(() => setDone(undefined), 8000);
    return () => clearTimeout(timer);
  }, [done]);

  const change = (name: ViewName, changes: Partial<ViewState>): void =>
    setStates((before) => ({
      ...before,
      [name]: { ...(before[name] ?? newViewState), ...changes },
    }));
  const context: PageContext = {
    snapshot,
    history,
    ask: setQuestion,
    show: (name, id, filter) => {
      const filters = new Set(filter === undefined ? [] : [filter]);
      change(name, { selected: id, query: "", filters, open: openTo(name, id) });
      setView(name);
    },
  };
  const openTo = (name: ViewName, id: string | undefined): ReadonlyMap<string, boolean> => {
    const { open } = states[name] ?? newViewState;
    return name === "tree" && id !== undefined ? opened(open, tree, id) : open;
  };
  const state = states[view] ?? newViewState;
  const set = (changes: Partial<ViewState>): void => change(view, changes);
  const { oldFor } = connection;
  return (
    <Page.Provider value={context}>
      <header class="bar">
        <h1>{about.title}</h1>
        <Link connection={connection} />
        <About about={about} time={time} />
      </header>
      <div class="notices" role="status">
        {connection.link === "full" && <Notice>{fullText}</Notice>}
        {oldFor !== undefined && (
          <Notice>
            What is shown is {duration(Math.floor(oldFor / 1000) * 1000)} old: the server does not
            answer.
          </Notice>
        )}
        {about.trouble !== null && (
          <Notice>What is shown is not up to date: {about.trouble}</Notice>
        )}
        {done !== undefined && (
          <p class="notice done">
            <Icon name="ok" />
            {done}
          </p>
        )}
      </div>
      <Health problems={problems} snapshot={snapshot} tree={tree} />
      <Tabs views={views} view={view} setView={setView} problems={problems} />
      <section
        role="tabpanel"
        id="view"
        class={`view ${oldFor === undefined ? "" : "old"}`}
        aria-labelledby={`tab-${view}`}
        key={view}
      >
        {view === "tree" && <TreeView state={state} set={set} tree={tree} />}
        {view === "streams" && <StreamsView state={state} set={set} streams={streams} />}
        {view === "caches" && <CachesView state={state} set={set} />}
        {view === "nodes" && <NodesView state={state} set={set} />}
        {view === "timeline" && <TimelineView state={state} set={set} />}
      </section>
      {question !== undefined && (
        <Confirm
          question={question}
          close={() => setQuestion(undefined)}
          done={({ text }) => {
            setQuestion(undefined);
            setDone(text);
          }}
        />
      )}
    </Page.Provider>
  );
}

/** All rows above one are open. */
function opened(open: ReadonlyMap<string, boolean>, tree: Tree, id: string): Map<string, boolean> {
  const changed = new Map(open);
  let parent = tree.byId.get(id)?.item.row.parent ?? null;
  while (parent !== null) {
    changed.set(parent, true);
    parent = tree.byId.get(parent)?.item.row.parent ?? null;
  }
  return changed;
}

/** The view in the address, behind "#". */
function useView(views: readonly ViewName[]): [ViewName, (view: ViewName) => void] {
  const read = (): ViewName =>
    views.find((name) => `#${name}` === location.hash) ?? (views[0] as ViewName);
  const [view, setView] = useState(read);
  useEffect(() => {
    const update = (): void => setView(read());
    addEventListener("hashchange", update);
    return () => removeEventListener("hashchange", update);
  }, [views.join()]);
  const go = (name: ViewName): void => {
    history.replaceState(null, "", `#${name}`);
    setView(name);
  };
  return [views.includes(view) ? view : (views[0] as ViewName), go];
}

function Notice({ children }: { children: ComponentChildren }) {
  return (
    <p class="notice">
      <Icon name="warn" />
      <span>{children}</span>
    </p>
  );
}

function Link({ connection: { link, oldFor } }: { connection: Connection }) {
  if (link === "open" && oldFor === undefined)
    return (
      <Badge tone="ok" icon="running">
        live
      </Badge>
    );
  return (
    <Badge tone="warn" icon="restarting">
      {link === "open" ? "no news" : link === "full" ? "waiting" : "reconnecting"}
    </Badge>
  );
}

function About({ about, time }: { about: About; time: number }) {
  return (
    <div class="about">
      <span>{about.software}</span>
      <span>
        {about.kind === "process" ? "process" : "inspector's process"} {about.pid}, up{" "}
        {age(time, about.startedAt)}
      </span>
      <span>{bytes(about.memory.resident)} resident</span>
      <span>{plural(about.viewers, "viewer")}</span>
      {about.viewer !== null && (
        <form method="post" action={paths.logout}>
          <span>{about.viewer}</span>
          <button class="small">Log out</button>
        </form>
      )}
    </div>
  );
}

interface TabsProps {
  readonly views: readonly ViewName[];
  readonly view: ViewName;
  setView(view: ViewName): void;
  readonly problems: ReturnType<typeof problemsOf>;
}

function Tabs({ views, view, setView, problems }: TabsProps) {
  const go = (index: number): void => {
    const name = views[(index + views.length) % views.length] as ViewName;
    setView(name);
    document.getElementById(`tab-${name}`)?.focus();
  };
  return (
    <div
      class="tabs"
      role="tablist"
      aria-label="Views"
      onKeyDown={(event) => {
        const at = views.indexOf(view);
        const goal = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: -1 }[event.key];
        if (goal === undefined) return;
        event.preventDefault();
        go(goal);
      }}
    >
      {views.map((name) => {
        const own = problems.filter((problem) => problem.view === name).length;
        return (
          <button
            key={name}
            type="button"
            role="tab"
            id={`tab-${name}`}
            aria-selected={name === view}
            aria-controls="view"
            tabIndex={name === view ? 0 : -1}
            onClick={() => setView(name)}
          >
            {titles[name]}
            {own > 0 && (
              <span class="dot">
                <Icon name="warn" />
                <span class="hidden">{plural(own, "problem")}</span>
              </span>
            )}
          </button>
        );
      })}
    </div>
  );
}
