import { isThenable } from "../actor/thenable.js";
import { OptionError } from "../errors.js";
import { callable, knownOptions } from "../options.js";
import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { Change, MakeEvent } from "./change.js";
import type { ChangeTap } from "./sink.js";
import type { EventListener, ListenerOptions } from "./types.js";

/**
 * A listener that carries this is never called: the tap under it is told of each change as it is,
 * so that who makes events of its own does not have them made twice.
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
  /** False once it is unregistered: the event in hand may still have to pass it by. */
  live = true;
  readonly #place: { cache: string; name: string };
  readonly #filter: ((event: unknown) => unknown) | undefined;
  readonly #metadata: unknown;

  constructor(
    place: { cache: string; name: string },
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
    this.#place = place;
    this.#filter = options.filter as ((event: unknown) => unknown) | undefined;
    this.#metadata = options.metadata;
  }

  tell(change: Change<K, V>, make: MakeEvent<K, V>): void {
    try {
      if (this.tap !== undefined) change.tell(this.tap);
      else this.#call(change.eventBy(make));
    } catch (error) {
      this.failed(error);
    }
  }

  failed(error: unknown): void {
    const { cache, name } = this.#place;
    reportCallbackError(channels.listenerError, `event listener of cache ${name}`, error, {
      cache,
      name,
      id: this.id,
    });
  }

  #call(event: unknown): void {
    if (this.#filter !== undefined && !this.#passes(this.#filter(event))) return;
    const result = (this.listener as EventListener)(event as never, this.#metadata) as unknown;
    if (isThenable(result)) this.#awaitQuietly(result);
  }

  #passes(verdict: unknown): boolean {
    if (!isThenable(verdict)) return Boolean(verdict);
    this.#awaitQuietly(verdict);
    throw OptionError.invalid("filter", "a function that returns a boolean", verdict);
  }

  #awaitQuietly(result: PromiseLike<unknown>): void {
    Promise.resolve(result).catch((error: unknown) => this.failed(error));
  }
}
