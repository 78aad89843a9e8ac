import { setTimeout as pause } from "node:timers/promises";
import {
  actor,
  type ActorSystem,
  batchHandler,
  type Cache,
  type CacheEntryEvent,
  defineCache,
  type GapEvent,
  handlerPool,
  type HandlerContext,
  localAdapter,
  startSupervisor,
  streamServer,
  type Supervisor,
} from "nebulex-streams";
import { faultyAdapter, SeededRandom } from "nebulex-streams/testing";
import { Oracle } from "./oracle.js";
import { ReaderCheck, type ReaderTraits } from "./reader.js";

type Event = CacheEntryEvent<string, number>;

export const partitions = 4;
const shutdown = 200;
const limits = { maxRestarts: 1_000_000, maxSeconds: 1 };

/** The whole of it: a cache, its stream, pools of every sort, an actor, a callback and an iterator that read it. */
export class SoakTree {
  readonly adapter = faultyAdapter(localAdapter({ maxEntries: 300, sweepInterval: 20 }));
  readonly cache: Cache<string, number>;
  readonly oracle: Oracle;
  readonly readers: ReaderCheck[] = [];
  supervisor!: Supervisor;
  handlerErrors = 0;
  readonly #system: ActorSystem;
  readonly #random: SeededRandom;
  readonly #iterating = new AbortController();

  constructor(system: ActorSystem, name: string, seed: number) {
    this.#system = system;
    this.#random = new SeededRandom(seed);
    this.cache = defineCache<string, number>({ name, adapter: this.adapter });
    this.oracle = new Oracle(this.cache, partitions);
  }

  async start(): Promise<void> {
    const { cache } = this;
    const capacity = 6000;
    this.supervisor = await startSupervisor({
      system: this.#system,
      strategy: "rest_for_one",
      ...limits,
      children: [
        cache,
        this.oracle,
        streamServer({ cache, partitions, capacity, backoffInitial: 2, backoffMax: 20 }),
        this.#serialPool("serial"),
        this.#concurrentPool("concurrent"),
        this.#batchPool("batch"),
        this.#coalescingPool("coalescing"),
        this.#actorReader("actor"),
      ],
    });
    this.#callbackReader("callback");
    void this.#iteratorReader("iterator");
  }

  stopReading(): void {
    this.#iterating.abort();
  }

  #reader(name: string, traits: ReaderTraits): ReaderCheck {
    const reader = new ReaderCheck(name, this.oracle, traits);
    this.readers.push(reader);
    return reader;
  }

  /** Fails now and then. */
  #stumble(): void {
    if (this.#random.next() > 0.0005) return;
    this.handlerErrors++;
    throw new Error("handler error");
  }

  /** Its events are given up after the second failure. */
  #serialPool(id: string) {
    const reader = this.#reader(id, { order: "partition" });
    return handlerPool<string, number, void>({
      cache: this.cache,
      id,
      shutdown,
      ...limits,
      maxAttempts: 2,
      onDeadLetter: (event) => reader.dead(event),
      handler: {
        handle: (event) => {
          this.#stumble();
          reader.done(event);
        },
        onGap: (gap) => reader.gap(gap),
      },
    });
  }

  #concurrentPool(id: string) {
    const reader = this.#reader(id, { order: "key" });
    return handlerPool<string, number, void>({
      cache: this.cache,
      id,
      shutdown,
      ...limits,
      concurrency: 8,
      onError: "resume",
      maxAttempts: 1000,
      handler: {
        handle: async (event: Event, _state: void, { signal }: HandlerContext) => {
          if (this.#random.next() < 0.05) await pause(1);
          this.#stumble();
          if (!signal.aborted) reader.done(event);
        },
        onGap: (gap: GapEvent) => reader.gap(gap),
      },
    });
  }

  #batchPool(id: string) {
    const reader = this.#reader(id, { order: "partition" });
    return handlerPool({
      cache: this.cache,
      id,
      shutdown,
      ...limits,
      maxAttempts: 1000,
      handler: batchHandler<string, number>({
        maxSize: 50,
        maxWait: 5,
        handle: async (events, { signal }) => {
          await pause(1);
          this.#stumble();
          if (!signal.aborted) for (const event of events) reader.done(event);
        },
        onGap: (gap) => reader.gap(gap),
      }),
    });
  }

  #coalescingPool(id: string) {
    const reader = this.#reader(id, { order: "key", coalesces: true });
    return handlerPool<string, number, void>({
      cache: this.cache,
      id,
      shutdown,
      ...limits,
      overflow: "coalesce",
      maxAttempts: 1000,
      handler: { handle: (event) => reader.done(event), onGap: (gap) => reader.gap(gap) },
    });
  }

  #actorReader(id: string) {
    const reader = this.#reader(id, { order: "partition" });
    return actor<void, Event | GapEvent>({
      id,
      shutdown,
      init: (ctx) => {
        this.cache.subscribe(ctx.self, { group: id, partition: "all", gaps: true });
      },
      receive: (_state, message) => {
        if (message.type === "gap") reader.gap(message);
        else reader.done(message);
      },
    });
  }

  #callbackReader(id: string): void {
    const reader = this.#reader(id, { order: "partition" });
    this.cache.subscribe(
      (message: Event | GapEvent) => {
        if (message.type === "gap") reader.gap(message);
        else reader.done(message);
      },
      { partition: "all", gaps: true },
    );
  }

  async #iteratorReader(id: string): Promise<void> {
    const reader = this.#reader(id, { order: "partition" });
    const { signal } = this.#iterating;
    const messages: AsyncIterable<Event | GapEvent> = this.cache.events({
      partition: "all",
      gaps: true,
      signal,
    });
    for await (const message of messages)
      if (message.type === "gap") reader.gap(message);
      else reader.done(message);
  }
}
