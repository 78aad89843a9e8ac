import { show } from "../errors.js";
import { plainName } from "../options.js";
import { copyKey, thisCopy } from "../package-copy.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { actor } from "../supervisor/specs.js";
import type { Connection } from "./connection.js";
import { decodeTopicMessage, encodeTopicMessage, RejectedMessageError } from "./frame.js";
import { NodeBus } from "./node-bus.js";
import { checkTopic, type ResolvedPubSubOptions } from "./pubsub-options.js";
import { checkSubscriber, Topics } from "./topics.js";
import type { PubSubStatus, Transport } from "./transport.js";
import { busOf, type Listening, type PubSubWithBus, type TopicSubscriber } from "./types.js";

/**
 * A node's pubsub over any transport: its topics, and their local subscribers.
 *
 * @internal
 */
export class NodePubSub implements PubSubWithBus {
  readonly nodeName: string;
  readonly [busOf]: NodeBus;
  readonly #options: ResolvedPubSubOptions;
  readonly #topics: Topics;

  /** @param localOnly no other node can ever receive from it: nothing is encoded or sent */
  constructor(
    options: ResolvedPubSubOptions,
    makeTransport: (random: () => number) => Transport,
    localOnly: boolean,
  ) {
    this.nodeName = options.nodeName;
    this.#options = options;
    this[busOf] = new NodeBus(options, makeTransport, localOnly);
    this.#topics = new Topics(options.nodeName, (topic) =>
      this.#listen(this.#topicChannel(topic), topic),
    );
    this.#listen(this.#nodeChannel(this.nodeName), undefined);
  }

  /** @internal */
  get [copyKey](): object {
    return thisCopy;
  }

  get status(): PubSubStatus {
    return this[busOf].status;
  }

  childSpec(): ChildSpec {
    return actor<Connection>({
      id: `pubsub:${this.nodeName}`,
      init: (ctx) => this[busOf].start(ctx),
      receive: () => {},
      terminate: (_reason, connection) => connection.close(),
    });
  }

  subscribe(topic: string, subscriber: TopicSubscriber): void {
    this.#topics.subscribe(checkTopic(topic), subscriber);
  }

  unsubscribe(topic: string, subscriber: TopicSubscriber): void {
    this.#topics.unsubscribe(checkTopic(topic), subscriber);
  }

  async broadcast(topic: string, message: unknown): Promise<void> {
    this.#topics.dispatch(checkTopic(topic), message);
    await this.#send(this.#topicChannel(topic), topic, message);
  }

  async broadcastFrom(from: TopicSubscriber, topic: string, message: unknown): Promise<void> {
    checkSubscriber("from", from);
    this.#topics.dispatch(checkTopic(topic), message, from);
    await this.#send(this.#topicChannel(topic), topic, message);
  }

  localBroadcast(topic: string, message: unknown): void {
    this.#topics.dispatch(checkTopic(topic), message);
  }

  async directBroadcast(nodeName: string, topic: string, message: unknown): Promise<void> {
    plainName("nodeName", nodeName);
    checkTopic(topic);
    if (nodeName === this.nodeName) this.#topics.dispatch(topic, message);
    else await this.#send(this.#nodeChannel(nodeName), topic, message);
  }

  onStatus(fn: (status: PubSubStatus) => void): () => void {
    return this[busOf].onStatus(fn);
  }

  async #send(channel: string, topic: string, message: unknown): Promise<void> {
    const bus = this[busOf];
    if (bus.localOnly) {
      bus.requireConnection();
      return;
    }
    const { namespace, nodeName: from } = this.#options;
    let payload: Uint8Array;
    try {
      payload = encodeTopicMessage(bus.codec, { namespace, topic, from, message });
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw bus.error("not_encodable", `can't send on topic ${show(topic)}: ${why}`, cause);
    }
    await bus.publishTo(channel, payload);
  }

  /** @param topic the topic of the channel; undefined: any */
  #listen(channel: string, topic: string | undefined): Listening {
    return this[busOf].listenTo(channel, (payload) => this.#receive(channel, payload, topic));
  }

  #receive(channel: string, payload: Uint8Array, topic: string | undefined): void {
    try {
      const message = decodeTopicMessage(payload, this.#options.maxMessageSize);
      if (
        message.namespace !== this.#options.namespace ||
        (topic ?? message.topic) !== message.topic
      )
        throw new RejectedMessageError("malformed", "a message of another channel");
      if (message.from !== this.nodeName) this.#topics.dispatch(message.topic, message.message);
    } catch (error) {
      if (!(error instanceof RejectedMessageError)) throw error;
      this[busOf].reject(channel, error.reason, payload.length);
    }
  }

  #topicChannel(topic: string): string {
    return `${this.#options.namespace}:topic:${topic}`;
  }

  #nodeChannel(nodeName: string): string {
    return `${this.#options.namespace}:node:${nodeName}`;
  }
}
