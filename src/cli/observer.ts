import type { Clock, TimerHandle } from "../clock.js";
import type { StreamShape } from "../errors.js";
import type { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import { frame, RejectedMessageError, type RejectReason, unframe } from "../pubsub/frame.js";
import type { Bus, Listening } from "../pubsub/types.js";
import { warnOfError } from "../telemetry/channels.js";
import { channelNames } from "../cluster/channel-names.js";
import { malformed } from "../cluster/wire-checks.js";
import { NameConflictDetector } from "./name-conflict-detector.js";
import {
  packAsk,
  readMessage,
  type RemoteMessage,
  type StateMessage,
  type StreamAddress,
} from "../cluster/messages.js";
import { ObservedShape } from "./observed-shape.js";
import type { NodeStatus } from "../cluster/replicas.js";
import { queueMicrotask } from "../timers.js";

/** Who makes shapes up makes neither the memory nor the broker overflow. */
const maxShapes = 8;
const maxChannels = 131_072;

/** A node as it is seen from outside. @internal */
export interface ObservedNode {
  readonly node: string;
  readonly epoch: string;
  readonly shape: StreamShape;
  /** That node's time when its epoch began. */
  readonly startedAt: number;
  /** Nothing has come for longer than a heartbeat. */
  readonly silent: boolean;
  /** Milliseconds since something came. */
  readonly heard: number;
  /** Events that it had not sent yet when it said so last. */
  readonly waiting: number;
  /** How far its time is ahead of this one's, in milliseconds, less the time that messages take. */
  readonly ahead: number;
}

/** Who is told of what an observer sees. @internal */
export interface ObserverListener {
  events?(events: readonly CacheEvent[]): void;
  gap?(gap: GapEvent): void;
  node?(node: ObservedNode, status: NodeStatus): void;
  /** A node says how it is. */
  state?(message: StateMessage): void;
  /** A node has a shape that none had before. `followed`: the partitions that are listened to. */
  shape?(shape: StreamShape, node: string, followed: readonly number[]): void;
  /** Two nodes have one name. */
  nameTaken?(node: string, epochs: readonly string[]): void;
  /** What came was no message of this stream. */
  rejected?(reason: RejectReason): void;
}

/** @internal */
export interface ObserverOptions {
  readonly bus: Bus;
  readonly cache: string;
  /** The instance's name. */
  readonly name: string;
  readonly clock: Clock;
  /** The only partition that is listened to. Default: all. */
  readonly partition?: number;
  readonly listener: ObserverListener;
}

/**
 * Watches the streams of one cache instance on all nodes without being one: it has no shape,
 * answers nobody, and is owed nothing. It asks the nodes how far they are, learns their shapes from
 * that, and keeps the same books on what they send as each of them does.
 *
 * @internal
 */
export class Observer {
  readonly #options: ObserverOptions;
  readonly #address: StreamAddress;
  readonly #shapes = new Map<string, ObservedShape>();
  readonly #lives: NameConflictDetector;
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
    this.#lives = new NameConflictDetector((node, epochs) => listener.nameTaken?.(node, epochs));
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

  /** All that have been heard of and have not said that they end. */
  nodes(): ObservedNode[] {
    return [...this.#shapes.values()].flatMap((observed) =>
      Array.from(observed.replicas(), (replica) => this.#describe(replica, observed.shape)),
    );
  }

  /** All that have been seen. */
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
      // It is asked again with the next connection; and nodes say without being asked that they are
      // there.
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

  /** @param from the shape and partition whose channel it is; null: it is none of theirs */
  #receive(
    channel: string,
    from: { readonly shape: ObservedShape; readonly partition: number } | null,
    payload: Uint8Array,
  ): void {
    const { bus, listener } = this.#options;
    if (this.#closed) return;
    try {
      const message = readMessage(unframe(payload, bus.maxMessageSize), this.#address);
      this.#take(message, from);
    } catch (error) {
      if (!(error instanceof RejectedMessageError)) {
        warnOfError(`observer of stream ${this.#options.name}: what came on ${channel}`, error);
        return;
      }
      bus.reject(channel, error.reason, payload.length);
      listener.rejected?.(error.reason);
    }
  }

  #take(
    message: RemoteMessage,
    from: { readonly shape: ObservedShape; readonly partition: number } | null,
  ): void {
    // Another observer's question, or this one's own.
    if (message.kind === "ask") return;
    if (message.kind !== "data") {
      if (from !== null) throw malformed("channel");
      this.#hear(message);
      return;
    }
    if (message.partition !== from?.partition) throw malformed("channel");
    const life = this.#lives.of("data", message.node, message.epoch);
    if (life !== "late") from.shape.data(message, life === "other");
  }

  #hear(message: StateMessage): void {
    const { kind, node, epoch } = message;
    if (kind === "bye" && !this.#shapes.has(idOf(message.shape))) return;
    const life = this.#lives.of(kind, node, epoch);
    if (life === "late") return;
    const shape = this.#shapeOf(message);
    shape.state(message, life === "other");
    if (kind === "bye" && life === "known") this.#lives.end(node);
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
    // A node that begins under our eyes owes all; of those that were there before we want what
    // comes once we listen.
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
