import type { Milliseconds } from "../options.js";
import type { DoctorOptions } from "./arguments.js";
import type { Problem } from "./diagnosis.js";
import { jsonText, printable, shapeText, timeText } from "./show-event.js";
import type { Findings, WatchedNode } from "./cluster-watch.js";
import type { Health } from "./doctor.js";
import { groupText } from "./groups.js";
import type { JournalFindings, JournalLook } from "./journal-watch.js";
import { storeLines } from "./store-look.js";
import { table } from "./table.js";

/** The result of `doctor`. @internal */
export interface Report {
  readonly options: DoctorOptions;
  /** How long the nodes were watched. */
  readonly watched: Milliseconds;
  /** Null: the broker refused. */
  readonly findings: Findings | null;
  readonly journal: JournalLook;
  readonly problems: readonly Problem[];
}

/** @internal */
export function reportJson({ options, watched, findings, journal, problems }: Report): string {
  const { broker, cache, name, namespace } = options;
  const { nodes, trouble: _, ...rest } = findings ?? { nodes: [], trouble: null, connected: false };
  const report = {
    healthy: problems.length === 0,
    broker: broker.shown,
    cache,
    name,
    namespace,
    watched,
    ...rest,
    nodes: nodes.map(({ startedAt, heard, ahead, ...node }) => ({
      ...node,
      startedAt: timeText(startedAt),
      heard: Math.round(heard),
      ahead: Math.round(ahead),
    })),
    journal: journal.kind === "seen" ? journalJson(journal.findings) : null,
    problems,
  };
  return jsonText(report);
}

/** @internal */
export function reportText({ options, watched, findings, journal, problems }: Report): string {
  const { broker, cache, name, namespace } = options;
  const instance = name === cache ? "" : `, instance ${name}`;
  const lines = [
    `broker   ${broker.shown}, ${findings?.connected === true || journal.kind === "seen" ? "connected" : "not connected"}`,
    `stream   cache ${cache}${instance}, namespace ${namespace}`,
  ];
  // Of a stream over a journal alone, there is nothing else to be seen.
  const isShown = findings?.connected === true && journal.kind !== "seen";
  if (findings !== null && (isShown || findings.nodes.length > 0))
    lines.push(...findingLines(findings, watched));
  if (journal.kind === "seen") lines.push(...journalLines(journal.findings));
  else if (journal.kind !== "none") lines.push(`journal  not looked at: ${journal.why}`);
  lines.push("");
  lines.push(...problemLines(problems));
  return `${lines.map(printable).join("\n")}\n`;
}

/** @internal */
export function problemLines(problems: readonly Problem[]): string[] {
  if (problems.length === 0) return ["All is well."];
  return problems.flatMap(({ message, advice }) => [`PROBLEM  ${message}`, `         ${advice}`]);
}

/** @internal */
export function healthOfReport(problems: readonly Problem[]): Health {
  if (problems.some(({ kind }) => kind === "unreachable" || kind === "refused")) return "no_broker";
  return problems.length === 0 ? "healthy" : "problems";
}

function findingLines(findings: Findings, watched: Milliseconds): string[] {
  const { nodes, left, shapes, events, lost, rejected } = findings;
  const seconds = (watched / 1000).toFixed(1);
  return [
    `watched  ${seconds} s: ${events} events seen, ${lost.gaps} gaps, ${rejected} messages rejected`,
    ...shapes.map(({ shape, nodes: of }) => `shape    ${shapeText(shape)}: ${of.join(", ")}`),
    `nodes    ${nodes.length}${left.length === 0 ? "" : `; left meanwhile: ${left.join(", ")}`}`,
    ...(nodes.length === 0 ? [] : ["", ...table([heading, ...nodes.map(cells)])]),
  ];
}

function journalJson(findings: JournalFindings): object {
  const { nodes, name: _name, ...rest } = findings;
  return {
    ...rest,
    nodes: nodes.map(({ startedAt, ...node }) => ({ ...node, startedAt: timeText(startedAt) })),
  };
}

function journalLines({ engine, shape, nodes, groups, store }: JournalFindings): string[] {
  const rows = nodes.map(({ node, epoch, startedAt, silent }) => [
    node,
    epoch,
    timeText(startedAt),
    silent ? "silent" : "lives",
  ]);
  return [
    "",
    `journal  ${engine}, ${shapeText(shape)}`,
    `nodes    ${nodes.length}, ${groups.length === 1 ? "1 group" : `${groups.length} groups`}`,
    ...(rows.length === 0 ? [] : table([["node", "epoch", "started", "state"], ...rows])),
    ...groups.flatMap((group) => ["", ...groupText(group)]),
    ...(store === null ? [] : storeLines(store)),
  ];
}

const heading = ["node", "epoch", "started", "heard", "clock", "waiting", "events", "gaps", "lost"];

function cells(node: WatchedNode): string[] {
  const { epoch, startedAt, heard, silent, ahead, waiting, events, lost } = node;
  const clock = Math.round(ahead);
  return [
    node.node,
    epoch,
    timeText(startedAt),
    `${Math.round(heard)} ms ago${silent ? ", silent" : ""}`,
    `${clock > 0 ? "+" : ""}${clock} ms`,
    String(waiting),
    String(events),
    String(lost.gaps),
    String(lost.events),
  ];
}
