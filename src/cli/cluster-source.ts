import { systemClock } from "../clock.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { StreamShape } from "../errors.js";
import type { NodeStatus } from "../cluster/replicas.js";
import { restingLetters } from "../group/group-state.js";
import { clusterRow, seenGroups } from "../inspector/cluster-rows.js";
import { letterText } from "../inspector/dead-letters.js";
import type { DeadLetterPage } from "../inspector/protocol.js";
import type {
  About,
  GroupRow,
  NodeRow,
  PartitionRow,
  Tables,
  TimelineEntry,
  TimelineKind,
} from "../inspector/snapshot.js";
import { type InspectorSource, type LettersRequest, Refusal } from "../inspector/source.js";
import { line, reasonText } from "../inspector/text.js";
import { Timeline } from "../inspector/timeline.js";
import type { SeenNode } from "../journal/engine.js";
import type { Bus } from "../pubsub/types.js";
import { monotonicNow, wallClockNow } from "../timers.js";
import { type JournalStream, journalStream, NoJournal } from "./journal.js";
import type { LateJournal } from "./late-journal.js";
import { type ObservedNode, Observer } from "./observer.js";

/** Milliseconds from an answer of the journal to the next question. */
const pauseBetweenLooks = 1000;
const stream = "s1";

/** Which stream is looked at, and over what. @internal */
export interface ClusterPlace {
  readonly cache: string;
  readonly name: string;
  readonly namespace: string;
  /** The heading. */
  readonly title: string;
  /** Of the nodes' pubsub, or why that can't be used. */
  readonly bus: Bus | Error;
  readonly journal: Pick<LateJournal, "engine" | "failure" | "retry">;
}

/** What the journal had at the last look. */
interface Seen {
  readonly shape: StreamShape;
  readonly nodes: readonly SeenNode[];
  readonly partitions: readonly { readonly next: number; readonly first: number }[];
  readonly groups: readonly GroupRow[];
}

/**
 * The nodes of one stream, seen from outside: what they publish, and what is in their journal. It
 * observes only between `begin` and `end`.
 *
 * @internal
 */
export class ClusterSource implements InspectorSource {
  readonly timeline = new Timeline(wallClockNow);
  readonly act = undefined;
  readonly #place: ClusterPlace;
  #observer: Observer | undefined;
  /** Events of the nodes, by partition, since `begin`. */
  readonly #events = new Map<number, number>();
  #seen: Seen | undefined;
  #trouble: string | null = null;
  #asking: Promise<void> | undefined;
  #askedAt = -Infinity;
  #beganAt = Infinity;

  constructor(place: ClusterPlace) {
    this.#place = place;
  }

  about(): Pick<About, "kind" | "title" | "trouble"> {
    const { bus, title, journal } = this.#place;
    const { failure } = journal;
    const unreached = failure === undefined ? null : `the journal: ${line(failure.message)}`;
    const trouble = unreached ?? this.#trouble ?? busTrouble(bus);
    return { kind: "cluster", title, trouble };
  }

  begin(): void {
    this.#beganAt = monotonicNow();
    const { bus, cache, name } = this.#place;
    if (bus instanceof Error) return;
    this.#observer = new Observer({ bus, cache, name, clock: systemClock, listener: this });
  }

  end(): void {
    this.#observer?.close();
    this.#observer = undefined;
    this.#events.clear();
    this.#seen = undefined;
  }

