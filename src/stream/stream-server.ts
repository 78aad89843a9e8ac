import type { ActorContext } from "../actor/types.js";
import { isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import type { AnyCache } from "../cache/types.js";
import { ActorExitError, JournalError, PubSubError } from "../errors.js";
import type { ChildSpec } from "../supervisor/child-spec.js";
import { actor } from "../supervisor/specs.js";
import { channels } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { hashReady, isHashReady } from "../event/key-hash.js";
import { registerWithBackoff } from "./registration.js";
import type { Stream } from "./stream.js";
import {
  type ResolvedStreamOptions,
  resolveStreamOptions,
  type StreamServerOptions,
} from "./stream-options.js";
import { slotFor, streamOf } from "./streams.js";

/**
 * A child spec of the actor that runs the stream of a cache instance; its id is
 * `<instance>:stream`. Put it behind the cache in a `rest_for_one` supervisor's children list.
 *
 * It registers as the cache's listener when it starts. While the cache is not up, or refuses, it
 * goes on trying with exponential backoff, without failing its own start. Killed or crashed, it
 * leaves logs, positions and epoch to its next incarnation, and what is written meanwhile is
 * in the log; stopped in order, it drops them.
 *
 * Its start fails with {@link SupervisorError} `already_started` when the instance has a live
 * stream server, with {@link PubSubError} or {@link JournalError} `not_started` when its pubsub or
 * journal has not been started, with {@link PubSubError} `refused` when the broker does not permit
 * its channels, and with {@link ShapeMismatchError} when the other nodes' streams have another shape.
 *
 * @throws {@link OptionError}
 */
export function streamServer<K, V>(options: StreamServerOptions<K, V>): ChildSpec {
  const resolved = resolveStreamOptions(options as unknown as StreamServerOptions);
  const slot = slotFor(options.cache, options.name);
  const cache = options.name === undefined ? options.cache : options.cache.instance(options.name);
  return actor<StreamServer>({
    id: `${slot.name}:stream`,
    init: (ctx): Promise<StreamServer> | StreamServer => {
      const start = (): Promise<StreamServer> | StreamServer => {
        checkStarted(resolved, slot.name);
        return new StreamServer(streamOf(slot), cache, resolved, ctx).started();
      };
      return isHashReady() ? start() : startWhenHashReady(ctx, start);
    },
    receive: (server) => server,
    terminate: (reason, server) => server.terminate(reason),
  });
}

/** Throws before the stream is changed: what its last server left is kept. */
function checkStarted({ pubsub, journal }: ResolvedStreamOptions, stream: string): void {
  const isMissing = (what: string): string =>
    `${what} has not been started: is it in the children list? It belongs before the stream server of ${stream}`;
  if (pubsub?.status === "closed") {
    const { nodeName } = pubsub;
    throw new PubSubError("not_started", nodeName, isMissing(`pubsub ${nodeName}`));
  }
  if (journal?.status === "closed") {
    const { nodeName } = journal;
    throw new JournalError("not_started", nodeName, isMissing(`journal ${nodeName}`));
  }
}

/**
 * Waits until keys can be hashed, before anything can be written to the stream. Only the first
 * start of a process has to wait.
 */
async function startWhenHashReady<T>(ctx: ActorContext, start: () => T | Promise<T>): Promise<T> {
  await hashReady;
  // This incarnation may have been killed meanwhile, and another one may run the stream.
  if (!ctx.self.alive) throw new ActorExitError(ctx.self.id, "killed");
  return await start();
}

/** One incarnation of a stream server. */
class StreamServer {
  readonly #stream: Stream;
  readonly #cache: AnyCache;
  readonly #options: ResolvedStreamOptions;
  readonly #ctx: ActorContext;
  #retries: AbortController | undefined;
  #isDead = false;

  constructor(stream: Stream, cache: AnyCache, options: ResolvedStreamOptions, ctx: ActorContext) {
    this.#stream = stream;
    this.#cache = cache;
    this.#options = options;
    this.#ctx = ctx;
    stream.start(ctx.self, ctx.system, options);
    const unwatch = stream.slot.watch({
      // A cache that starts later is registered with before its first command.
      started: () => this.#register(),
      ended: () => this.#register(),
    });
    ActorRef.targetOf(ctx.self).onDeath(() => {
      this.#isDead = true;
      unwatch();
      this.#retries?.abort();
      stream.serverLost(ctx.self);
    });
    stream.onFailure = (error) => ctx.stop(error);
    this.#register();
  }

  /** Settles when the other nodes are known to have the same shape. */
  started(): Promise<StreamServer> | StreamServer {
    const { replicator } = this.#stream;
    if (replicator === undefined) return this;
    // Events of a shared store are read from here on, so that none of its own is missed either.
    const listening = (): Promise<void> | void =>
      this.#options.isShared === true ? replicator.listening() : undefined;
    return replicator
      .shakeHands()
      .then(listening)
      .then(
        () => this,
        (error: unknown) => {
          this.#close();
          throw error;
        },
      );
  }

  terminate(reason: unknown): Promise<void> | void {
    if (!isCleanExit(reason)) return;
    const { replicator } = this.#stream;
    if (replicator === undefined) this.#close();
    else return replicator.drain().then(() => this.#close());
  }

  /** Not when it has been killed meanwhile: then the stream may be another's already. */
  #close(): void {
    if (!this.#isDead) this.#stream.close();
  }

  #register(): void {
    this.#retries?.abort();
    const retries = new AbortController();
    this.#retries = retries;
    const { cacheName: cache, name } = this.#stream.slot;
    void registerWithBackoff({
      register: () => this.#stream.register(this.#cache),
      initial: this.#options.backoffInitial,
      max: this.#options.backoffMax,
      clock: this.#ctx.system.clock,
      random: this.#ctx.system.random,
      signal: retries.signal,
      onRetry: (retry) => {
        report(channels.registrationRetry, () => ({ cache, name, ...retry }));
      },
    });
  }
}
