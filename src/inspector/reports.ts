import type { Channel } from "node:diagnostics_channel";
import { isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { ActorSystem, Cell } from "../actor/types.js";
import { channels } from "../telemetry/channels.js";
import { observeReports } from "../telemetry/reports.js";
import type { TimelineEntry, TimelineKind } from "./snapshot.js";
import { detail, errorText, keyText, line, reasonText } from "./text.js";
import type { NewTimelineEntry, Timeline } from "./timeline.js";

/** What the messages of the channels have, as far as it is shown. */
interface Reported {
  readonly supervisor?: ActorRef;
  readonly childId?: string;
  readonly ref?: ActorRef;
  readonly reason?: unknown;
  readonly attempt?: number;
  readonly cache?: string;
  readonly name?: string;
  readonly partition?: number | null;
  readonly group?: string | null;
  readonly event?: unknown;
  readonly error?: unknown;
  readonly from?: number;
  readonly to?: number;
  readonly count?: number;
  readonly node?: string;
  readonly status?: string;
  readonly owner?: string | null;
  readonly fence?: number;
  readonly what?: string;
  readonly repeats?: number;
  readonly position?: number;
}

interface Kind {
  readonly channel: Channel;
  readonly kind: TimelineKind;
  readonly level: TimelineEntry["level"] | ((report: Reported) => TimelineEntry["level"]);
  readonly text: (report: Reported) => string;
  /** Whether it is left out. */
  readonly skip?: (report: Reported) => boolean;
}

const levelOfExit = ({ reason }: Reported): TimelineEntry["level"] =>
  isCleanExit(reason) ? "info" : "warn";

/** The end of an epoch is a gap for each reader, also for those that have read everything. */
const isEmptyGap = ({ from = 0, to = 0, reason }: Reported): boolean =>
  to < from && (reason === "cache_restarted" || reason === "stream_restarted");

const isLost = ({ owner, reason }: Reported): boolean => owner === null && reason !== "given back";

const kinds: readonly Kind[] = [
  {
    channel: channels.childTerminated,
    kind: "exit",
    level: levelOfExit,
    text: ({ childId, reason }) => `${childId} ended: ${reasonText(reason)}`,
  },
  {
    channel: channels.actorExit,
    kind: "exit",
    level: "error",
    text: ({ ref, reason }) => `${ref?.id} ended without a supervisor: ${reasonText(reason)}`,
  },
  {
    channel: channels.restart,
    kind: "restart",
    level: "warn",
    text: ({ childId, attempt }) =>
      `${childId} is started again (restart ${attempt} in its window)`,
  },
  {
    channel: channels.gaveUp,
    kind: "gave_up",
    level: "error",
    text: ({ supervisor, childId }) => `${supervisor?.id} gives up: ${childId} fails too often`,
  },
  {
    channel: channels.handlerError,
    kind: "handler_error",
    level: "warn",
    text: (report) =>
      `${readerOf(report)}: attempt ${report.attempt} failed: ${reasonText(report.error)}`,
  },
  {
    channel: channels.deadLetter,
    kind: "dead_letter",
    level: "error",
    text: (report) => `${readerOf(report)}: event given up: ${reasonText(report.error)}`,
  },
  {
    channel: channels.gap,
    kind: "gap",
    level: "warn",
    text: (report) => {
      const { from = 0, to = 0, reason } = report;
      const events = to < from ? `events from ${from} on` : `events ${from} to ${to}`;
      return `${readerOf(report)}: ${events} were not delivered (${String(reason)})`;
    },
    skip: isEmptyGap,
  },
  {
    channel: channels.undelivered,
    kind: "undelivered",
    level: "warn",
    text: (report) => `${readerOf(report)}: ${report.count} events left at a stop`,
  },
  {
    channel: channels.ownerChange,
    kind: "owner",
    level: (report) => (isLost(report) ? "warn" : "info"),
    text: (report) => {
      const { owner, node, reason } = report;
      return owner === null
        ? `${readerOf(report)}: no owner any more, ${node}: ${String(reason)}`
        : `${readerOf(report)}: ${owner} is the owner`;
    },
  },
  {
    channel: channels.fencedCommit,
    kind: "owner",
    level: "warn",
    text: (report) => `${readerOf(report)}: a commit was refused, its lease is over`,
  },
  {
    channel: channels.node,
    kind: "node",
    level: ({ status }) => (status === "silent" || status === "down" ? "warn" : "info"),
    text: ({ node, status, name }) => `node ${node} of ${name}: ${status}`,
  },
  {
    channel: channels.shapeMismatch,
    kind: "problem",
    level: "error",
    text: ({ node, name, error }) => `node ${node} does not fit ${name}: ${reasonText(error)}`,
  },
  {
    channel: channels.listenerRegistered,
    kind: "stream",
    level: "info",
    text: ({ name }) => `stream ${name} listens to its cache`,
  },
  {
    channel: channels.listenerUnregistered,
    kind: "stream",
    level: "info",
    text: ({ name }) => `stream ${name} has ended`,
  },
  {
    channel: channels.registrationRetry,
    kind: "stream",
    level: "warn",
    text: ({ name, attempt, error }) =>
      `stream ${name} waits for its cache (attempt ${attempt}): ${reasonText(error)}`,
  },
  ...[channels.callbackError, channels.listenerError, channels.topicSubscriberError].map(
    (channel): Kind => ({
      channel,
      kind: "problem",
      level: "error",
      text: ({ what, error }) => `${what} failed: ${reasonText(error)}`,
    }),
  ),
  {
    channel: channels.warning,
    kind: "problem",
    level: "warn",
    // Further ones of a place come as one, once a minute.
    text: ({ what, repeats, error }) => {
      const more = repeats === 0 ? "" : `${repeats} more within a minute; the last one: `;
      return `${what}: ${more}${reasonText(error)}`;
    },
  },
];

/**
 * Adds to the timeline what is reported: of supervisors those of the system, of streams all in the
 * process. As long as nothing happens it costs nothing. Returns a function that ends it.
 *
 * @internal
 */
export function follow(system: ActorSystem, timeline: Timeline): () => void {
  const ends = kinds.map(({ channel, kind, level, text, skip }) =>
    observeReports(channel, (message: Reported) => {
      if (skip?.(message) === true || !isOf(system, message)) return;
      timeline.add(() => entryOf(message, kind, level, text));
    }),
  );
  return () => {
    for (const end of ends) end();
  };
}

function isOf(system: ActorSystem, { supervisor, ref }: Reported): boolean {
  const actor = supervisor ?? ref;
  return !ActorRef.isRef(actor) || (ActorRef.targetOf(actor) as Cell).system === system;
}

function entryOf(
  message: Reported,
  kind: TimelineKind,
  level: Kind["level"],
  text: Kind["text"],
): NewTimelineEntry {
  const error = message.error ?? (errorText(message.reason) === null ? undefined : message.reason);
  return {
    kind,
    level: typeof level === "string" ? level : level(message),
    text: line(text(message)),
    subject: subjectOf(message),
    details: detailsOf(message),
    error: errorText(error),
  };
}

function subjectOf({ supervisor, childId, ref, name, partition, node }: Reported): string {
  if (supervisor !== undefined) return ref?.path ?? `${supervisor.path}/${childId}`;
  if (ref !== undefined) return ref.path;
  if (name === undefined) return node ?? "";
  return partition === undefined || partition === null ? name : `${name}/${partition}`;
}

function readerOf({ name, partition, group }: Reported): string {
  const place = partition === undefined || partition === null ? name : `${name}/${partition}`;
  return group === undefined || group === null ? `${place}` : `${group} on ${place}`;
}

function detailsOf(message: Reported): [name: string, value: string][] {
  const details: [string, string][] = [];
  for (const [name, value] of Object.entries(message)) {
    if (value === undefined || value === null || name === "error" || name === "type") continue;
    if (name === "event") details.push(...eventDetails(value));
    else if (name !== "reason" || errorText(value) === null) details.push([name, detail(value)]);
  }
  return details;
}

interface Event {
  readonly type?: unknown;
  readonly command?: unknown;
  readonly target?: { readonly kind: string; readonly key?: unknown; readonly keys?: unknown[] };
  readonly metadata?: { readonly node: string; readonly sequence: number };
}

/** Never a value. */
function eventDetails(value: unknown): [name: string, value: string][] {
  const { type, command, target, metadata } = value as Event;
  const details: [string, string][] = [["event", detail(type)]];
  if (command !== undefined) details.push(["command", detail(command)]);
  if (target?.kind === "key") details.push(["key", keyText(target.key)]);
  if (target?.kind === "keys")
    details.push(["keys", detail((target.keys ?? []).slice(0, 10).map(keyText).join(", "))]);
  if (metadata !== undefined)
    details.push(["node", detail(metadata.node)], ["sequence", String(metadata.sequence)]);
  return details;
}
