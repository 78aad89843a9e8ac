import { ActorRef } from "../actor/ref.js";
import { callSafely } from "../callbacks.js";
import { OptionError } from "../errors.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { Listening, TopicSubscriber } from "./types.js";

/** One subscription: a subscriber that subscribes twice has two. */
interface Entry {
  readonly subscriber: TopicSubscriber;
  /** Ends the watch for the subscriber's death. */
  readonly forget: () => void;
  active: boolean;
}

/** A topic with at least one local subscriber. */
interface Topic {
  /** Replaced, never changed: messages may be dispatched while it is replaced. */
  entries: readonly Entry[];
  /** What other nodes publish. */
  readonly listening: Listening;
}

/** The local subscribers by topic. @internal */
export class Topics {
  readonly #nodeName: string;
  readonly #listen: (topic: string) => Listening;
  readonly #topics = new Map<string, Topic>();

  /** @param listen has what other nodes publish on a topic dispatched */
  constructor(nodeName: string, listen: (topic: string) => Listening) {
    this.#nodeName = nodeName;
    this.#listen = listen;
  }

  subscribe(name: string, subscriber: TopicSubscriber): void {
    checkSubscriber("subscriber", subscriber);
    if (typeof subscriber !== "function" && !subscriber.alive) return;
    const forget =
      typeof subscriber === "function"
        ? (): void => {}
        : ActorRef.targetOf(subscriber).onDeath(() => this.unsubscribe(name, subscriber));
    const entry: Entry = { subscriber, forget, active: true };
    const topic = this.#topics.get(name);
    if (topic !== undefined) topic.entries = [...topic.entries, entry];
    else this.#topics.set(name, { entries: [entry], listening: this.#listen(name) });
  }

  unsubscribe(name: string, subscriber: TopicSubscriber): void {
    checkSubscriber("subscriber", subscriber);
    const topic = this.#topics.get(name);
    if (topic === undefined) return;
    const { entries } = topic;
    const rest = entries.filter((entry) => entry.subscriber !== subscriber);
    if (rest.length === entries.length) return;
    for (const entry of entries) {
      if (entry.subscriber !== subscriber) continue;
      entry.active = false;
      entry.forget();
    }
    topic.entries = rest;
    if (rest.length > 0) return;
    this.#topics.delete(name);
    topic.listening.close();
  }

  /** Dispatches a message to all subscribers but `except`, in the order of their subscriptions. */
  dispatch(topic: string, message: unknown, except?: TopicSubscriber): void {
    for (const { subscriber, active } of this.#topics.get(topic)?.entries ?? []) {
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
