import { callSafely, isThenable } from "../callbacks.js";
import { OptionError } from "../errors.js";
import { callable, knownOptions } from "../options.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { Change, MakeEvent } from "./change.js";
import type { ChangeTap } from "./adapter.js";
import type { EventListener, ListenerOptions } from "./types.js";

/**
 * A listener with this property is never called: the tap that the property holds gets each change
 * as it is, so that no event is made for a tap that makes its own.
 *
 * @internal
 */
export const tap: unique symbol = Symbol("tap");

/** @internal */
export interface TappedListener<K = unknown, V = unknown> {
  (): void;
  readonly [tap]: ChangeTap<K, V>;
}

/** A registered listener. @internal */
export class ListenerRegistration<K, V> {
  readonly id: unknown;
  readonly listener: unknown;
  readonly tap: ChangeTap<K, V> | undefined;
  /** False once it is unregistered: the change that is being emitted must not reach it. */
  live = true;
  readonly #source: { cache: string; name: string };
  readonly #filter: ((event: unknown) => unknown) | undefined;
  readonly #metadata: unknown;

  constructor(
    source: { cache: string; name: string },
    listener: EventListener<K, V, never>,
    options: ListenerOptions<K, V>,
  ) {
    this.listener = callable("listener", listener);
    knownOptions("registerEventListener", options, ["id", "filter", "metadata"]);
    if (options.filter !== undefined) callable("filter", options.filter);
    this.id = options.id === undefined ? listener : options.id;
    this.tap = (listener as Partial<TappedListener<K, V>>)[tap];
    if (this.tap !== undefined && options.filter !== undefined)
      throw OptionError.invalid("filter", "none with a tap", options.filter);
    this.#source = source;
    this.#filter = options.filter as ((event: unknown) => unknown) | undefined;
    this.#metadata = options.metadata;
  }

  notify(change: Change<K, V>, make: MakeEvent<K, V>): void {
    if (this.tap === undefined) callSafely(this.#call, change.eventBy(make), this.failed);
    else callSafely((to) => change.notify(to), this.tap, this.failed);
  }

  readonly failed = (error: unknown): void => {
    const { cache, name } = this.#source;
    reportCallbackError(channels.listenerError, `event listener of cache ${name}`, error, {
      cache,
      name,
      id: this.id,
    });
  };

  readonly #call = (event: unknown): unknown => {
    if (this.#filter !== undefined && !this.#passes(this.#filter(event))) return undefined;
    return (this.listener as EventListener)(event as never, this.#metadata);
  };

  #passes(verdict: unknown): boolean {
    if (!isThenable(verdict)) return Boolean(verdict);
    Promise.resolve(verdict).catch(this.failed);
    throw OptionError.invalid("filter", "a function that returns a boolean", verdict);
  }
}
