import { expect, test } from "@jest/globals";
import { parseCommand } from "../../src/cli/arguments.js";
import { diagnose, type Problem } from "../../src/cli/diagnosis.js";
import type { Findings, WatchedNode } from "../../src/cli/cluster-watch.js";
import { redisAddress, refuseOption } from "../../src/pubsub/broker-address.js";
import { channels } from "../../src/telemetry/channels.js";
import { histograms, metrics } from "../../src/telemetry/metrics.js";
import { codeOf, documentAt, rowsOf } from "../helpers/documents.js";

const page = documentAt("docs/production.md");
const rows = rowsOf(page);
const metricNames = new Set([...Object.keys(metrics), ...Object.keys(histograms)]);
const channelNames = new Set(Object.values(channels).map(({ name }) => String(name)));

test("the alerts are about every metric, each once", () => {
  const start = rows.findIndex(([first]) => first === "metric");
  const listed = rows.slice(start + 1, start + 1 + metricNames.size).map(([first]) => first);
  expect(new Set(listed.map((cell) => codeOf(cell)[0]))).toEqual(metricNames);
  expect(rows[start + 1 + metricNames.size]?.[0]).not.toMatch(/^`nebulex/);
});

test("the page names no channel or metric that there is not", () => {
  const named = [...page.text.matchAll(/`(nebulex\.\w+\.[\w.]+)`/g)].map(([, name]) => name);
  expect(named.length).toBeGreaterThan(40);
  expect(named.filter((name = "") => !metricNames.has(name) && !channelNames.has(name))).toEqual(
    [],
  );
});

test("its commands are taken by the command line", () => {
  const commands = [...page.text.matchAll(/^npx nebulex-streams (.*)$/gm)].map(([, words = ""]) =>
    parseCommand(words.split(" ")),
  );
  expect(commands.map(({ kind }) => kind)).toEqual(["doctor", "doctor", "tail"]);
});

const node: WatchedNode = {
  node: "a",
  epoch: "e1",
  shape: { partitions: 4, hash: "h", version: 1 },
  startedAt: 0,
  silent: true,
  heard: 4000,
  waiting: 9,
  ahead: 2000,
  events: 0,
  lost: { gaps: 0, events: 0 },
  samples: [0, 3, 5, 9],
};
const ill: Findings = {
  connected: true,
  trouble: null,
  disconnects: 1,
  nodes: [node],
  left: [],
  shapes: [
    { shape: node.shape, nodes: ["a"] },
    { shape: { ...node.shape, partitions: 8 }, nodes: ["b"] },
  ],
  namesTaken: [{ node: "a", epochs: ["e1", "e2"] }],
  lost: { gaps: 1, events: 1 },
  events: 0,
  rejected: 1,
  reasons: { version: 1 },
};

test("its incidents are all that doctor says, in its words", () => {
  const options = {
    broker: redisAddress("redis://host:1", refuseOption("redis")),
    cache: "users",
    name: "users",
    namespace: "nebulex",
    heartbeat: 3000,
    timeout: 4500,
    json: false,
  };
  const problems: Problem[] = [
    ...diagnose(ill, options),
    ...diagnose({ ...ill, disconnects: 0, connected: false }, options),
    ...diagnose({ ...ill, nodes: [] }, options),
    ...diagnose({ ...ill, trouble: { kind: "refused", why: "NOPERM" } }, options),
  ];
  const kinds: Problem["kind"][] = [
    "unreachable",
    "refused",
    "disconnected",
    "nobody",
    "shapes",
    "names",
    "silent",
    "outbox",
    "lost",
    "rejected",
    "clocks",
  ];
  const start = rows.findIndex(([, second]) => second === "`doctor` says");
  const phrases = rows.slice(start + 1, start + 1 + kinds.length).map(([, says = ""]) => says);
  const phrased = kinds.map((kind, index) =>
    problems.some(
      (problem) => problem.kind === kind && problem.message.includes(phrases[index] ?? ""),
    ),
  );
  expect(Object.fromEntries(kinds.map((kind, index) => [kind, phrased[index]]))).toEqual(
    Object.fromEntries(kinds.map((kind) => [kind, true])),
  );
});
