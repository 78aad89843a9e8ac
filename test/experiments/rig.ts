import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type ActorRef,
  type Cache,
  type CacheEntryEvent,
  type ChildSpec,
  defineCache,
  getStream,
  handlerPool,
  startSupervisor,
  streamServer,
  type Supervisor,
  whenIdle,
} from "../../src/index.js";
import type { Ledger, Version } from "./ledger.js";

/** How long an experiment waits for the handlers at its end: a loss that stops a handler is to end it, too. */
const patience = 120_000;

/** What an experiment runs on. */
export interface RigOptions {
  readonly name: string;
  readonly ledger: Ledger;
  readonly partitions: number;
  readonly capacity?: number;
  readonly overflow?: "gap" | "coalesce";
  /** How many faults there are to be. */
  readonly faults: number;
  /** Done before an event is written down as handled; a throw is the handler's. */
  readonly work?: (
    partition: number,
    event: CacheEntryEvent<string, Version>,
  ) => void | Promise<void>;
}

/** A cache, its stream and a pool whose handlers write down what they are through with, in a supervision tree. */
export class Rig {
  readonly cache: Cache<string, Version>;
  /** The worker of each partition that lives now, or that lived last. */
  readonly workers: ActorRef[] = [];
  /** Restarts by supervisors: of workers, and of the stream server. */
  restarts = 0;
  readonly #options: RigOptions;
  #tree!: Supervisor;
  #server: ActorRef | undefined;

  constructor(options: RigOptions) {
    this.#options = options;
    this.cache = defineCache<string, Version>({ name: options.name });
  }

  /** The stream server that lives now, or that lived last. */
  get server(): ActorRef {
    return this.#server as ActorRef;
  }

  async start(): Promise<void> {
    const { capacity, partitions, faults } = this.#options;
    subscribe("nebulex.supervisor.restart", this.#countRestart);
    const stream = streamServer({
      cache: this.cache,
      partitions,
      include: ["value", "previous"],
      ...(capacity === undefined ? undefined : { capacity }),
    });
    this.#tree = await startSupervisor({
      strategy: "rest_for_one",
      children: [this.cache, this.#watched(stream), this.#pool()],
      maxRestarts: faults,
    });
  }

  /** Events of a partition that have been written and not been handled. */
  lagOf(partition: number): number {
    return (
      getStream(this.cache)
        .groups()
        .find((group) => group.partition === partition)?.lag ?? 0
    );
  }

  /** Events that were merged into later ones. */
  get coalesced(): number {
    return getStream(this.cache)
      .groups()
      .reduce((sum, { coalesced }) => sum + coalesced, 0);
  }

  /** Waits until all that was written has been handled. */
  handled(): Promise<void> {
    return whenIdle(this.cache, { timeout: patience });
  }

  /** Waits until there were so many restarts, and all is up; not for ever. */
  async repaired(restarts: number): Promise<void> {
    const isUp = (): boolean => this.server.alive && this.workers.every(({ alive }) => alive);
    for (let turn = 0; turn < 10_000 && !(this.restarts >= restarts && isUp()); turn++)
      await nextTurn();
  }

  async stop(): Promise<void> {
    await this.#tree.stop();
    unsubscribe("nebulex.supervisor.restart", this.#countRestart);
  }

  #pool(): ChildSpec {
    const { ledger, work, overflow = "gap", faults } = this.#options;
    return handlerPool({
      cache: this.cache,
      overflow,
      // A crash is an attempt: all of them might hit the same event.
      maxAttempts: faults + 1,
      maxRestarts: faults,
      handler: {
        init: (ctx) => void (this.workers[ctx.partition as number] = ctx.self),
        handle: (event, _state, ctx) => {
          const pending = work?.(ctx.partition as number, event);
          if (pending !== undefined) return pending.then(() => ledger.handle(event));
          ledger.handle(event);
          return undefined;
        },
        onGap: (gap) => ledger.tellGap(gap),
      },
    });
  }

  #watched(spec: ChildSpec): ChildSpec {
    return {
      ...spec,
      start: async (parent) => {
        const ref = await spec.start(parent);
        if (ref !== "ignore") this.#server = ref;
        return ref;
      },
    };
  }

  readonly #countRestart = (message: unknown): void => {
    const { childId } = message as { childId: string };
    if (childId.startsWith(`${this.cache.name}:`)) this.restarts++;
  };
}
