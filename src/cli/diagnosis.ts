import { withoutSecrets } from "../pubsub/broker-address.js";
import type { DoctorOptions } from "./arguments.js";
import { shapeText } from "./show-event.js";
import type { Findings, WatchedNode } from "./cluster-watch.js";

/** A problem, and what to do about it. @internal */
export interface Problem {
  readonly kind:
    | "unreachable"
    | "refused"
    | "disconnected"
    | "nobody"
    | "shapes"
    | "names"
    | "silent"
    | "outbox"
    | "lost"
    | "rejected"
    | "clocks"
    | "engine"
    | "unowned"
    | "owner"
    | "flapping"
    | "journal_lost"
    | "sweep";
  readonly message: string;
  readonly advice: string;
}

/** Samples that it takes to see a trend. */
const minSamples = 4;
/** Milliseconds that two clocks may differ. */
const maxSkew = 1000;

type Context = Pick<DoctorOptions, "broker" | "cache" | "name" | "namespace" | "heartbeat"> & {
  readonly timeout: number;
};

/** @internal */
export function diagnose(findings: Findings, context: Context): Problem[] {
  return checks.flatMap((check) => check(findings, context));
}

/** The broker cannot be used, so that nothing else is known. @internal */
export function refusal(message: string): Problem {
  return {
    kind: "refused",
    message,
    advice: "Check the URL, the user and the password, and what the broker allows that user.",
  };
}

const checks: readonly ((findings: Findings, context: Context) => Problem[])[] = [
  ({ connected, disconnects, trouble }, { broker, timeout }) => {
    const { shown } = broker;
    const why = trouble === null ? "" : withoutSecrets(trouble.why, broker);
    if (trouble?.kind === "refused") return [refusal(`${shown} refuses: ${why}`)];
    if (!connected && disconnects === 0)
      return [
        {
          kind: "unreachable",
          message: `${shown} can't be reached: no connection within ${timeout} ms${why === "" ? "" : `; ${why}`}.`,
          advice:
            "Check that the broker runs there, the host and the port, and that no firewall is in between.",
        },
      ];
    if (disconnects === 0) return [];
    return [
      {
        kind: "disconnected",
        message: `The connection to ${shown} was lost ${times(disconnects)}${connected ? "" : ", and is not back"}.`,
        advice: "Look at the broker's log, and at the network between it and here.",
      },
    ];
  },
  ({ nodes, connected }, { cache, name, namespace }) =>
    connected && nodes.length === 0
      ? [
          {
            kind: "nobody",
            message: `No node has a stream of cache ${cache}${name === cache ? "" : `, instance ${name}`} in namespace ${namespace}.`,
            advice:
              "Check the names given here, and that the nodes give their streamServer a pubsub or a journal over this broker.",
          },
        ]
      : [],
  ({ shapes }) =>
    shapes.length > 1
      ? [
          {
            kind: "shapes",
            message: `Nodes have different shapes and don't exchange events: ${shapes
              .map(({ shape, nodes }) => `${nodes.join(", ")} (${shapeText(shape)})`)
              .join("; ")}.`,
            advice:
              "Give all nodes the same partitions, hash function and version of nebulex-streams, then restart those that differ.",
          },
        ]
      : [],
  ({ namesTaken }) =>
    namesTaken.map(({ node, epochs }) => ({
      kind: "names",
      message: `Two nodes are named ${node} (epochs ${epochs.join(", ")}).`,
      advice: "Give each node a nodeName of its own, or none, and restart them.",
    })),
  ({ nodes }) =>
    nodes
      .filter(({ silent }) => silent)
      .map(({ node, heard }) => ({
        kind: "silent",
        message: `Node ${node} has said nothing for ${Math.round(heard)} ms, and did not say that it ends.`,
        advice:
          "Check that its process lives, is not blocked, and reaches the broker; if its heartbeat is another one, give that as --heartbeat.",
      })),
  ({ nodes }) =>
    nodes.filter(isGrowing).map(({ node, samples }) => ({
      kind: "outbox",
      message: `More and more events of node ${node} wait to be sent: ${samples[0]} at first, ${samples.at(-1)} now.`,
      advice:
        "Check what the broker lets it publish, and whether it writes more than the broker takes.",
    })),
  ({ lost: { gaps, events } }) =>
    gaps === 0
      ? []
      : [
          {
            kind: "lost",
            message: `Events did not arrive here: ${gaps === 1 ? "1 gap" : `${gaps} gaps`}, ${
              events === 0 ? "of unknown size" : `${events} events at the least`
            }.`,
            advice:
              "If nodes report gaps too (nebulex.streams.gap), look for a broker that drops slow subscribers, or a network that breaks.",
          },
        ],
  ({ rejected, reasons }) =>
    rejected === 0
      ? []
      : [
          {
            kind: "rejected",
            message: `${rejected} messages were no messages of this stream: ${reasonsText(rejected, reasons)}.`,
            advice:
              reasons["version"] === undefined
                ? "Find out who else publishes on the channels of this namespace."
                : "Run the same version of nebulex-streams on all nodes, and here.",
          },
        ],
  ({ nodes }) => {
    const off = nodes.filter(({ ahead }) => Math.abs(ahead) > maxSkew);
    return off.map(({ node, ahead }) => ({
      kind: "clocks",
      message: `The clock of node ${node} is about ${Math.abs(Math.round(ahead))} ms ${ahead > 0 ? "ahead of" : "behind"} the one here.`,
      advice:
        "A node reads the wall clock once, at its start: have the machines' clocks set by NTP, then restart the node. Until then the times of its events are off.",
    }));
  },
];

/** Whether the samples never decrease, and most are above the first: a single one is no trend. */
function isGrowing({ samples }: WatchedNode): boolean {
  const [first] = samples;
  if (first === undefined || samples.length < minSamples) return false;
  const above = samples.filter((value) => value > first).length;
  return (
    above > samples.length / 2 &&
    samples.every((value, index) => value >= (samples[index - 1] ?? 0))
  );
}

function reasonsText(rejected: number, reasons: Readonly<Record<string, number>>): string {
  const known = Object.entries(reasons);
  const rest = rejected - known.reduce((sum, [, count]) => sum + count, 0);
  return [...known, ...(rest > 0 ? [["oversized", rest] as const] : [])]
    .map(([reason, count]) => `${count} ${reason}`)
    .join(", ");
}

function times(count: number): string {
  return count === 1 ? "once" : `${count} times`;
}
