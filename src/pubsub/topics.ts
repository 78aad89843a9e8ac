import { ActorRef } from "../actor/ref.js";
import { callSafely } from "../callbacks.js";
import { OptionError } from "../errors.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { TopicSubscriber } from "./types.js";

/** One subscription: a subscriber that subscribes twice has two. */
interface Entry {
  readonly subscriber: TopicSubscriber;
  /** Ends the watch for the subscriber's death. */
  readonly forget: () => void;
  active: boolean;
}

/** Called when a topic gets its first local subscriber, and when it loses its last. */
interface TopicsPort {
  begun(topic: string): void;
  ended(topic: string): void;
}

/** The local subscribers by topic. @internal */
export class Topics {
  readonly #nodeName: string;
  readonly #port: TopicsPort;
  /** The lists are replaced, never changed: messages may be dispatched while one is replaced. */
  readonly #entries = new Map<string, readonly Entry[]>();

  constructor(nodeName: string, port: TopicsPort) {
    this.#nodeName = nodeName;
    this.#port = port;
  }

  get names(): Iterable<string> {
    return this.#entries.keys();
  }

  subscribe(topic: string, subscriber: TopicSubscriber): void {
    checkSubscriber("subscriber", subscriber);
    if (typeof subscriber !== "function" && !subscriber.alive) return;
    const forget =
      typeof subscriber === "function"
        ? (): void => {}
        : ActorRef.targetOf(subscriber).onDeath(() => this.unsubscribe(topic, subscriber));
    const entries = this.#entries.get(topic);
    this.#entries.set(topic, [...(entries ?? []), { subscriber, forget, active: true }]);
    if (entries === undefined) this.#port.begun(topic);
  }

  unsubscribe(topic: string, subscriber: TopicSubscriber): void {
    checkSubscriber("subscriber", subscriber);
    const entries = this.#entries.get(topic);
    if (entries === undefined) return;
    const rest = entries.filter((entry) => entry.subscriber !== subscriber);
    if (rest.length === entries.length) return;
    for (const entry of entries) {
      if (entry.subscriber !== subscriber) continue;
      entry.active = false;
      entry.forget();
    }
    if (rest.length > 0) this.#entries.set(topic, rest);
    else {
      this.#entries.delete(topic);
      this.#port.ended(topic);
    }
  }

  /** Dispatches a message to all subscribers but `except`, in the order of their subscriptions. */
  dispatch(topic: string, message: unknown, except?: TopicSubscriber): void {
    const entries = this.#entries.get(topic);
    if (entries === undefined) return;
    for (const { subscriber, active } of entries) {
      if (!active || subscriber === except) continue;
      if (typeof subscriber === "function")
        callSafely(subscriber, message, (error) => this.#report(topic, error));
      else subscriber.dispatch(message);
    }
  }

  #report(topic: string, error: unknown): void {
    reportCallbackError(
      channels.topicSubscriberError,
      `a subscriber of topic "${topic}" of pubsub ${this.#nodeName} failed`,
      error,
      { pubsub: this.#nodeName, topic },
    );
  }
}

/** @internal */
export function checkSubscriber(option: string, value: unknown): void {
  if (typeof value !== "function" && !ActorRef.isRef(value))
    throw OptionError.invalid(option, "an ActorRef or a function", value);
}
