import type { Findings } from "./cluster-watch.js";
import type { Problem } from "./diagnosis.js";
import type {
  JournalFindings,
  JournalLook,
  WatchedGroup,
  WatchedPartition,
} from "./journal-watch.js";
import { shapeText } from "./show-event.js";
import { diagnoseStore } from "./store-look.js";

/** Changes of a partition's owner within a few seconds that are no deployment. */
const maxChanges = 1;
/** Milliseconds that two clocks may differ. */
const maxSkew = 1000;
/** Events that it takes to say that a clock is behind: each may have been late. */
const minSamples = 3;

/**
 * What is wrong with a stream's journal and its cluster groups.
 *
 * @param pubsub what was seen of nodes that have a pubsub; null: nothing
 * @internal
 */
export function diagnoseJournal(look: JournalLook, pubsub: Findings | null): Problem[] {
  if (look.kind === "unreadable")
    return [
      {
        kind: "shapes",
        message: `${look.why}.`,
        advice: "Find out who else writes to the keys of this namespace, and use another one.",
      },
    ];
  if (look.kind !== "seen") return [];
  const { findings } = look;
  const { store } = findings;
  return [
    ...healthOf(findings.health),
    ...ofNodes(findings, pubsub),
    ...findings.groups.flatMap((group) => ofGroup(group, findings)),
    ...(store === null ? [] : diagnoseStore(findings.name, store)),
  ];
}

/** What in an engine's settings endangers journals. @internal */
export function healthOf(health: readonly string[]): Problem[] {
  return health.map((problem) => {
    const message = `The engine endangers the journal: ${problem}.`;
    return { kind: "engine", message, advice: "Change the settings of the engine." };
  });
}

function ofNodes(
  { nodes, shape, renewed, clocks }: JournalFindings,
  pubsub: Findings | null,
): Problem[] {
  const problems: Problem[] = [];
  const others = pubsub?.nodes ?? [];
  if (nodes.length > 0 && others.length > 0)
    problems.push({
      kind: "shapes",
      message: `Nodes don't exchange events: ${namesOf(nodes)} have a journal (${shapeText(shape)}), ${others
        .map((other) => `${other.node} a pubsub (${shapeText(other.shape)})`)
        .join(", ")}.`,
      advice: "Give the stream servers of all nodes the same: the journal, or the pubsub.",
    });
  for (const { node, silent } of nodes)
    if (silent)
      problems.push({
        kind: "silent",
        message: `Node ${node} does not announce itself any more, and did not say that it ends.`,
        advice: "Check that its process lives, is not blocked, and reaches the engine.",
      });
  if (renewed.length > 0)
    problems.push({
      kind: "journal_lost",
      message: `The journal of ${partitionsText(renewed)} was lost meanwhile, and has begun a new generation.`,
      advice:
        "Find out whether the engine was flushed, restored, or failed over to a copy that was behind.",
    });
  for (const { node, ahead, samples } of clocks) {
    const isBehind = ahead < -maxSkew && samples >= minSamples;
    if (ahead > maxSkew || isBehind)
      problems.push({
        kind: "clocks",
        message: `The clock of node ${node} is about ${Math.abs(Math.round(ahead))} ms ${isBehind ? "behind" : "ahead of"} the engine's.`,
        advice:
          "A node reads the wall clock once, at its start: have the machines' clocks set by NTP, then restart the node. Until then the times of its events are off.",
      });
  }
  return problems;
}

function ofGroup(
  { group, partitions }: WatchedGroup,
  { nodes, shape }: JournalFindings,
): Problem[] {
  const problems: Problem[] = [];
  const count = shape.partitions ?? 1;
  if (partitions.length !== count)
    problems.push({
      kind: "shapes",
      message: `Group ${group} is kept for ${partitions.length} of the stream's ${count} partitions.`,
      advice: "Start a pool of the group: it makes up for what is missing.",
    });
  const free = partitions.filter(
    ({ owner, before, paused, lag }) =>
      owner === null && before.owner === null && !paused && lag > 0,
  );
  if (free.length > 0) {
    const first = sum(free.map(({ before }) => before.lag));
    const last = sum(free.map(({ lag }) => lag));
    const which = partitionsText(free.map(({ partition }) => partition));
    problems.push({
      kind: "unowned",
      message:
        last > first
          ? `Nobody has ${which} of group ${group}, and the backlog grows: ${first} events waited at first, ${last} now.`
          : `Nobody has ${which} of group ${group}, and ${last === 1 ? "1 event waits" : `${last} events wait`}.`,
      advice: `Start the nodes that have a pool of the group; if it is not used any more, delete it (clusterGroup(...).delete()), so that the journal need not keep what it has not handled.`,
    });
  }
  const live = new Set(nodes.filter(({ silent }) => !silent).map(({ node }) => node));
  const held = partitions.filter(({ owner }) => owner !== null && !live.has(owner));
  for (const [owner, of] of byOwner(held))
    problems.push({
      kind: "owner",
      message: `Node ${owner} has ${partitionsText(of)} of group ${group}, and is not among the nodes of the stream that live.`,
      advice:
        "Another node takes over when the lease ends. If that does not happen, look at that node's process.",
    });
  const flapping = partitions.filter(({ changes }) => changes > maxChanges);
  if (flapping.length > 0)
    problems.push({
      kind: "flapping",
      message: `The owner of ${partitionsText(flapping.map(({ partition }) => partition))} of group ${group} changes again and again: ${Math.max(...flapping.map(({ changes }) => changes))} times meanwhile.`,
      advice: "Look for nodes that restart, or that hang for longer than the group's leaseTime.",
    });
  return problems;
}

function byOwner(partitions: readonly WatchedPartition[]): Map<string, number[]> {
  const owners = new Map<string, number[]>();
  for (const { owner, partition } of partitions) {
    const name = owner as string;
    owners.set(name, [...(owners.get(name) ?? []), partition]);
  }
  return owners;
}

function partitionsText(partitions: readonly number[]): string {
  return `partition${partitions.length === 1 ? "" : "s"} ${partitions.join(", ")}`;
}

const namesOf = (nodes: readonly { readonly node: string }[]): string =>
  nodes.map(({ node }) => node).join(", ");
const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);
