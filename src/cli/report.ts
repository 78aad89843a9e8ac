import type { Milliseconds } from "../options.js";
import type { DoctorOptions } from "./arguments.js";
import type { Problem } from "./diagnosis.js";
import { jsonText, printable, shapeText, timeText } from "./show-event.js";
import type { Findings, WatchedNode } from "./cluster-watch.js";
import { table } from "./table.js";

/** The result of `doctor`. @internal */
export interface Report {
  readonly options: DoctorOptions;
  /** How long the nodes were watched. */
  readonly watched: Milliseconds;
  /** Null: the broker refused. */
  readonly findings: Findings | null;
  readonly problems: readonly Problem[];
}

/** @internal */
export function reportJson({ options, watched, findings, problems }: Report): string {
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
    problems,
  };
  return jsonText(report);
}

/** @internal */
export function reportText({ options, watched, findings, problems }: Report): string {
  const { broker, cache, name, namespace } = options;
  const instance = name === cache ? "" : `, instance ${name}`;
  const lines = [
    `broker   ${broker.shown}, ${findings?.connected === true ? "connected" : "not connected"}`,
    `stream   cache ${cache}${instance}, namespace ${namespace}`,
  ];
  if (findings !== null && (findings.connected || findings.nodes.length > 0))
    lines.push(...findingLines(findings, watched));
  lines.push("");
  if (problems.length === 0) lines.push("All is well.");
  for (const { message, advice } of problems)
    lines.push(`PROBLEM  ${message}`, `         ${advice}`);
  return `${lines.map(printable).join("\n")}\n`;
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
