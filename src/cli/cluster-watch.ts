import { systemClock } from "../clock.js";
import type { StreamShape } from "../errors.js";
import type { GapEvent } from "../event/types.js";
import type { CacheEvent } from "../event/event.js";
import { RefusedError, reasonOf } from "../pubsub/broker-session.js";
import type { Bus } from "../pubsub/types.js";
import type { StateMessage } from "../cluster/messages.js";
import type { NodeStatus } from "../cluster/replicas.js";
import { type ObservedNode, Observer } from "./observer.js";
import type { DoctorOptions } from "./arguments.js";

/** Samples of a node's waiting events that are kept: the last ones. */
const maxSamples = 64;

/** Lost events. @internal */
export interface LossCount {
  readonly gaps: number;
  /** Events that are known to be missing: a gap may be of unknown size. */
  readonly events: number;
}

/** A node, and what was seen of it. @internal */
export interface WatchedNode extends ObservedNode {
  readonly events: number;
  readonly lost: LossCount;
  /** How many of its events were waiting to be sent, by each of its last messages. */
  readonly samples: readonly number[];
}

/** What was seen while watching. @internal */
export interface Findings {
  readonly connected: boolean;
  /** Why the broker cannot be reached, or what it does not permit, as far as is known. */
  readonly trouble: { readonly kind: "unreachable" | "refused"; readonly why: string } | null;
  /** How many times the connection was lost. */
  readonly disconnects: number;
  /** The nodes that are running, by name. */
  readonly nodes: readonly WatchedNode[];
  /** The names of the nodes that ended. */
  readonly left: readonly string[];
  readonly shapes: readonly { readonly shape: StreamShape; readonly nodes: readonly string[] }[];
  readonly namesTaken: readonly { readonly node: string; readonly epochs: readonly string[] }[];
  readonly lost: LossCount;
  readonly events: number;
  /** Messages that were rejected. */
  readonly rejected: number;
  /** How many for each reason. */
  readonly reasons: Readonly<Record<string, number>>;
}

interface Seen {
  events: number;
  gaps: number;
  lost: number;
  readonly samples: number[];
}

/** Observes, and counts what it sees. @internal */
export class ClusterWatch {
  readonly #bus: Bus;
  readonly #observer: Observer;
  readonly #unwatch: () => void;
  readonly #seen = new Map<string, Seen>();
  readonly #shapes = new Map<string, { shape: StreamShape; nodes: Set<string> }>();
  readonly #taken = new Map<string, readonly string[]>();
  readonly #left = new Set<string>();
  readonly #reasons = new Map<string, number>();
  #disconnects = 0;

  constructor(bus: Bus, { cache, name }: DoctorOptions) {
    this.#bus = bus;
    let before = bus.status;
    this.#unwatch = bus.onStatus((status) => {
      if (before === "connected" && status === "reconnecting") this.#disconnects++;
      before = status;
    });
    this.#observer = new Observer({ bus, cache, name, clock: systemClock, listener: this });
  }

  events(events: readonly CacheEvent[]): void {
    for (const { metadata } of events) this.#seenOf(metadata.node, metadata.epoch).events++;
  }

  gap({ node, epoch, from, to }: GapEvent): void {
    const seen = this.#seenOf(node, epoch);
    seen.gaps++;
    seen.lost += to - from + 1;
  }

  node({ node }: ObservedNode, status: NodeStatus): void {
    if (status === "down") this.#left.add(node);
    else this.#left.delete(node);
  }

  state({ node, epoch, kind, waiting, shape }: StateMessage): void {
    const { partitions, hash, version } = shape;
    const id = JSON.stringify([partitions, hash, version]);
    const known = this.#shapes.get(id) ?? { shape, nodes: new Set() };
    this.#shapes.set(id, known);
    known.nodes.add(node);
    if (kind === "bye") return;
    const { samples } = this.#seenOf(node, epoch);
    samples.push(waiting);
    if (samples.length > maxSamples) samples.shift();
  }

  nameTaken(node: string, epochs: readonly string[]): void {
    this.#taken.set(node, [...new Set([...(this.#taken.get(node) ?? []), ...epochs])]);
  }

  rejected(reason: string): void {
    this.#reasons.set(reason, (this.#reasons.get(reason) ?? 0) + 1);
  }

  /** What has been seen so far. */
  findings(): Findings {
    const all = [...this.#seen.values()];
    return {
      connected: this.#bus.status === "connected",
      trouble: this.#trouble(),
      disconnects: this.#disconnects,
      nodes: this.#observer
        .nodes()
        .map((node) => this.#watched(node))
        .sort((a, b) => (a.node < b.node ? -1 : 1)),
      left: [...this.#left].sort(),
      shapes: Array.from(this.#shapes.values(), ({ shape, nodes }) => ({
        shape,
        nodes: [...nodes].sort(),
      })),
      namesTaken: Array.from(this.#taken, ([node, epochs]) => ({ node, epochs })),
      lost: {
        gaps: all.reduce((sum, { gaps }) => sum + gaps, 0),
        events: all.reduce((sum, { lost }) => sum + lost, 0),
      },
      events: all.reduce((sum, { events }) => sum + events, 0),
      rejected: this.#bus.rejected,
      reasons: Object.fromEntries(this.#reasons),
    };
  }

  #trouble(): Findings["trouble"] {
    const refusal = this.#bus.refusalOf("");
    if (refusal !== undefined) return { kind: "refused", why: refusal.message };
    const { trouble } = this.#bus;
    if (trouble === undefined) return null;
    const kind = trouble instanceof RefusedError ? "refused" : "unreachable";
    return { kind, why: reasonOf(trouble) };
  }

  close(): void {
    this.#unwatch();
    this.#observer.close();
  }

  #watched(node: ObservedNode): WatchedNode {
    const { events, gaps, lost, samples } = this.#seenOf(node.node, node.epoch);
    return { ...node, events, lost: { gaps, events: lost }, samples };
  }

  #seenOf(node: string, epoch: string): Seen {
    const id = JSON.stringify([node, epoch]);
    let seen = this.#seen.get(id);
    if (seen === undefined)
      this.#seen.set(id, (seen = { events: 0, gaps: 0, lost: 0, samples: [] }));
    return seen;
  }
}
