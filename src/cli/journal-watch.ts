import { pause, systemClock } from "../clock.js";
import { decodeEntry } from "../cluster/entry.js";
import type { StreamShape } from "../errors.js";
import type { ClusterGroupStatus } from "../group/group-state.js";
import type { SeenNode } from "../journal/engine.js";
import type { Milliseconds } from "../options.js";
import type { StoreFindings } from "../store/redis-observe.js";
import type { DoctorOptions } from "./arguments.js";
import { BrokerFailure, failure, isDefect, maxMessageSize } from "./broker.js";
import { groupTable } from "./groups.js";
import { type JournalStream, journalStream, NoJournal, NotFound, openJournal } from "./journal.js";
import { lookAtStore } from "./store-look.js";

/** Looks at a journal while it is watched, about. */
const looks = 8;
/** Partitions whose last entry is read for the clocks of nodes, at each look. */
const maxSampled = 16;

/** A partition of a group, and what became of it. @internal */
export interface WatchedPartition extends ClusterGroupStatus {
  /** At the first look. */
  readonly before: Pick<ClusterGroupStatus, "owner" | "lag">;
  /** How often another fence was seen. */
  readonly changes: number;
}

/** @internal */
export interface WatchedGroup {
  readonly group: string;
  readonly members: readonly string[];
  readonly partitions: readonly WatchedPartition[];
}

/** A node, as it announces itself in the journal. @internal */
export interface JournalNode {
  readonly node: string;
  readonly epoch: string;
  readonly startedAt: Milliseconds;
  /** It has not announced itself in time. */
  readonly silent: boolean;
}

/** How a node's clock differs from the engine's. @internal */
export interface ClockSample {
  readonly node: string;
  /** Milliseconds, less the time that its events took, in the quickest case. */
  readonly ahead: Milliseconds;
  readonly samples: number;
}

/** What was seen of a stream's journal. @internal */
export interface JournalFindings {
  readonly engine: string;
  /** The instance whose stream it is. */
  readonly name: string;
  readonly shape: StreamShape;
  readonly nodes: readonly JournalNode[];
  readonly groups: readonly WatchedGroup[];
  /** Partitions whose journal began a new generation meanwhile. */
  readonly renewed: readonly number[];
  readonly clocks: readonly ClockSample[];
  /** What in the engine's settings endangers a journal. */
  readonly health: readonly string[];
  /** The store that all processes share; null: the stream is that of another cache. */
  readonly store: StoreFindings | null;
}

/**
 * The outcome: what was seen; that the stream has no journal; that its shape can't be read; or why
 * the journal was not looked at.
 *
 * @internal
 */
export type JournalLook =
  | { readonly kind: "seen"; readonly findings: JournalFindings }
  | { readonly kind: "none" }
  | { readonly kind: "unreadable" | "failed"; readonly why: string };

/** Watches the journal of a stream for `timeout`. @internal */
export async function watchJournal(
  options: DoctorOptions,
  signal: AbortSignal,
): Promise<JournalLook> {
  const { broker, timeout } = options;
  try {
    await using connection = await openJournal(options, signal, timeout);
    const stream = await journalStream(connection.engine, options);
    return { kind: "seen", findings: await new JournalWatch(stream).run(timeout, signal) };
  } catch (error) {
    if (error instanceof NoJournal) return { kind: "none" };
    if (error instanceof NotFound) return { kind: "unreadable", why: error.message };
    if (isDefect(error)) throw error;
    const why = error instanceof BrokerFailure ? error : failure(broker, error);
    return { kind: "failed", why: why.message };
  }
}

interface Life {
  readonly before: Pick<ClusterGroupStatus, "owner" | "lag">;
  last: ClusterGroupStatus;
  changes: number;
}

/** Looks at a journal several times, and keeps what has changed. @internal */
export class JournalWatch {
  readonly #stream: JournalStream;
  #nodes: readonly SeenNode[] = [];
  #groups: readonly { readonly group: string; readonly members: readonly string[] }[] = [];
  readonly #lives = new Map<string, Map<number, Life>>();
  readonly #generations = new Map<number, string>();
  readonly #renewed = new Set<number>();
  readonly #ends = new Map<number, number>();
  readonly #clocks = new Map<string, { ahead: Milliseconds; samples: number }>();

