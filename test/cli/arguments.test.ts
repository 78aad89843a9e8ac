import { describe, expect, test } from "@jest/globals";
import { parseCommand, type StreamOptions } from "../../src/cli/arguments.js";
import { withoutSecrets } from "../../src/pubsub/broker-address.js";
import { commandNames, helpText, shortUsage, UsageError } from "../../src/cli/usage.js";

const redis = ["--redis", "redis://localhost:6379"];
const group = [...redis, "--cache", "c", "--group", "g"];

function optionsOf(...argv: string[]): StreamOptions {
  const command = parseCommand(argv);
  if (command.kind === "tail" || command.kind === "doctor") return command.options;
  throw new Error(`a ${command.kind}`);
}

function complaint(...argv: string[]): string {
  try {
    parseCommand(argv);
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  throw new Error("it was understood");
}

describe("what is understood", () => {
  test("tail with its defaults", () => {
    expect(parseCommand(["tail", ...redis, "--cache", "users"])).toEqual({
      kind: "tail",
      options: {
        broker: expect.objectContaining({ kind: "redis", urls: [redis[1]], shown: redis[1] }),
        cache: "users",
        name: "users",
        namespace: "nebulex",
        heartbeat: 3000,
        json: false,
        events: ["inserted", "updated", "deleted", "expired", "evicted"],
        partition: null,
        from: null,
      },
    });
  });

  test("tail with everything", () => {
    const given = "--cache users --name eu --namespace shop --events deleted,inserted,deleted";
    const more = "--partition 3 --heartbeat 500 --json";
    expect(optionsOf("tail", ...redis, ...given.split(" "), ...more.split(" "))).toMatchObject({
      cache: "users",
      name: "eu",
      namespace: "shop",
      events: ["inserted", "deleted"],
      partition: 3,
      heartbeat: 500,
      json: true,
    });
  });

  test("doctor watches one and a half heartbeats, or as long as given", () => {
    const doctor = ["doctor", ...redis, "--cache", "c"];
    expect(optionsOf(...doctor)).toMatchObject({ timeout: 4500 });
    expect(optionsOf(...doctor, "--heartbeat", "1000")).toMatchObject({ timeout: 1500 });
    expect(optionsOf(...doctor, "--timeout", "7")).toMatchObject({ timeout: 7 });
  });

  test("groups, of all streams or of one", () => {
    expect(parseCommand(["groups", ...redis])).toMatchObject({
      kind: "streams",
      options: { namespace: "nebulex", json: false },
    });
    expect(parseCommand(["groups", ...redis, "--cache", "c", "--json"])).toMatchObject({
      kind: "groups",
      options: { cache: "c", name: "c", group: null, partition: null, once: true },
    });
    expect(parseCommand(["dead", ...group, "--partition", "2"])).toMatchObject({
      kind: "dead",
      options: { group: "g", partition: 2, limit: 100 },
    });
  });

  test.each([
    [["pause", "--yes"], { action: { kind: "pause" }, yes: true, partition: null }],
    [["resume", "--partition", "0"], { action: { kind: "resume" }, yes: false, partition: 0 }],
    [["seek", "--to", "earliest"], { action: { kind: "seek", to: "earliest" } }],
    [["seek", "--to", "12"], { action: { kind: "seek", to: 12 } }],
    [["retry", "b", "a", "b"], { action: { kind: "retry", ids: ["b", "a"] } }],
    [["drop", "--all"], { action: { kind: "drop", ids: "all" } }],
  ])("%j acts", ([command = "", ...rest], options) => {
    expect(parseCommand([command, ...group, ...rest])).toMatchObject({ kind: "act", options });
  });

  test("tail of a journal begins with what comes next, or elsewhere", () => {
    const tail = ["tail", ...redis, "--cache", "c", "--journal"];
    expect(optionsOf(...tail)).toMatchObject({ from: "latest" });
    expect(optionsOf(...tail, "--from", "earliest")).toMatchObject({ from: "earliest" });
    expect(optionsOf(...tail, "--from", "7", "--partition", "1")).toMatchObject({ from: 7 });
  });

  test.each([
    [["--help"], { kind: "help", of: null }],
    [["retry", "-h"], { kind: "help", of: "retry" }],
    [["-h"], { kind: "help", of: null }],
    [["--version"], { kind: "version" }],
    [["tail", "--help"], { kind: "help", of: "tail" }],
    [["doctor", "--cache", "", "-h"], { kind: "help", of: "doctor" }],
    [["doctor", "--version"], { kind: "version" }],
  ])("%j", (argv, command) => {
    expect(parseCommand(argv)).toEqual(command);
  });

  test.each(["redis", "sentinel", "nats", "cache", "name", "namespace", "json"])(
    "--%s is in the help of all commands",
    (option) => {
      for (const command of commandNames) expect(helpText(command)).toContain(`--${option} `);
    },
  );
});

test("what inspect and top take", () => {
  const place = ["--redis", "redis://h", "--cache", "users"];
  expect(parseCommand(["inspect", ...place])).toMatchObject({
    kind: "inspect",
    options: { cache: "users", port: 4040, values: false, heartbeat: 3000, json: false },
  });
  expect(parseCommand(["inspect", ...place, "--port", "0", "--values"])).toMatchObject({
    options: { port: 0, values: true },
  });
  expect(parseCommand(["top", ...place])).toMatchObject({ kind: "top", options: { once: false } });
  expect(parseCommand(["top", ...place, "--json"])).toMatchObject({
    options: { once: true, json: true },
  });
  expect(() => parseCommand(["inspect", ...place, "--port", "70000"])).toThrow(
    "option --port: expected an integer from 0 to 65535",
  );
});

describe("what is not", () => {
  test.each([
    [
      [],
      "expected a command: inspect, top, tail, doctor, groups, pause, resume, seek, dead, retry or drop, got none",
    ],
    [["trail"], 'unknown command "trail": expected inspect, top, tail, doctor, '],
    [
      ["tail", ...redis, "--cache", "c", "--from", "1"],
      "option --from: expected --journal with it",
    ],
    [
      ["tail", ...redis, "--cache", "c", "--journal", "--from", "now"],
      'option --from: expected earliest, latest or a position (an integer from 0), got "now"',
    ],
    [
      ["tail", ...redis, "--cache", "c", "--journal", "--heartbeat", "5"],
      "option --heartbeat: expected no --journal with it, got both",
    ],
    [["groups", ...redis, "--group", "g"], "option --group: expected --cache with it, got none"],
    [["pause", ...redis, "--cache", "c"], "option --group: expected the group's name, got none"],
    [["pause", ...redis, "--cache", "c", "--group", ""], 'option --group: expected a name, got ""'],
    [["seek", ...group], "option --to: expected earliest, latest or a position, got none"],
    [["seek", ...group, "--to", "-1"], "option --to: expected earliest, latest or a position (an"],
    [["retry", ...group], "retry: expected ids of dead letters or --all, got none"],
    [["drop", ...group, "--all", "id"], "drop: expected ids of dead letters or --all, got both"],
    [["drop", ...group, "--all", "--partition", "1"], "unknown option '--partition'"],
    [["dead", ...group, "--limit", "0"], 'option --limit: expected an integer from 1, got "0"'],
    [["pause", ...group, "extra"], "unexpected argument 'extra'"],
    [["--cache", "users"], "unknown option '--cache'"],
    [["tail", "--cache", "c"], "options --redis and --nats: expected one of them, got none"],
    [
      ["tail", ...redis, "--nats", "n", "--cache", "c"],
      "options --redis and --nats: expected one of them, got both",
    ],
    [
      ["tail", "--sentinel", "a", "--cache", "c"],
      "option --sentinel: expected --redis with the master's name, got none",
    ],
    [
      ["tail", ...redis, "--sentinel", "a", "--cache", "c"],
      "option --redis: expected the master's name as the host, without a port, with --sentinel",
    ],
    [["tail", ...redis], "option --cache: expected the cache's name, got none"],
    [["tail", ...redis, "--cache"], "option --cache: expected a value, got none"],
    [["tail", ...redis, "--cache", ""], 'option --cache: expected a name without ":", got ""'],
    [
      ["tail", ...redis, "--cache", "c", "--namespace", "a:b"],
      'option --namespace: expected a name without ":", got "a:b"',
    ],
    [
      ["tail", ...redis, "--cache", "c", "--name", "a:b"],
      'option --name: expected a name without ":", got "a:b"',
    ],
    [
      ["tail", ...redis, "--cache", "c", "--events", "inserted,put"],
      'option --events: expected some of inserted, updated, deleted, expired, evicted, got "put"',
    ],
    [
      ["tail", ...redis, "--cache", "c", "--partition", "-1"],
      'option --partition: expected an integer from 0 to 65535, got "-1"',
    ],
    [
      ["doctor", ...redis, "--cache", "c", "--timeout", "soon"],
      'option --timeout: expected an integer from 1 to 2147483647, got "soon"',
    ],
    [
      ["doctor", ...redis, "--cache", "c", "--heartbeat", "0"],
      'option --heartbeat: expected an integer from 1 to 1073741823, got "0"',
    ],
    [["doctor", ...redis, "--cache", "c", "--events", "inserted"], "unknown option '--events'"],
    [["tail", ...redis, "--cache", "c", "--timeout", "1"], "unknown option '--timeout'"],
    [["tail", ...redis, "--cache", "c", "extra"], "unexpected argument 'extra'"],
    [
      ["tail", ...redis, "--cache", "c", "--cache", "d"],
      "option --cache: expected once, got several times",
    ],
  ])("%j", (argv, message) => {
    expect(complaint(...argv)).toContain(message);
  });

  test("the usage that goes with it is short", () => {
    for (const command of [null, ...commandNames] as const) {
      const lines = shortUsage(command).trimEnd().split("\n");
      expect(lines).toEqual([expect.stringMatching(/^Usage: /), expect.stringMatching(/ --help$/)]);
    }
  });
});

describe("URLs", () => {
  const parse = (...argv: string[]) => optionsOf("tail", "--cache", "c", ...argv).broker;

  test("of Redis keep what is in them, and are shown without user and password", () => {
    const url = "rediss://ann:s%40crit@example.org:6380/2";
    expect(parse("--redis", url)).toEqual({
      kind: "redis",
      urls: [url],
      user: "ann",
      password: "s@crit",
      tls: true,
      socket: { host: "example.org", port: 6380 },
      database: 2,
      shown: "rediss://example.org:6380/2",
      secrets: ["s%40crit", "s@crit"],
    });
    expect(parse("--redis", "unix:/run/redis.sock").shown).toBe("unix:/run/redis.sock");
  });

  test("of NATS may be several, without a scheme, and are shown without secrets", () => {
    expect(parse("--nats", "nats://ann:s@a:1, b:2,tls://[::1]:3")).toEqual({
      kind: "nats",
      urls: ["nats://ann:s@a:1", "nats://b:2", "tls://[::1]:3"],
      servers: ["a:1", "b:2", "[::1]:3"],
      user: "ann",
      password: "s",
      tls: true,
      shown: "nats://a:1,nats://b:2,tls://[::1]:3",
      secrets: ["s"],
    });
    expect(parse("--nats", "nats://t0ken@a")).toMatchObject({
      user: "t0ken",
      secrets: ["t0ken"],
    });
  });

  test("of Sentinels may be several, with credentials of their own, for a master by its name", () => {
    const given = ["--redis", "rediss://ann:s3cret@Main/2", "--sentinel", "a, redis://:pw@[::1]:3"];
    const { broker, sentinel } = optionsOf("doctor", "--cache", "c", ...given);
    expect(sentinel).toEqual({
      name: "Main",
      sentinelRootNodes: [
        { host: "a", port: 26_379 },
        { host: "::1", port: 3 },
      ],
      nodeClientOptions: {
        username: "ann",
        password: "s3cret",
        database: 2,
        socket: { tls: true },
      },
      sentinelClientOptions: { password: "pw" },
    });
    expect(broker).toMatchObject({
      kind: "redis",
      shown: "rediss://Main/2 at redis://a,redis://[::1]:3",
      secrets: ["s3cret", "pw"],
    });
  });

  test("that are wrong are refused", () => {
    const options: [string, string, string][] = [
      ["--redis", "", "expected a URL (redis:, rediss:, unix:), got nothing"],
      ["--redis", "localhost", 'expected a URL (redis:, rediss:, unix:), got "localhost"'],
      ["--redis", "nats://a", 'expected a URL (redis:, rediss:, unix:), got "nats://a"'],
      ["--redis", "redis:///1", "expected a host"],
      [
        "--redis",
        "redis://a/x",
        'expected a database number, or nothing, behind the host, got "redis://a/x"',
      ],
      ["--redis", "redis://a:99999", "expected a URL"],
      ["--redis", "redis://u:50%@a", 'expected a password with "%" written as "%25" in the URL'],
      ["--sentinel", "nats://a", 'expected a URL (redis:, rediss:), got "nats://a"'],
      ["--sentinel", "a/main", "expected nothing behind host and port"],
      ["--sentinel", "redis://ann@a", "expected a password with the user, got redis://a"],
      ["--nats", "redis://a", 'expected a URL (nats:, tls:), got "redis://a"'],
      ["--nats", "a,,b", "expected a URL (nats:, tls:), got nothing"],
      ["--nats", "nats://a/b", 'expected nothing behind host and port, got "nats://a/b"'],
    ];
    for (const [option, url, message] of options) {
      const master = option === "--sentinel" ? ["--redis", "redis://main"] : [];
      const text = complaint("tail", "--cache", "c", ...master, option, url);
      expect(text).toContain(`option ${option}: ${message}`);
    }
  });

  test.each([
    ["--redis", "http://ann:s3cret@host"],
    ["--redis", "redis://ann:s3cret@host:99999"],
    ["--redis", "redis://ann:s3cret@/x y"],
    ["--redis", "redis://ann:s3cret@host/x"],
    ["--redis", "ann:s3cret@host"],
    ["--redis", "redis://ann:s3cret%@host"],
    ["--sentinel", "redis://ann:s3cret@host/x"],
    ["--sentinel", "ann:s3cret@host"],
    ["--nats", "nats://ann:s3cret@host:99999"],
    ["--nats", "nats://ann:s3cret@host/x"],
    ["--nats", "nats://a,http://ann:s3cret@b"],
  ])("%s %s is refused without the password", (option, url) => {
    const master = option === "--sentinel" ? ["--redis", "redis://main"] : [];
    const text = complaint("tail", "--cache", "c", ...master, option, url);
    expect(text).toContain(`option ${option}: `);
    expect(text).not.toContain("s3cret");
  });

  test("secrets are masked in messages of others", () => {
    const broker = parse("--redis", "redis://ann:s%40crit@a");
    expect(withoutSecrets("no s@crit, no s%40crit", broker)).toBe("no ***, no ***");
  });
});
