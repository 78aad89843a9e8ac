import type { Channel } from "node:diagnostics_channel";
import { types } from "node:util";
import { isCleanExit } from "./actor/exit.js";
import { ActorRef } from "./actor/ref.js";
import { OptionError, show } from "./errors.js";
import type { CacheEntryEvent, EventTarget, GapEvent } from "./event/types.js";
import { boolean, knownOptions } from "./options.js";
import { channels } from "./telemetry/channels.js";
import { emitProcessWarning, warnOfError } from "./telemetry/warnings.js";

/** Keys of one event that are logged at the most. */
const maxKeys = 10;

/** What a log line is given: an object of plain fields, then the text, as pino takes them. */
export type LogMethod = (details: Record<string, unknown>, message: string) => void;

/** What {@link logTo} needs of a logger. Those of pino, Fastify and Bunyan have it, and so does `console`. */
export interface Logger {
  /** Details, and each event with `events: true`. Without it, details are not logged. */
  debug?: LogMethod;
  /** Streams that start and stop, nodes that are up, children that end in order. */
  info: LogMethod;
  /** What is retried, or reported to a reader, e.g. a restart or a gap. */
  warn: LogMethod;
  /** What is lost or stays down, e.g. a dead letter. */
  error: LogMethod;
}

/** Options of {@link logTo}. */
export interface LogToOptions {
  /**
   * Whether to log, at `debug`, each event that goes into a stream and each invalidation, too. A
   * message is then made for each of them. Default false.
   */
  events?: boolean;
}

/** What {@link logTo} has started. */
export interface Logging extends Disposable {
  /** Nothing is logged afterwards. A second call has no effect. */
  stop(): void;
}

/**
 * Logs what the diagnostics channels publish from now on, of all systems in the process:
 *
 * - `error`, what is lost or stays down: dead letters, supervisors that give up, actors without a
 *   supervisor that end abnormally, callbacks that throw, nodes whose streams don't fit together.
 * - `warn`, what is retried or reported to a reader: failed attempts of handlers, children that end
 *   abnormally, restarts, gaps, events left at a stop, nodes that are silent or down, rejected
 *   messages, and whatever else would be a process warning.
 * - `info`: streams that start and stop, nodes that are up, children that end in order.
 * - `debug`: invalidators that start and stop, gaps at the end of an epoch for readers that had read
 *   it all; with `events`, each event and each invalidation.
 *
 * Meanwhile nothing is a process warning (`NebulexWarning`): it is all in the log. A line has a
 * constant text and, as fields, its channel and what is published there: `instance` is the
 * instance's name, actors and supervisors are their paths, an error is in `err`. At most 10 keys of
 * an event are logged, and never a value.
 *
 * The logger is called in the middle of what happens, so it should not block. If it throws, that is
 * a process warning, and nothing else is affected.
 *
 * ```ts
 * const logging = logTo(pino());
 * ```
 *
 * @throws {@link OptionError} for a logger without `info`, `warn` or `error`, and for `events: true`
 *   with one without `debug`
 */
export function logTo(logger: Logger, options: LogToOptions = {}): Logging {
  checkLogger(logger);
  knownOptions("logTo", options, ["events"]);
  const events = boolean("events", options.events ?? false);
  if (events && logger.debug === undefined)
    throw new OptionError("events", 'events: true needs a logger that has "debug"');
  const ends = kinds
    .filter(({ each }) => events || each !== true)
    .map((kind) => listen(logger, kind));
  const stop = (): void => {
    for (const end of ends.splice(0)) end();
  };
  return { stop, [Symbol.dispose]: stop };
}

type Level = "debug" | "info" | "warn" | "error";

/** What may be in a message of a channel, as far as it is not logged as it is. */
interface Reported {
  readonly owner?: string | null;
  readonly reason?: unknown;
  readonly status?: string;
  readonly what?: string;
  readonly from?: number;
  readonly to?: number;
}

interface Kind {
  readonly channel: Channel;
  readonly level: Level | ((report: Reported) => Level);
  readonly text: string | ((report: Reported) => string);
  /** Whether a message is made for each event. */
  readonly each?: true;
}

const isAway = ({ status }: Reported): boolean => status === "silent" || status === "down";

/** The end of an epoch is a gap for each reader, also for those that have read everything. */
const isEmpty = ({ reason, from = 0, to = 0 }: Reported): boolean =>
  to < from && (reason === "cache_restarted" || reason === "stream_restarted");

/** A lease that was not given back. */
const isLost = ({ owner, reason }: Reported): boolean => owner === null && reason !== "given back";

