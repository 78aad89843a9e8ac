import type { Snapshot } from "../inspector/snapshot.js";
import type { Tree } from "./children.js";
import { age, count, plural, shortCount } from "./format.js";
import { Icon } from "./icon.js";
import { usePage, type ViewName } from "./page.js";
import { isNobodys, totalsOf } from "./streams.js";

/** Something that an operator should look at. */
export interface Problem {
  readonly view: ViewName;
  readonly level: "warn" | "error";
  readonly text: string;
  /** Filter of the view that shows it; undefined: none. */
  readonly filter?: string;
}

/** What is wrong now. */
export function problemsOf(snapshot: Snapshot, tree: Tree): Problem[] {
  const { about, groups, nodes, partitions, streams } = snapshot;
  const { paused, deadLetters } = totalsOf(groups);
  const nobody = groups.filter(isNobodys).length;
  const silent = nodes.filter(({ status }) => status === "silent").length;
  // A stream that is looked for is there, with nothing in it.
  const missing = about.kind === "cluster" && about.trouble === null ? streams : [];
  const found: (Problem & { readonly is: number })[] = [
    {
      is: nodes.length === 0 && partitions.length === 0 ? missing.length : 0,
      view: "nodes",
      level: "error",
      text: `no node has a stream of cache ${streams[0]?.cache}`,
    },
    {
      is: tree.notRunning,
      view: "tree",
      level: "error",
      text: `${plural(tree.notRunning, "child", "children")} not running`,
      filter: "trouble",
    },
    {
      is: nobody,
      view: "streams",
      level: "error",
      text: `${plural(nobody, "partition")} handled by nobody`,
      filter: "nobody",
    },
    {
      is: paused,
      view: "streams",
      level: "warn",
      text: `${plural(paused, "partition")} paused`,
      filter: "paused",
    },
    {
      is: deadLetters,
      view: "streams",
      level: "error",
      text: plural(deadLetters, "dead letter"),
      filter: "letters",
    },
    {
      is: silent,
      view: "nodes",
      level: "error",
      text: `${plural(silent, "node")} silent`,
      filter: "silent",
    },
  ];
  return found.filter(({ is }) => is > 0);
}

interface HealthProps {
  readonly problems: readonly Problem[];
  readonly snapshot: Snapshot;
  readonly tree: Tree;
}

/** How it is, in one line. */
export function Health({ problems, snapshot, tree }: HealthProps) {
  const { show } = usePage();
  const { lag, oldestAt } = totalsOf(snapshot.groups);
  return (
    <div class="health" role="group" aria-label="Health">
      {problems.length === 0 && (
        <span class="fine">
          <Icon name="ok" class="ok" />
          no problem
        </span>
      )}
      {problems.map(({ view, level, text, filter }) => (
        <button
          key={text.replace(/^[\d,]+ /, "")}
          type="button"
          class={`problem ${level}`}
          onClick={() => show(view, undefined, filter)}
        >
          <Icon name={level} />
          {text}
        </button>
      ))}
      {snapshot.about.kind === "process" && <span>{count(tree.running)} running</span>}
      {snapshot.groups.length > 0 && (
        <span>
          lag {shortCount(lag)}
          {oldestAt !== null && `, oldest ${age(snapshot.time, oldestAt)}`}
        </span>
      )}
    </div>
  );
}
