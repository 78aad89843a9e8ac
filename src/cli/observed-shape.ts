import { type Clock, nodeTimeOf } from "../clock.js";
import type { StreamShape } from "../errors.js";
import type { CacheEvent, EventSource } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import type { Bus, Listening } from "../pubsub/types.js";
import type { ReadBatch } from "../cluster/batch.js";
import { channelNames, type DataMessage, type StateMessage } from "../cluster/messages.js";
import { type Replica, transportGap } from "../cluster/replica.js";
import { type NodeStatus, Replicas } from "../cluster/replicas.js";
import { eventsOf } from "./read-events.js";

/** Nodes of one name that are tracked at most. */
const maxNamesakes = 16;

/** @internal */
export interface ObservedShapeOptions {
  readonly bus: Bus;
  readonly clock: Clock;
  readonly cache: string;
  readonly name: string;
  readonly shape: StreamShape;
  events(events: readonly CacheEvent[]): void;
  gap(gap: GapEvent): void;
  node(replica: Replica, status: NodeStatus): void;
  /** A payload was received on a partition's channel. */
  receive(channel: string, partition: number, payload: Uint8Array): void;
}

/** The nodes of one shape as an observer sees them, and what they send. @internal */
export class ObservedShape {
  readonly shape: StreamShape;
  readonly #options: ObservedShapeOptions;
  readonly #replicas: Replicas;
  /** Of nodes that share their name with another, by epoch. */
  readonly #namesakes = new Map<string, Replicas>();
  readonly #listening = new Map<number, Listening>();
  readonly #wanted = new Set<number>();

  constructor(options: ObservedShapeOptions) {
    this.#options = options;
    this.shape = options.shape;
    this.#replicas = this.#newReplicas();
  }

  /**
   * Subscribes to partitions. What is received before the promise settles may be incomplete.
   *
   * @param owed whether what is sent meanwhile counts as lost if it is not received
   */
  async follow(partitions: readonly number[], owed: boolean): Promise<void> {
    const { bus, cache, name } = this.#options;
    const names = channelNames(cache, name, this.shape);
    if (owed) for (const partition of partitions) this.#want(partition);
    for (const partition of partitions) {
      const channel = names.data(partition);
      this.#listening.set(
        partition,
        bus.listen(channel, (payload) => this.#options.receive(channel, partition, payload)),
      );
    }
    await Promise.all(Array.from(this.#listening.values(), ({ ready }) => ready));
    for (const partition of partitions) this.#want(partition);
  }

  data(message: DataMessage, isNamesake: boolean): void {
    this.#replicasOf(message.epoch, isNamesake)?.receive(message);
  }

  state(message: StateMessage, isNamesake: boolean): void {
    this.#replicasOf(message.epoch, isNamesake)?.state(message);
    if (message.kind === "bye") this.#namesakes.delete(message.epoch);
  }

  *replicas(): Iterable<Replica> {
    for (const replicas of this.#all()) yield* replicas.all();
  }

  tick(): void {
    for (const replicas of this.#all()) replicas.tick();
  }

  close(): void {
    for (const listening of this.#listening.values()) listening.close();
  }

  #all(): Replicas[] {
    return [this.#replicas, ...this.#namesakes.values()];
  }

  #replicasOf(epoch: string, isNamesake: boolean): Replicas | undefined {
    if (!isNamesake) return this.#replicas;
    let replicas = this.#namesakes.get(epoch);
    if (replicas === undefined && this.#namesakes.size < maxNamesakes) {
      replicas = this.#newReplicas();
      for (const partition of this.#wanted) replicas.want(partition);
      this.#namesakes.set(epoch, replicas);
    }
    return replicas;
  }

  #want(partition: number): void {
    this.#wanted.add(partition);
    for (const replicas of this.#all()) replicas.want(partition);
  }

  #newReplicas(): Replicas {
    const { bus, clock, node } = this.#options;
    return new Replicas({
      ordered: bus.ordered,
      heartbeat: bus.heartbeat,
      now: () => clock.now(),
      nodeTime: nodeTimeOf(clock),
      describe: (partition) => this.#describe(partition),
      listener: {
        events: (...batch) => this.#events(...batch),
        gap: (partition, ...gap) =>
          this.#options.gap(transportGap(this.#describe(partition), ...gap)),
        found: () => {},
        node,
      },
    });
  }

  #describe(partition: number): Omit<EventSource, "node" | "epoch" | "startedAt"> {
    const { cache, name } = this.#options;
    const { partitions } = this.shape;
    return { cache, name, partition: partitions === null ? null : partition, partitions };
  }

  #events(partition: number, replica: Replica, batch: ReadBatch, from: number): void {
    this.#options.events(eventsOf(batch, replica.causesOf(partition), from));
  }
}