const kinds: readonly Kind[] = [
  { channel: channels.listenerRegistered, level: "info", text: "stream started" },
  { channel: channels.listenerUnregistered, level: "info", text: "stream stopped" },
  { channel: channels.registrationRetry, level: "warn", text: "stream waits for its cache" },
  {
    channel: channels.broadcast,
    level: ({ status }) => (status === "ok" ? "debug" : "error"),
    text: ({ status }) => (status === "ok" ? "event" : "event not in the stream"),
    each: true,
  },
  {
    channel: channels.gap,
    level: (report) => (isEmpty(report) ? "debug" : "warn"),
    text: (report) => (isEmpty(report) ? "epoch ended" : "gap: events not given to a reader"),
  },
  { channel: channels.handlerError, level: "warn", text: "handler failed" },
  { channel: channels.deadLetter, level: "error", text: "dead letter: event given up" },
  { channel: channels.undelivered, level: "warn", text: "events left at a stop" },
  {
    channel: channels.node,
    level: (report) => (isAway(report) ? "warn" : "info"),
    text: ({ status }) => `node ${status}`,
  },
  {
    channel: channels.ownerChange,
    level: (report) => (isLost(report) ? "warn" : "info"),
    text: (report) => {
      if (isLost(report)) return "partition of a cluster group lost";
      return `partition of a cluster group ${report.owner === null ? "given back" : "taken"}`;
    },
  },
  { channel: channels.fencedCommit, level: "warn", text: "commit of a cluster group refused" },
  { channel: channels.shapeMismatch, level: "error", text: "node with a stream that does not fit" },
  { channel: channels.invalidatorStarted, level: "debug", text: "invalidator started" },
  { channel: channels.invalidatorStopped, level: "debug", text: "invalidator stopped" },
  {
    channel: channels.invalidate,
    level: ({ status }) => (status === "ok" ? "debug" : "warn"),
    text: ({ status }) => (status === "ok" ? "invalidated" : "invalidation failed"),
    each: true,
  },
  { channel: channels.unhandledEvent, level: "warn", text: "message to an invalidator ignored" },
  {
    channel: channels.childTerminated,
    level: ({ reason }) => (isCleanExit(reason) ? "info" : "warn"),
    text: "child ended",
  },
  { channel: channels.restart, level: "warn", text: "child restarts" },
  { channel: channels.gaveUp, level: "error", text: "supervisor gives up" },
  { channel: channels.actorExit, level: "error", text: "actor ended" },
  { channel: channels.callbackError, level: "error", text: "callback failed" },
  { channel: channels.listenerError, level: "error", text: "listener failed" },
  { channel: channels.topicSubscriberError, level: "error", text: "subscriber of a topic failed" },
  { channel: channels.messageRejected, level: "warn", text: "message rejected" },
  { channel: channels.inspectorListening, level: "info", text: "inspector listens" },
  { channel: channels.inspectorAction, level: "warn", text: "action on the inspector's page" },
  { channel: channels.warning, level: "warn", text: ({ what = "" }) => what },
];

function listen(logger: Logger, { channel, level, text }: Kind): () => void {
  const log = (message: unknown): void => {
    const report = message as Reported;
    const method = typeof level === "string" ? level : level(report);
    try {
      logger[method]?.(
        detailsOf(String(channel.name), report),
        typeof text === "string" ? text : text(report),
      );
    } catch (error) {
      // Past the channel of warnings, on which the same logger may listen.
      warnOfError("logTo: the logger threw", error, emitProcessWarning);
    }
  };
  channel.subscribe(log);
  return () => {
    channel.unsubscribe(log);
  };
}

function detailsOf(channel: string, report: object): Record<string, unknown> {
  const details: Record<string, unknown> = { channel };
  for (const [field, value] of Object.entries(report)) {
    if (value === null || value === undefined) continue;
    if (field === "error" || types.isNativeError(value)) details["err"] = value;
    else if (field === "name") details["instance"] = value;
    else if (field === "event")
      details["event"] = eventDetails(value as CacheEntryEvent | GapEvent);
    else if (field === "message") details["message"] = show(value);
    else details[field] = ActorRef.isRef(value) ? value.path : value;
  }
  return details;
}

function eventDetails(event: CacheEntryEvent | GapEvent): Record<string, unknown> {
  if (event.type === "gap") {
    const { type, node, epoch, from, to, reason } = event;
    return { type, node, epoch, from, to, reason };
  }
  const { type, command, target, metadata } = event;
  const { node, epoch, partition, sequence } = metadata;
  return { type, command, ...targetDetails(target), node, epoch, partition, sequence };
}

function targetDetails(target: EventTarget<unknown>): Record<string, unknown> {
  switch (target.kind) {
    case "key":
      return { key: target.key };
    case "keys":
      return { keys: target.keys.slice(0, maxKeys), count: target.keys.length };
    case "query":
      return { query: target.query ?? "all" };
  }
}

function checkLogger(logger: Logger): void {
  const { debug, info, warn, error } = (logger as Partial<Logger> | null | undefined) ?? {};
  const isFunction = (method: unknown): boolean => typeof method === "function";
  if ([info, warn, error].every(isFunction) && (debug === undefined || isFunction(debug))) return;
  throw OptionError.invalid("logger", "an object with the functions info, warn and error", logger);
}
