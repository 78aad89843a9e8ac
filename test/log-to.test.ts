import { channel } from "node:diagnostics_channel";
import { afterEach, expect, jest, test } from "@jest/globals";
import {
  createSystem,
  defineCache,
  handlerPool,
  type Logger,
  logTo,
  OptionError,
  spawn,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";
import { channels } from "../src/telemetry/channels.js";
import { until } from "./helpers/actors.js";

afterEach(() => {
  jest.restoreAllMocks();
});

type Line = [level: string, message: string, details: Record<string, unknown>];

/** A logger that keeps its lines. */
class Lines implements Required<Logger> {
  readonly lines: Line[] = [];

  debug(details: Record<string, unknown>, message: string): void {
    this.lines.push(["debug", message, details]);
  }

  info(details: Record<string, unknown>, message: string): void {
    this.lines.push(["info", message, details]);
  }

  warn(details: Record<string, unknown>, message: string): void {
    this.lines.push(["warn", message, details]);
  }

  error(details: Record<string, unknown>, message: string): void {
    this.lines.push(["error", message, details]);
  }

  get texts(): string[] {
    return this.lines.map(([level, message]) => `${level}: ${message}`);
  }

  find(text: string): Record<string, unknown> | undefined {
    return this.lines.find(([, message]) => message === text)?.[2];
  }
}

function processWarnings(): string[] {
  const all: string[] = [];
  jest.spyOn(process, "emitWarning").mockImplementation((text, options) => {
    all.push(`${(options as { detail: string }).detail}: ${String(text)}`);
  });
  return all;
}

test("a failure is logged with its level, its error and what it was about", async () => {
  const warnings = processWarnings();
  const logger = new Lines();
  using _logging = logTo(logger);
  const cache = defineCache<string, string>({ name: "logged" });
  const tree = await startSupervisor({
    system: createSystem({ name: "log-system" }),
    strategy: "rest_for_one",
    children: [
      cache,
      streamServer({ cache, partitions: 2, include: ["value"], hash: () => 1 }),
      handlerPool({
        cache,
        handler: () => {
          throw new Error("boom");
        },
      }),
    ],
  });
  cache.put("ada", "secret");
  await whenIdle(cache);
  await until(() => logger.texts.includes("warn: child restarts"));
  await tree.stop();

  expect(logger.texts).toEqual([
    "info: stream started",
    "warn: handler failed",
    "error: dead letter: event given up",
    "warn: child ended",
    "warn: child restarts",
    "info: stream stopped",
    "debug: epoch ended",
    "debug: epoch ended",
  ]);
  const err = expect.objectContaining({ message: "boom" });
  expect(logger.find("stream started")).toEqual({
    channel: "nebulex.streams.listener_registered",
    cache: "logged",
    instance: "logged",
    partitions: 2,
  });
  const event = { type: "inserted", command: "put", key: "ada", partition: 1, sequence: 0 };
  expect(logger.find("dead letter: event given up")).toEqual({
    channel: "nebulex.streams.dead_letter",
    cache: "logged",
    instance: "logged",
    partition: 1,
    group: "logged:handlers",
    attempt: 1,
    event: { ...event, node: expect.any(String), epoch: expect.any(String) },
    err,
  });
  expect(logger.find("child restarts")).toEqual({
    channel: "nebulex.supervisor.restart",
    supervisor: "/log-system/supervisor/logged:handlers",
    childId: "logged:handlers:1",
    ref: "/log-system/supervisor/logged:handlers/logged:handlers:1",
    attempt: 1,
    err,
  });
  expect(JSON.stringify(logger.lines)).not.toContain("secret");
  expect(warnings).toEqual([]);
});

test("what has no channel of its own is logged as a warning, and is no process warning", async () => {
  const warnings = processWarnings();
  const logger = new Lines();
  const logging = logTo(logger);
  const cache = defineCache<string, number>({ name: "log-hash" });
  const hash = (): never => {
    throw new Error("no partition");
  };
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, partitions: 2, hash })],
  });
  cache.put("ada", 1);
  const text = "an event of log-hash has no partition, and is in no stream";
  expect(logger.texts).toEqual(["info: stream started", `warn: ${text}`]);
  expect(logger.find(text)).toEqual({
    channel: "nebulex.warning",
    what: text,
    repeats: 0,
    err: expect.objectContaining({ message: "no partition" }),
  });
  expect(warnings).toEqual([]);

  logging.stop();
  logging.stop();
  expect(logger.lines).toHaveLength(2);
});

test("after stop, warnings are process warnings again", async () => {
  const warnings = processWarnings();
  const logger = new Lines();
  const system = createSystem();
  const crash = async (id: string): Promise<void> => {
    const receive = (): never => {
      throw new Error(`${id} failed`);
    };
    const ref = await spawn<void, string>(system, { receive });
    ref.dispatch("crash");
    await until(() => !ref.alive);
  };
  const logging = logTo(logger);
  await crash("first");
  await until(() => logger.lines.length > 0);
  logging.stop();
  await crash("second");
  await until(() => warnings.length > 0);
  await system.stop();
  expect(logger.texts).toEqual(["error: actor ended"]);
  expect(warnings).toEqual([expect.stringMatching(/ ended: Error: second failed/)]);
});

