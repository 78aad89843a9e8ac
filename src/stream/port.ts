import { ActorRef } from "../actor/ref.js";
import type {
  EventStream,
  StreamPort,
  SubscribeOptions,
  Subscriber,
  Subscription,
} from "../cache/stream-port.js";
import { ActorExitError, OptionError } from "../errors.js";
import { channels, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { ActorReader } from "./actor-reader.js";
import { CallbackReader } from "./callback-reader.js";
import type { Message } from "../log/message.js";
import { EventIterator } from "./event-iterator.js";
import type { Stream } from "./stream.js";
import {
  type ReaderOptions,
  resolveEventsOptions,
  resolveSubscribeOptions,
} from "./subscribe-options.js";
import { StreamSubscription } from "./subscription.js";
import { whenDrained } from "./progress.js";

/** The stream as its cache calls it. @internal */
export function streamPort(stream: Stream): StreamPort {
  return {
    subscribe: (subscriber, options) => subscribe(stream, subscriber, options),
    events: (options) => events(stream, options),
    whenDrained: (options) => whenDrained(stream, options),
  };
}

function subscribe(
  stream: Stream,
  subscriber: Subscriber<never, never>,
  options: SubscribeOptions,
): Subscription {
  const fallback = ActorRef.isRef(subscriber) ? "auto" : "all";
  const resolved = resolveSubscribeOptions(options, fallback, stream.options);
  if (ActorRef.isRef(subscriber)) return subscribeActor(stream, subscriber, resolved);
  if (typeof subscriber === "function")
    return subscribeFunction(stream, subscriber as (message: Message) => unknown, resolved);
  throw OptionError.invalid("subscriber", "an ActorRef or a function", subscriber);
}

function subscribeActor(stream: Stream, ref: ActorRef, options: ReaderOptions): Subscription {
  if (!ref.alive) throw new ActorExitError(ref.id, "noproc");
  const target = ActorRef.targetOf(ref);
  const skipOrigin = stream.options.broadcastFun === "broadcast_from" ? ref : undefined;
  const traits = { tracked: true, skipOrigin };
  const subscription = new StreamSubscription(
    stream,
    options,
    traits,
    (mux) => new ActorReader(stream, mux, target),
  );
  target.onDeath(() => subscription.readerDied());
  return subscription;
}

function subscribeFunction(
  stream: Stream,
  callback: (message: Message) => unknown,
  options: ReaderOptions,
): Subscription {
  const { cacheName: cache, name } = stream.slot;
  const reportError = (message: Message, error: unknown): void => {
    const partition = message.type === "gap" ? message.partition : message.metadata.partition;
    const { group } = options;
    const failure = { cache, name, partition, group, event: message, error, attempt: 1 };
    if (!report(channels.handlerError, () => failure))
      warnOfReported(`callback of stream ${name}`, error);
  };
  return new StreamSubscription(
    stream,
    options,
    { tracked: true },
    (mux) => new CallbackReader(stream, mux, callback, reportError),
  );
}

function events(stream: Stream, options: SubscribeOptions & { signal?: AbortSignal }): EventStream {
  const { signal, ...resolved } = resolveEventsOptions(options, stream.options);
  let iterator!: EventIterator;
  const subscription = new StreamSubscription(
    stream,
    resolved,
    { tracked: false },
    (mux) => (iterator = new EventIterator(stream, mux)),
  );
  const abort = (): void => iterator.unsubscribe();
  iterator.subscription = subscription;
  iterator.unsubscribe = () => {
    signal?.removeEventListener("abort", abort);
    subscription.unsubscribe();
  };
  if (signal?.aborted === true) abort();
  else signal?.addEventListener("abort", abort, { once: true });
  return iterator;
}
