import { describe, expect, test } from "@jest/globals";
import { diagnose } from "../../src/cli/diagnosis.js";
import { redisAddress, refuseOption } from "../../src/pubsub/broker-address.js";
import { reportJson, reportText } from "../../src/cli/report.js";
import type { Findings, WatchedNode } from "../../src/cli/cluster-watch.js";

const options = {
  broker: redisAddress("redis://ann:s3cret@host:1", refuseOption("redis")),
  cache: "users",
  name: "users",
  namespace: "nebulex",
  heartbeat: 3000,
  timeout: 4500,
  json: false,
};
const shape = { partitions: 4, hash: "h", version: 1 };
const node: WatchedNode = {
  node: "a",
  epoch: "e1",
  shape,
  startedAt: Date.UTC(2030, 0, 1),
  silent: false,
  heard: 10.4,
  waiting: 0,
  ahead: -2.6,
  events: 5,
  lost: { gaps: 0, events: 0 },
  samples: [0, 3, 0],
};
const healthy: Findings = {
  connected: true,
  trouble: null,
  disconnects: 0,
  nodes: [node],
  left: [],
  shapes: [{ shape, nodes: ["a"] }],
  namesTaken: [],
  lost: { gaps: 0, events: 0 },
  events: 5,
  rejected: 0,
  reasons: {},
};

const reportOf = (findings: Findings) => {
  const problems = diagnose(findings, options);
  return { options, watched: 4500, findings, journal: { kind: "none" } as const, problems };
};

describe("what is wrong", () => {
  test("is nothing with nodes that are well", () => {
    expect(diagnose(healthy, options)).toEqual([]);
  });

  const other = { ...shape, partitions: null };
  const cases: [string, Partial<Findings>, string][] = [
    [
      "unreachable",
      { connected: false, nodes: [] },
      "redis://host:1 can't be reached: no connection within 4500 ms.",
    ],
    ["disconnected", { disconnects: 2 }, "The connection to redis://host:1 was lost 2 times."],
    ["disconnected", { disconnects: 1, connected: false }, "lost once, and is not back."],
    ["nobody", { nodes: [] }, "No node has a stream of cache users in namespace nebulex."],
    [
      "shapes",
      { shapes: [...healthy.shapes, { shape: other, nodes: ["b", "c"] }] },
      "a (4 partitions, hash h, version 1); b, c (no partitions, hash h, version 1).",
    ],
    [
      "names",
      { namesTaken: [{ node: "a", epochs: ["e1", "e2"] }] },
      "Two nodes are named a (epochs e1, e2).",
    ],
    [
      "silent",
      { nodes: [{ ...node, silent: true, heard: 3500.2 }] },
      "Node a has said nothing for 3500 ms",
    ],
    [
      "outbox",
      { nodes: [{ ...node, samples: [0, 5, 5, 9] }] },
      "node a wait to be sent: 0 at first, 9 now.",
    ],
    [
      "outbox",
      { nodes: [{ ...node, samples: [0, 0, 1, 1, 1] }] },
      "node a wait to be sent: 0 at first, 1 now.",
    ],
    ["lost", { lost: { gaps: 2, events: 7 } }, "2 gaps, 7 events at the least."],
    ["lost", { lost: { gaps: 1, events: 0 } }, "1 gap, of unknown size."],
    ["rejected", { rejected: 3, reasons: { malformed: 1 } }, "1 malformed, 2 oversized."],
    ["rejected", { rejected: 1, reasons: { version: 1 } }, "1 version."],
    [
      "clocks",
      { nodes: [{ ...node, ahead: 2000.4 }] },
      "The clock of node a is about 2000 ms ahead of",
    ],
    ["clocks", { nodes: [{ ...node, ahead: -2000 }] }, "about 2000 ms behind the one here."],
  ];
  test.each(cases)("%s: %j", (kind, findings, text) => {
    const problems = diagnose({ ...healthy, ...findings }, options);
    expect(problems).toEqual([
      {
        kind,
        message: expect.stringContaining(text),
        advice: expect.stringMatching(/^[A-Z].*\.$/),
      },
    ]);
  });

  test("is not that an outbox is sometimes longer, or has too few samples", () => {
    const well = [[0, 9], [0, 4, 9], [5, 4, 9, 9], [5, 5, 5, 5], [0, 0, 0, 1], [0, 0, 0, 1, 2], []];
    for (const samples of well)
      expect(diagnose({ ...healthy, nodes: [{ ...node, samples }] }, options)).toEqual([]);
  });
});

describe("the report", () => {
  test("for people", () => {
    expect(reportText(reportOf({ ...healthy, left: ["b"] }))).toBe(
      `broker   redis://host:1, connected
stream   cache users, namespace nebulex
watched  4.5 s: 5 events seen, 0 gaps, 0 messages rejected
shape    4 partitions, hash h, version 1: a
nodes    1; left meanwhile: b

node  epoch  started                   heard      clock  waiting  events  gaps  lost
a     e1     2030-01-01T00:00:00.000Z  10 ms ago  -3 ms  0        5       0     0

All is well.
`,
    );
  });

  test("of problems, without control characters", () => {
    const text = reportText(
      reportOf({ ...healthy, nodes: [{ ...node, node: "\u001b[2J", silent: true }] }),
    );
    expect(text).toContain("PROBLEM  Node \\u{1b}[2J has said nothing");
    expect(text).not.toContain("\u001b");
  });

  test("as JSON", () => {
    expect(JSON.parse(reportJson(reportOf({ ...healthy, nodes: [] })))).toMatchObject({
      healthy: false,
      broker: "redis://host:1",
      watched: 4500,
      nodes: [],
      problems: [{ kind: "nobody" }],
    });
    expect(
      reportJson({
        options,
        watched: 0,
        findings: null,
        journal: { kind: "none" } as const,
        problems: [],
      }),
    ).not.toContain("s3cret");
  });
});