test("events are logged at debug if asked for, with at most 10 keys; else no message is made", async () => {
  const logger = new Lines();
  const cache = defineCache<number, string>({ name: "log-events" });
  await using _tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache, include: ["value"] })],
  });
  {
    using _logging = logTo(logger);
    expect(channels.broadcast.hasSubscribers).toBe(false);
    expect(channels.invalidate.hasSubscribers).toBe(false);
    cache.put(0, "a value");
  }
  {
    using _logging = logTo(logger, { events: true });
    cache.putAll(Array.from({ length: 12 }, (_, key) => [key + 1, "a value"]));
    cache.deleteAll();
  }
  expect(logger.texts).toEqual(["debug: event", "debug: event"]);
  const [inserted, deleted] = logger.lines.map(([, , { event }]) => event);
  expect(inserted).toMatchObject({ type: "inserted", keys: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10] });
  expect(inserted).toMatchObject({ count: 12 });
  expect(deleted).toMatchObject({ type: "deleted", query: "all" });
  expect(JSON.stringify(logger.lines)).not.toContain("a value");
});

test("every channel is logged, and left at the stop", () => {
  using logging = logTo(new Lines(), { events: true });
  const listened = (): string[] =>
    Object.values(channels)
      .filter(({ hasSubscribers }) => hasSubscribers)
      .map(({ name }) => String(name));
  expect(listened()).toEqual(Object.values(channels).map(({ name }) => String(name)));
  logging.stop();
  expect(listened()).toEqual([]);
});

test.each([
  { name: "nebulex.streams.node", reported: { node: "b", status: "up" }, line: "info: node up" },
  {
    name: "nebulex.streams.node",
    reported: { node: "b", status: "down" },
    line: "warn: node down",
  },
  {
    name: "nebulex.streams.gap",
    reported: { type: "gap", from: 3, to: 5, reason: "overrun", group: null },
    line: "warn: gap: events not given to a reader",
  },
  {
    name: "nebulex.supervisor.child_terminated",
    reported: { reason: "shutdown" },
    line: "info: child ended",
  },
  {
    name: "nebulex.supervisor.child_terminated",
    reported: { reason: "killed" },
    line: "warn: child ended",
  },
  { name: "nebulex.supervisor.gave_up", reported: {}, line: "error: supervisor gives up" },
  {
    name: "nebulex.journal.owner_change",
    reported: { owner: "a", reason: null },
    line: "info: partition of a cluster group taken",
  },
  {
    name: "nebulex.journal.owner_change",
    reported: { owner: null, reason: "given back" },
    line: "info: partition of a cluster group given back",
  },
  {
    name: "nebulex.journal.owner_change",
    reported: { owner: null, reason: "expired" },
    line: "warn: partition of a cluster group lost",
  },
  {
    name: "nebulex.streams.invalidator.invalidate",
    reported: { status: "error" },
    line: "warn: invalidation failed",
  },
  {
    name: "nebulex.streams.broadcast",
    reported: { status: "error" },
    line: "error: event not in the stream",
  },
])("$line", ({ name, reported, line }) => {
  const logger = new Lines();
  using _logging = logTo(logger, { events: true });
  channel(name).publish(reported);
  expect(logger.texts).toEqual([line]);
});

test("a logger that throws is a process warning, and breaks nothing", async () => {
  const warnings = processWarnings();
  const broken = (): never => {
    throw new Error("disk full");
  };
  using _logging = logTo({ info: broken, warn: broken, error: broken });
  const cache = defineCache<string, string>({ name: "log-broken" });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [cache, streamServer({ cache })],
  });
  await tree.stop();
  expect(warnings).toEqual([expect.stringMatching(/^logTo: the logger threw: Error: disk full/)]);
});

test("a wrong logger or option is refused", () => {
  const { info, warn, error } = console;
  const wrong = (logger: unknown, options?: unknown) => () =>
    logTo(logger as Logger, options as never);
  expect(wrong({ info, warn })).toThrow(OptionError);
  expect(wrong(undefined)).toThrow(
    'invalid value for option "logger": expected an object with the functions info, warn and error, got: undefined',
  );
  expect(wrong({ debug: true, info, warn, error })).toThrow(OptionError);
  expect(wrong({ info, warn, error }, { events: true })).toThrow(
    'events: true needs a logger that has "debug"',
  );
  expect(wrong(console, { events: "yes" })).toThrow(/"events": expected a boolean/);
  expect(wrong(console, { level: "warn" })).toThrow(/unknown option "level" for logTo/);
  expect(Object.values(channels).some(({ hasSubscribers }) => hasSubscribers)).toBe(false);
});
