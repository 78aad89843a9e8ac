import { setImmediate as nextTurn } from "node:timers/promises";
import fc from "../helpers/fast-check.js";
import {
  actor,
  type ActorRef,
  type Cache,
  type ChildSpec,
  type StreamMessage,
} from "../../src/index.js";
import type { Key, Value } from "./truth.js";
import { Witness } from "./witness.js";
import type { World } from "./world.js";

type Message = StreamMessage<Key, Value>;

/** A reader that is no pool. It reads all partitions, and receives gaps. */
export interface ReaderPlan {
  readonly kind: "callback" | "iterator";
  /** Turns of the event loop that it takes for a message. */
  readonly pace: number;
  readonly snapshot: boolean;
}

export const anyReader: fc.Arbitrary<ReaderPlan> = fc.record({
  kind: fc.constantFrom("callback", "iterator"),
  pace: fc.nat(3),
  snapshot: fc.boolean(),
});

/** A callback or an async iterator that writes down what it is through with, from now on. */
export class WitnessedReader {
  readonly plan: ReaderPlan;
  readonly witness = new Witness();
  readonly since: { readonly life: number; readonly sequences: readonly number[] };
  /** What the cache held when it began, without and with what had expired and was not found yet. */
  readonly held: ReadonlyMap<Key, Value>;
  readonly known: ReadonlyMap<Key, Value>;
  readonly #abort = new AbortController();

  constructor(world: World, plan: ReaderPlan) {
    this.plan = plan;
    const { cache, truth } = world;
    this.held = cache.getAll();
    this.known = new Map(truth.entries);
    this.since = {
      life: truth.lives.length - 1,
      sequences: truth.life.partitions.map(({ length }) => length),
    };
    const options = { partition: "all", gaps: true, snapshot: plan.snapshot } as const;
    if (plan.kind === "callback") {
      const subscription = cache.subscribe((message) => this.#see(message), options);
      this.#abort.signal.addEventListener("abort", () => subscription.unsubscribe());
    } else {
      void this.#consume(cache.events({ ...options, signal: this.#abort.signal }));
    }
  }

  end(): void {
    this.#abort.abort();
  }

  async #consume(messages: AsyncIterable<Message>): Promise<void> {
    for await (const message of messages) await this.#see(message);
  }

  #see(message: Message): void | Promise<void> {
    if (this.plan.pace === 0) return this.#witness(message);
    return pause(this.plan.pace).then(() => this.#witness(message));
  }

  #witness(message: Message): void {
    if (message.type === "gap") this.witness.gap(message);
    else this.witness.event(message);
  }
}

/** An actor with a place of its own in the stream, which fails at some events once. */
export class WitnessedActor {
  readonly witness = new Witness();
  readonly #group: string;
  readonly #pace: number;
  readonly #failed = new Set<string>();
  #ref: ActorRef | undefined;

  constructor(group: string, pace: number) {
    this.#group = group;
    this.#pace = pace;
  }

  strike(_partition: number, how: "kill" | "crash"): void {
    if (how === "kill") void this.#ref?.kill();
    else void this.#ref?.stop(new Error("a fault of the test"));
  }

  spec(cache: Cache<Key, Value>): ChildSpec {
    return actor<void, Message>({
      id: this.#group,
      init: (ctx) => {
        this.#ref = ctx.self as ActorRef;
        cache.subscribe(ctx.self, { group: this.#group, partition: "all", gaps: true });
      },
      receive: (_state, message, ctx) => {
        this.#failOnce(message);
        if (this.#pace === 0) return this.#witness(message);
        return pause(this.#pace).then(() => {
          if (!ctx.signal.aborted) this.#witness(message);
        });
      },
    });
  }

  #failOnce(message: Message): void {
    if (message.type === "gap" || message.metadata.sequence % 7 !== 3) return;
    const { epoch, partition, sequence } = message.metadata;
    const place = `${epoch} ${partition} ${sequence}`;
    if (this.#failed.has(place)) return;
    this.#failed.add(place);
    throw new Error("not yet");
  }

  #witness(message: Message): void {
    if (message.type === "gap") this.witness.gap(message);
    else this.witness.event(message);
  }
}

async function pause(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await nextTurn();
}