  constructor(stream: JournalStream) {
    this.#stream = stream;
  }

  /** @throws (as a rejection) what the engine rejects with, if it does at the end, too */
  async run(time: Milliseconds, signal: AbortSignal): Promise<JournalFindings> {
    const interval = time / looks;
    for (let count = 0; count < looks && !signal.aborted; count++) {
      // An outage shows in the other findings.
      await this.look().catch(() => {});
      await pause(systemClock, interval, signal);
    }
    await this.look();
    return this.findings();
  }

  async look(): Promise<void> {
    const { engine, address } = this.#stream;
    const [nodes, names] = await Promise.all([engine.nodes(address), engine.groups(address)]);
    this.#nodes = nodes;
    const tables = await Promise.all(names.map((group) => groupTable(this.#stream, group)));
    this.#groups = tables;
    for (const { group, partitions } of tables)
      for (const status of partitions) this.#follow(group, status);
    const partitions = Array.from({ length: this.#stream.count }, (_, partition) => partition);
    await Promise.all(partitions.map((partition) => this.#lookAt(partition)));
  }

  async findings(): Promise<JournalFindings> {
    const { engine, shape, address } = this.#stream;
    const store = await lookAtStore(this.#stream);
    const health = (await engine.health?.().catch(() => [])) ?? [];
    return {
      engine: engine.kind,
      name: address.name,
      shape,
      nodes: this.#nodes
        .map(({ node, epoch, startedAt, expired }) => {
          return { node, epoch, startedAt, silent: expired };
        })
        .sort((a, b) => (a.node < b.node ? -1 : 1)),
      groups: this.#groups.map(({ group, members }) => {
        const lives = [...(this.#lives.get(group)?.values() ?? [])];
        return {
          group,
          members,
          partitions: lives.map(({ last, before, changes }) => ({ ...last, before, changes })),
        };
      }),
      renewed: [...this.#renewed].sort((a, b) => a - b),
      clocks: Array.from(this.#clocks, ([node, sample]) => ({ node, ...sample })),
      health: health.map(({ problem }) => problem),
      store,
    };
  }

  #follow(group: string, status: ClusterGroupStatus): void {
    const lives = this.#lives.get(group) ?? new Map<number, Life>();
    this.#lives.set(group, lives);
    const life = lives.get(status.partition);
    if (life === undefined) {
      const { owner, lag } = status;
      lives.set(status.partition, { before: { owner, lag }, last: status, changes: 0 });
      return;
    }
    if (life.last.fence !== status.fence) life.changes++;
    life.last = status;
  }

  async #lookAt(partition: number): Promise<void> {
    const { engine, address } = this.#stream;
    const { cache, name } = address;
    const journal = { cache, name, partition };
    const { generation, next } = await engine.bounds(journal);
    if ((this.#generations.get(partition) ?? generation) !== generation)
      this.#renewed.add(partition);
    this.#generations.set(partition, generation);
    const before = this.#ends.get(partition) ?? next;
    this.#ends.set(partition, next);
    // What was written before may have waited for a connection.
    if (next <= before || partition >= maxSampled) return;
    const stored = await engine.entryAt(journal, next - 1);
    if (stored === undefined) return;
    try {
      const entry = decodeEntry(stored, maxMessageSize, address, partition, generation);
      // The times of a shared store's events are the engine's.
      if (entry.kind === "events" && entry.id === undefined)
        this.#sample(entry.node, entry.startedAt + (entry.batch.at.at(-1) ?? 0) - stored.time);
    } catch {
      // Nodes report what they can't read.
    }
  }

  #sample(node: string, ahead: Milliseconds): void {
    const known = this.#clocks.get(node) ?? { ahead: -Infinity, samples: 0 };
    const samples = known.samples + 1;
    this.#clocks.set(node, { ahead: Math.max(known.ahead, ahead), samples });
  }
}
