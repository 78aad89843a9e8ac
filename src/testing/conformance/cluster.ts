import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { spawn } from "../../actor/spawn.js";
import type { ActorRef } from "../../actor/ref.js";
import { createSystem } from "../../actor/system.js";
import type { ActorSystem } from "../../actor/types.js";
import { type PubSubFailure, show } from "../../errors.js";
import type { PubSub, PubSubOptions } from "../../pubsub/types.js";
import type { Supervisor } from "../../supervisor/handle.js";
import { startSupervisor } from "../../supervisor/start-supervisor.js";
import { waitFor } from "../wait-for.js";

/** What a conformance case is run with. @internal */
export interface ClusterOptions {
  create(options: PubSubOptions & { nodeName: string; namespace: string }): PubSub;
  interrupt?: (() => void | Promise<void>) | undefined;
  restore?: (() => void | Promise<void>) | undefined;
  /** Milliseconds. */
  timeout: number;
}

/** Sent until it arrives: that is how one learns that a subscription stands. */
interface Probe {
  readonly probe: string;
}

/** One started pubsub. @internal */
export class Node {
  readonly pubsub: PubSub;
  readonly supervisor: Supervisor;
  readonly #cluster: Cluster;
  readonly #heard = new Set<string>();

  constructor(cluster: Cluster, pubsub: PubSub, supervisor: Supervisor) {
    this.#cluster = cluster;
    this.pubsub = pubsub;
    this.supervisor = supervisor;
  }

  get system(): ActorSystem {
    return this.supervisor.system;
  }

  /** Subscribes; gives the list that what comes is appended to. */
  record(topic: string): unknown[] {
    const messages: unknown[] = [];
    this.pubsub.subscribe(topic, this.recorder(messages));
    return messages;
  }

  /** A subscriber that appends to the list. */
  recorder(messages: unknown[]): (message: unknown) => void {
    return (message) => {
      if (isProbe(message)) this.#heard.add(message.probe);
      else messages.push(message);
    };
  }

  /** An actor that subscribes and appends to the list. */
  async actor(topic: string, messages: unknown[]): Promise<ActorRef> {
    const record = this.recorder(messages);
    const receive = (_state: unknown, message: unknown): void => record(message);
    const ref = await spawn<unknown, unknown>(this.system, { receive });
    this.pubsub.subscribe(topic, ref);
    return ref;
  }

  /** Waits until what the other broadcasts on the topic comes here: both have to be connected. */
  async hears(other: Node, topic: string): Promise<void> {
    const probe = randomBytes(8).toString("hex");
    await this.#cluster.until(async () => {
      if (this.#heard.has(probe)) return true;
      await other.pubsub.broadcast(topic, { probe } satisfies Probe).catch(() => {});
      return false;
    }, `${this.pubsub.nodeName} to hear ${other.pubsub.nodeName} on ${topic}`);
  }

  async connected(): Promise<void> {
    await this.#cluster.until(
      () => this.pubsub.status === "connected",
      `${this.pubsub.nodeName} to be connected`,
    );
  }

  /** Its actor as it lives now. */
  async holder(): Promise<ActorRef> {
    return await this.#cluster.until(async () => {
      const [child] = await this.supervisor.whichChildren();
      return typeof child?.ref === "object" && child.ref;
    }, "the pubsub's actor");
  }
}

function isProbe(message: unknown): message is Probe {
  return typeof message === "object" && message !== null && "probe" in message;
}

/** The nodes of one case: in a namespace of their own, each in a system of its own. @internal */
export class Cluster implements AsyncDisposable {
  readonly id = randomBytes(4).toString("hex");
  readonly #options: ClusterOptions;
  readonly #systems: ActorSystem[] = [];

  constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** A pubsub that is not started. */
  create(name: string, options: PubSubOptions = {}): PubSub {
    const nodeName = `${name}-${this.id}`;
    return this.#options.create({ nodeName, namespace: `conformance-${this.id}`, ...options });
  }

  async start(name: string, options: PubSubOptions = {}): Promise<Node> {
    return await this.startPubSub(this.create(name, options));
  }

  async startPubSub(pubsub: PubSub): Promise<Node> {
    const system = createSystem();
    this.#systems.push(system);
    const supervisor = await startSupervisor({
      children: [pubsub],
      strategy: "one_for_one",
      system,
    });
    return new Node(this, pubsub, supervisor);
  }

  /** Starts one and waits until it is connected. */
  async join(name: string, options: PubSubOptions = {}): Promise<Node> {
    const node = await this.start(name, options);
    await node.connected();
    return node;
  }

  async interrupt(): Promise<void> {
    await this.#options.interrupt?.();
  }

  async restore(): Promise<void> {
    await this.#options.restore?.();
  }

  until<T>(
    predicate: () => T | Promise<T>,
    message: string,
  ): Promise<Exclude<T, false | null | undefined | 0 | 0n | "">> {
    return waitFor(predicate, { timeout: this.#options.timeout, message });
  }

  /** Waits until the list is as long, then compares it. */
  async arrives(messages: readonly unknown[], expected: readonly unknown[]): Promise<void> {
    await this.until(() => messages.length >= expected.length, `${expected.length} messages`);
    assert.deepEqual(messages, expected);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const system of this.#systems.splice(0).reverse()) await system.stop();
  }
}

/** @internal */
export async function rejectsWith(call: Promise<void>, ...reasons: PubSubFailure[]): Promise<void> {
  const error: unknown = await call.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  const { code, reason } = (error ?? {}) as { code?: unknown; reason?: PubSubFailure };
  assert.ok(
    code === "E_PUBSUB" && reason !== undefined && reasons.includes(reason),
    `expected a PubSubError ${reasons.join(" or ")}, got: ${error === undefined ? "no rejection" : show(error)}`,
  );
}

/** A named case. @internal */
export type Case = readonly [name: string, run: (cluster: Cluster) => Promise<void>];
