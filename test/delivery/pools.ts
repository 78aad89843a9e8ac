import fc from "../helpers/fast-check.js";
import {
  type ActorRef,
  batchHandler,
  type Cache,
  type ChildSpec,
  type EventHandler,
  type EventType,
  handlerPool,
  type HandlerContext,
} from "../../src/index.js";
import { eventTypes } from "../../src/event/types.js";
import { chanceAt, hashText } from "../../src/testing/random.js";
import type { Event, Key, Value } from "./truth.js";
import { Witness } from "./witness.js";
import { turns } from "./world.js";

/** How a pool handles its events. */
export interface PoolPlan {
  readonly kind: "sync" | "async" | "slow" | "batch" | "concurrent";
  readonly overflow: "gap" | "coalesce";
  readonly events: readonly EventType[] | undefined;
  readonly onError: "restart" | "resume";
  /** Whether first attempts throw now and then. */
  readonly throws: boolean;
  /** Whether some events can't be handled at all. */
  readonly poison: boolean;
}

export const anyPool: fc.Arbitrary<PoolPlan> = fc.record({
  kind: fc.constantFrom("sync", "async", "slow", "batch", "concurrent"),
  overflow: fc.constant("gap"),
  events: fc.oneof(
    { weight: 3, arbitrary: fc.constant(undefined) },
    fc.subarray([...eventTypes], { minLength: 1 }),
  ),
  onError: fc.constantFrom("restart", "resume"),
  throws: fc.boolean(),
  poison: fc.boolean(),
});

/** A pool that writes down what it is through with, and that fails as planned. */
export class WitnessedPool {
  readonly plan: PoolPlan;
  readonly group: string;
  readonly witness = new Witness();
  /** The worker of each partition that was started last. */
  readonly workers: ActorRef[] = [];
  readonly #seed: number;

  constructor(plan: PoolPlan, group: string, seed: number) {
    // One that handles several events at once, or waits for all types of them, takes all.
    this.plan = plan.kind === "concurrent" ? { ...plan, events: undefined } : plan;
    this.group = group;
    this.#seed = seed;
  }

  /** Crashes or kills the worker of a partition. */
  strike(partition: number, how: "kill" | "crash"): void {
    const worker = this.workers[partition % this.workers.length];
    if (how === "kill") void worker?.kill();
    else void worker?.stop(new Error("a fault of the test"));
  }

  spec(cache: Cache<Key, Value>): ChildSpec {
    const { kind, overflow, events, onError } = this.plan;
    return handlerPool({
      cache,
      id: this.group,
      overflow,
      onError,
      maxAttempts: 3,
      maxRestarts: 10_000,
      concurrency: kind === "concurrent" ? 3 : 1,
      handler: this.#handler(),
      onDeadLetter: (event) => this.witness.deadLetter(event),
      ...(events === undefined ? {} : { events }),
    });
  }

  #handler(): EventHandler<void, Key, Value> {
    const init = (ctx: HandlerContext): void => void (this.workers[ctx.partition ?? 0] = ctx.self);
    if (this.plan.kind === "batch") {
      const batch = batchHandler<Key, Value>({
        maxSize: 3,
        maxWait: 50,
        handle: async (events, ctx) => {
          for (const event of events) this.#throwAsPlanned(event, ctx);
          await turns(1);
          if (!ctx.signal.aborted) for (const event of events) this.witness.event(event);
        },
        onGap: (gap) => this.witness.gap(gap),
      });
      return Object.assign(batch, { init });
    }
    return {
      init,
      handle: (event, _state, ctx) => this.#handle(event, ctx),
      onGap: (gap) => this.witness.gap(gap),
    };
  }

  #handle(event: Event, ctx: HandlerContext): void | Promise<void> {
    this.#throwAsPlanned(event, ctx);
    const { kind } = this.plan;
    if (kind === "sync") return this.witness.event(event);
    const wait = kind === "async" ? 1 : Math.ceil(5 * this.#chance(event, 2));
    return turns(wait).then(() => {
      // Killed meanwhile, it is through with nothing: the next one is given the event again.
      if (!ctx.signal.aborted) this.witness.event(event);
    });
  }

  #throwAsPlanned(event: Event, { attempt }: HandlerContext): void {
    const { throws, poison } = this.plan;
    if (poison && this.#chance(event, 0) < 0.05) throw new Error("poison");
    if (throws && attempt === 1 && this.#chance(event, 1) < 0.1) throw new Error("not yet");
  }

  #chance({ metadata: { partition, sequence } }: Event, purpose: number): number {
    const text = `${this.group} ${partition} ${sequence}`;
    return chanceAt(this.#seed ^ hashText(text), purpose);
  }
}
