import type { Clock, TimerHandle } from "../clock.js";
import type { StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import { frame, RejectedMessageError, type RejectReason, unframe } from "../pubsub/frame.js";
import type { Bus, Listening } from "../pubsub/types.js";
import { warnOfError } from "../telemetry/channels.js";
import { malformed } from "../cluster/wire-checks.js";
import { NameConflictDetector } from "./name-conflict-detector.js";
import {
  channelNames,
  packAsk,
  readMessage,
  type RemoteMessage,
  type StateMessage,
  type StreamAddress,
} from "../cluster/messages.js";
import { ObservedShape } from "./observed-shape.js";
import type { NodeStatus } from "../cluster/replicas.js";
import { queueMicrotask } from "../timers.js";

/** Limits, so that invented shapes overload neither the memory nor the broker. */
const maxShapes = 8;
const maxChannels = 131_072;

/** A node as an observer sees it. @internal */
export interface ObservedNode {
  readonly node: string;
  readonly epoch: string;
  readonly shape: StreamShape;
  /** When its epoch began, by its clock, in milliseconds since 1970. */
  readonly startedAt: number;
  /** Nothing has been received from it for longer than a heartbeat. */
  readonly silent: boolean;
  /** Milliseconds since the last message. */
  readonly heard: number;
  /** Events that it had not sent yet, by its last message. */
  readonly waiting: number;
  /**
   * How far its clock is ahead of this one's, in milliseconds, less the time that messages take.
   */
  readonly ahead: number;
}

/** Receives what an observer sees. @internal */
export interface ObserverListener {
  events?(events: readonly CacheEvent[]): void;
  gap?(gap: GapEvent): void;
  node?(node: ObservedNode, status: NodeStatus): void;
  /** A node has published its state. */
  state?(message: StateMessage): void;
  /** A node has a new shape. `followed`: the partitions that are subscribed to. */
  shape?(shape: StreamShape, node: string, followed: readonly number[]): void;
  /** Two nodes have one name. */
  nameTaken?(node: string, epochs: readonly string[]): void;
  /** A message was not one of this stream. */
  rejected?(reason: RejectReason): void;
}

/** @internal */
export interface ObserverOptions {
  readonly bus: Bus;
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  readonly clock: Clock;
  /** The only partition to subscribe to. Default: all. */
  readonly partition?: number;
  readonly listener: ObserverListener;
}

/**
 * Watches the streams of one cache instance on all nodes without being a node: it has no shape and
 * answers no node. It asks the nodes for their state, learns their shapes from that, and tracks
 * what they send as each of them does.
 *
 * @internal
 */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #address: StreamAddress;
  readonly #shapes = new Map<string, ObservedShape>();
  readonly #names: NameConflictDetector;
  readonly #control: readonly Listening[];
  readonly #nodesChannel: string;
  readonly #stopWatching: () => void;
  #channels = 0;
  #beat: TimerHandle;
  #asking = false;
  #closed = false;

  constructor(options: ObserverOptions) {
    const { bus, cache, name, listener } = options;
    this.#options = options;
    this.#address = { namespace: bus.namespace, cache, name };
    this.#names = new NameConflictDetector((node, epochs) => listener.nameTaken?.(node, epochs));
    // These two are the same for all shapes.
    const names = channelNames(cache, name, { partitions: null, hash: "", version: 0 });
    this.#nodesChannel = names.nodes;
    this.#control = [names.nodes, names.node(bus.nodeName)].map((channel) =>
      bus.listen(channel, (payload) => this.#receive(channel, null, payload)),
    );
    this.#stopWatching = bus.onStatus((status) => status === "connected" && this.#ask());
    Promise.all(this.#control.map(({ ready }) => ready)).then(
      () => this.#ask(),
      () => {},
    );
    this.#scheduleBeat();
  }

  /** The nodes that have been seen and have not ended. */
  nodes(): ObservedNode[] {
    return [...this.#shapes.values()].flatMap((observed) =>
      Array.from(observed.replicas(), (replica) => this.#describe(replica, observed.shape)),
    );
  }

  /** The shapes that have been seen. */
  shapes(): StreamShape[] {
    return Array.from(this.#shapes.values(), ({ shape }) => shape);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.clock.clearTimeout(this.#beat);
    this.#stopWatching();
    for (const listening of this.#control) listening.close();
    for (const shape of this.#shapes.values()) shape.close();
  }

  #ask(): void {
    const { bus } = this.#options;
    if (this.#asking || this.#closed || bus.status !== "connected") return;
    this.#asking = true;
    queueMicrotask(() => {
      this.#asking = false;
      if (this.#closed) return;
      const question = frame(bus.codec, packAsk(this.#address, bus.nodeName));
      // If it is lost: it is asked again after a reconnect, and nodes publish their state anyway.
      bus.publish(this.#nodesChannel, question).catch(() => {});
    });
  }

  #scheduleBeat(): void {
    const { clock, bus } = this.#options;
    this.#beat = clock.setTimeout(() => {
      for (const shape of this.#shapes.values()) shape.tick();
      this.#scheduleBeat();
    }, bus.heartbeat / 3);
  }

  /** @param from the shape and partition of the channel; null: the channel is not for data */
  #receive(
    channel: string,
    from: { readonly shape: ObservedShape; readonly partition: number } | null,
    payload: Uint8Array,
  ): void {
    const { bus, listener } = this.#options;
    if (this.#closed) return;
    try {
      const message = readMessage(unframe(payload, bus.maxMessageSize), this.#address);
      this.#handle(message, from);
    } catch (error) {
      if (!(error instanceof RejectedMessageError)) {
        warnOfError(`observer of stream ${this.#options.name}: what came on ${channel}`, error);
        return;
      }
      bus.reject(channel, error.reason, payload.length);
      listener.rejected?.(error.reason);
    }
  }

  #handle(
    message: RemoteMessage,
    from: { readonly shape: ObservedShape; readonly partition: number } | null,
  ): void {
    // Another observer's question, or this one's own.
    if (message.kind === "ask") return;
    if (message.kind !== "data") {
      if (from !== null) throw malformed("channel");
      this.#receiveState(message);
      return;
    }
    if (message.partition !== from?.partition) throw malformed("channel");
    const source = this.#names.sourceOf("data", message.node, message.epoch);
    if (source !== "late") from.shape.data(message, source === "another");
  }

  #receiveState(message: StateMessage): void {
    const { kind, node, epoch } = message;
    if (kind === "bye" && !this.#shapes.has(idOf(message.shape))) return;
    const source = this.#names.sourceOf(kind, node, epoch);
    if (source === "late") return;
    const shape = this.#shapeOf(message);
    shape.state(message, source === "another");
    if (kind === "bye" && source === "current") this.#names.end(node);
    this.#options.listener.state?.(message);
  }

  #shapeOf({ shape, node, kind, coverage }: StateMessage): ObservedShape {
    const id = idOf(shape);
    const known = this.#shapes.get(id);
    if (known !== undefined) return known;
    if (this.#shapes.size >= maxShapes) throw malformed("too many shapes");
    const { listener, ...options } = this.#options;
    const observed: ObservedShape = new ObservedShape({
      ...options,
      shape,
      events: (events) => listener.events?.(events),
      gap: (gap) => listener.gap?.(gap),
      node: (replica, status) => listener.node?.(this.#describe(replica, shape), status),
      receive: (channel, partition, payload) =>
        this.#receive(channel, { shape: observed, partition }, payload),
    });
    this.#shapes.set(id, observed);
    const followed = this.#partitionsOf(shape);
    this.#channels += followed.length;
    // A node that starts now owes all its events; nodes that were there before owe those after the
    // subscription.
    const begins = kind === "hello" && coverage.every((last) => last === -1);
    observed.follow(followed, begins).then(
      () => this.#ask(),
      () => {},
    );
    listener.shape?.(shape, node, followed);
    return observed;
  }

  #partitionsOf({ partitions }: StreamShape): number[] {
    const { partition: only } = this.#options;
    const count = partitions ?? 1;
    if (only !== undefined) return only < count ? [only] : [];
    return this.#channels + count > maxChannels ? [] : Array.from({ length: count }, (_, n) => n);
  }

  #describe(
    replica: Omit<ObservedNode, "shape" | "heard" | "ahead"> & { lastHeard: number; skew: number },
    shape: StreamShape,
  ): ObservedNode {
    const { node, epoch, startedAt, silent, waiting, lastHeard, skew } = replica;
    const heard = this.#options.clock.now() - lastHeard;
    return { node, epoch, shape, startedAt, silent, heard, waiting, ahead: -skew };
  }
}

function idOf({ partitions, hash, version }: StreamShape): string {
  return JSON.stringify([partitions, hash, version]);
}