  read(): Tables {
    const { cache, name, journal } = this.#place;
    if (journal.engine === undefined) journal.retry();
    else if (monotonicNow() - this.#askedAt >= pauseBetweenLooks) void this.look();
    const shape = this.#seen?.shape ?? this.#observer?.shapes()[0];
    const partitions = shape?.partitions ?? null;
    const row = { id: stream, cache, name, partitions, epoch: null, pubsub: null, journal: null };
    return {
      tree: [],
      streams:
        shape === undefined && !this.#hasLooked()
          ? []
          : [{ ...row, registered: null, discarded: 0, unroutable: 0 }],
      partitions: shape === undefined ? [] : this.#partitions(shape.partitions ?? 1),
      groups: this.#seen?.groups ?? [],
      caches: [],
      nodes: this.#nodes(),
    };
  }

  /** Asks the journal, if there is a connection to it; settles when it has answered, or can't. */
  look(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined;
      this.#askedAt = monotonicNow();
    });
    return this.#asking;
  }

  async deadLetters(request: LettersRequest): Promise<DeadLetterPage> {
    const { group, partition, limit, values } = request;
    const { engine, failure } = this.#place.journal;
    if (engine === undefined && failure !== undefined)
      throw new Refusal(503, `the journal: ${line(failure.message)}`);
    if (engine === undefined || request.stream !== stream)
      throw new Refusal(409, "there is no journal, in which dead letters are kept");
    try {
      const { address, shape } = await journalStream(engine, this.#place);
      const place = { engine, address, group, partitions: shape.partitions, now: wallClockNow };
      // What can't be read is left out.
      const letters = await restingLetters(place, { partition, limit: limit + 1 }, () => {});
      return {
        letters: letters.slice(0, limit).map((letter) => letterText(letter, values)),
        more: letters.length > limit,
      };
    } catch (error) {
      throw new Refusal(503, reasonText(error), { cause: error });
    }
  }

  events(events: readonly CacheEvent[]): void {
    for (const { metadata } of events) {
      const partition = metadata.partition ?? 0;
      this.#events.set(partition, (this.#events.get(partition) ?? 0) + 1);
    }
  }

  gap({ node, partition, from, to, reason }: GapEvent): void {
    const events = to < from ? `events from ${from} on` : `events ${from} to ${to}`;
    const subject = partition === null ? this.#place.name : `${this.#place.name}/${partition}`;
    this.#note("gap", "warn", `${events} of node ${node} did not arrive here (${reason})`, subject);
  }

  node({ node }: ObservedNode, status: NodeStatus): void {
    const level = status === "silent" || status === "down" ? "warn" : "info";
    this.#note("node", level, `node ${node}: ${status}`, node);
  }

  nameTaken(node: string): void {
    this.#note("problem", "error", `two nodes have the name ${node}`, node);
  }

  shape({ partitions, hash }: StreamShape, node: string): void {
    const count = partitions === null ? "no partitions" : `${partitions} partitions`;
    this.#note("stream", "info", `node ${node} has a stream with ${count}, hash ${hash}`, node);
  }

  async #ask(): Promise<void> {
    const { engine } = this.#place.journal;
    if (engine === undefined) return;
    try {
      const found = await journalStream(engine, this.#place);
      const before = this.#seen;
      const now = await seenIn(found);
      this.#seen = now;
      this.#trouble = null;
      if (before !== undefined) this.#compare(before, now);
    } catch (error) {
      // Nodes with a pubsub have none.
      if (error instanceof NoJournal) this.#forget(error);
      else this.#trouble = `the journal: ${reasonText(error)}`;
    }
  }

  /** There is no journal; if there was one, the engine has lost it. */
  #forget({ message }: NoJournal): void {
    if (this.#seen !== undefined) this.#note("problem", "error", message, this.#place.name);
    this.#seen = undefined;
    this.#trouble = null;
  }

  /** What has happened between two looks. */
  #compare(before: Seen, now: Seen): void {
    const known = new Map(before.groups.map((row) => [row.id, row]));
    for (const row of now.groups) {
      const old = known.get(row.id);
      if (old === undefined) continue;
      const { group, partition, owner, fence, deadLetters } = row;
      const subject = `${this.#place.name}/${partition}`;
      const where = `${group} on ${subject}`;
      if (old.owner !== owner || old.fence !== fence)
        this.#note(
          "owner",
          owner === null ? "warn" : "info",
          `${where}: ${owner ?? "nobody"}`,
          subject,
        );
      const added = deadLetters - old.deadLetters;
      if (added > 0)
        this.#note(
          "dead_letter",
          "error",
          `${where}: ${added} more dead ${added === 1 ? "letter" : "letters"}`,
          subject,
        );
    }
    const seen = new Map(before.nodes.map((node) => [node.node, node]));
    for (const { node, epoch, expired } of now.nodes) {
      const old = seen.get(node);
      const status = expired ? "silent" : "up";
      if (old?.epoch !== epoch || old.expired !== expired)
        this.#note("node", expired ? "warn" : "info", `node ${node}: ${status}`, node);
      seen.delete(node);
    }
    for (const node of seen.keys()) this.#note("node", "warn", `node ${node}: down`, node);
  }

  #note(kind: TimelineKind, level: TimelineEntry["level"], text: string, subject: string): void {
    this.timeline.add(() => ({ kind, level, text: line(text), subject, details: [], error: null }));
  }

  /** Whether nodes and journal have had the time to answer. */
  #hasLooked(): boolean {
    const { engine } = this.#place.journal;
    const hasAsked = engine === undefined || this.#askedAt > this.#beganAt;
    return hasAsked && monotonicNow() - this.#beganAt >= pauseBetweenLooks;
  }

  #partitions(count: number): PartitionRow[] {
    return Array.from({ length: count }, (_, partition) => {
      const bounds = this.#seen?.partitions[partition];
      return {
        id: `${stream}:${partition}`,
        stream,
        partition,
        events: bounds?.next ?? this.#events.get(partition) ?? 0,
        types: null,
        kept: bounds === undefined ? 0 : bounds.next - bounds.first,
        capacity: null,
        readers: null,
      };
    });
  }

  #nodes(): NodeRow[] {
    const common = { stream, self: false, connection: null };
    const now = wallClockNow();
    const overPubSub = (this.#observer?.nodes() ?? []).map((seen): NodeRow => {
      const { node, epoch, shape, startedAt, silent, heard, waiting, ahead } = seen;
      return {
        ...common,
        id: JSON.stringify([node, epoch, "pubsub"]),
        node,
        over: "pubsub",
        status: silent ? "silent" : "up",
        epoch,
        startedAt,
        shape: { partitions: shape.partitions, hash: shape.hash },
        heardAt: Math.round((now - heard) / 100) * 100,
        outbox: waiting,
        ahead: Number.isFinite(ahead) ? Math.round(ahead) : null,
      };
    });
    const shape = this.#seen?.shape;
    const overJournal = (this.#seen?.nodes ?? []).map((seen): NodeRow => {
      const { node, epoch, startedAt, expired } = seen;
      return {
        ...common,
        id: JSON.stringify([node, epoch, "journal"]),
        node,
        over: "journal",
        status: expired ? "silent" : "up",
        epoch,
        startedAt,
        shape: shape === undefined ? null : { partitions: shape.partitions, hash: shape.hash },
        heardAt: null,
        outbox: null,
        ahead: null,
      };
    });
    return [...overPubSub, ...overJournal];
  }
}

function busTrouble(bus: Bus | Error): string | null {
  if (bus instanceof Error) return `the pubsub: ${line(bus.message)}`;
  return bus.status === "reconnecting" ? "the broker does not answer" : null;
}

async function seenIn({ engine, address, shape, count }: JournalStream): Promise<Seen> {
  const { cache, name } = address;
  const indexes = Array.from({ length: count }, (_, partition) => partition);
  const [nodes, groups, partitions] = await Promise.all([
    engine.nodes({ cache, name }),
    seenGroups(engine, address, shape.partitions),
    Promise.all(indexes.map((partition) => engine.bounds({ cache, name, partition }))),
  ]);
  return {
    shape,
    nodes,
    partitions,
    groups: groups.flatMap(({ group, partitions: states }) =>
      states.map((status) => clusterRow(stream, group, status)),
    ),
  };
}
