import { setImmediate as nextTurn } from "node:timers/promises";
import {
  type ActorRef,
  type Cache,
  type ChildSpec,
  defineCache,
  getStream,
  localAdapter,
  lookupStream,
  startSupervisor,
  streamServer,
  type StreamServerOptions,
  type Supervisor,
  whenIdle,
} from "../../src/index.js";
import { SimulatedClock } from "../../src/testing/simulated-clock.js";
import { until } from "../helpers/actors.js";
import { Writer } from "./commands.js";
import { type Key, Truth, type Value } from "./truth.js";

export interface WorldOptions {
  readonly partitions: number;
  readonly capacity?: number;
  readonly retain?: number;
  readonly maxEntries?: number | undefined;
  readonly include?: StreamServerOptions["include"];
  /** What stands behind the stream server. */
  readonly readers?: (cache: Cache<Key, Value>) => ChildSpec[];
}

/** A cache with a stream and readers under a supervisor, a listener that knows the truth, and a clock that stands still. */
export class World implements AsyncDisposable {
  readonly cache: Cache<Key, Value>;
  readonly truth: Truth;
  readonly clock = new SimulatedClock();
  readonly writer: Writer;
  tree!: Supervisor;
  /** A stream server that was asked to end, and may not have ended yet. */
  #ending: ActorRef | undefined;
  readonly #refs = new Map<string, ActorRef>();

  private constructor({ partitions, maxEntries }: WorldOptions) {
    const adapter = localAdapter(maxEntries === undefined ? {} : { maxEntries });
    this.cache = defineCache<Key, Value>({ name: "world", adapter });
    this.truth = new Truth(partitions);
    this.writer = new Writer(this.cache);
  }

  static async start(options: WorldOptions): Promise<World> {
    const world = new World(options);
    const { partitions, capacity, retain, readers, include = ["value", "previous"] } = options;
    const stream = streamServer({
      cache: world.cache,
      partitions,
      include,
      ...(capacity === undefined ? {} : { capacity }),
      ...(retain === undefined ? {} : { retain }),
    });
    world.tree = await startSupervisor({
      strategy: "rest_for_one",
      clock: world.clock,
      // The clock stands still, and so the window never ends.
      maxRestarts: 10_000,
      children: [
        world.#watched(world.cache.childSpec(), () => world.truth.listen(world.cache)),
        world.#watched(stream),
        ...(readers?.(world.cache) ?? []),
      ],
    });
    await world.up();
    return world;
  }

  /** The incarnation of the cache or of the stream server that was started last. */
  ref(which: "cache" | "stream"): ActorRef {
    return this.#refs.get(which === "cache" ? "world" : "world:stream") as ActorRef;
  }

  /** Waits until the cache and its stream are up, and what is written is in the stream. */
  async up(): Promise<void> {
    await until(
      () =>
        this.ref("cache").alive &&
        this.ref("stream").alive &&
        this.ref("stream") !== this.#ending &&
        lookupStream(this.cache)?.registered === true,
    );
    this.truth.life.epoch ??= getStream(this.cache).epoch;
  }

  /** Ends the cache, or the stream server. */
  async end(which: "cache" | "stream", how: "kill" | "crash"): Promise<void> {
    const ref = this.ref(which);
    if (how === "kill") void ref.kill();
    else void ref.stop(new Error("a fault of the test"));
    if (which === "stream") {
      this.#ending = ref;
      return;
    }
    const { lives } = this.truth;
    const before = lives.length;
    await until(() => lives.length > before);
    await this.up();
  }

  /** Has another stream server take the place of this one, which is stopped in order. */
  async replaceStream(): Promise<void> {
    await this.up();
    await this.tree.terminateChild("world:stream");
    this.truth.begin(this.truth.entries);
    await this.tree.restartChild("world:stream");
    await this.up();
  }

  /** Waits until all is handled, what expires meanwhile too, and all readers are up; gives what the cache then holds. */
  async idle(): Promise<Map<Key, Value>> {
    for (;;) {
      const { written } = this.truth;
      await this.#handled();
      const held = this.cache.getAll();
      const isFound = held.size === this.truth.entries.size;
      if (isFound && this.truth.written === written) return held;
      // What has expired is found in time.
      if (!isFound) await this.clock.advance(500);
    }
  }

  async #handled(): Promise<void> {
    const state = { isDone: false };
    const idle = whenIdle(this.cache).finally(() => (state.isDone = true));
    idle.catch(() => {});
    for (let turn = 0; !state.isDone; turn++) {
      if (turn > 5_000) throw new Error("never idle");
      if (turn % 20 === 19) await this.clock.advance(100);
      await nextTurn();
    }
    await idle;
    // The last worker that was hit may be on its way yet, with nothing left to handle.
    await until(() =>
      getStream(this.cache)
        .groups()
        .every(({ attached }) => attached),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const stopping = { isDone: false };
    const stopped = this.tree.stop().finally(() => (stopping.isDone = true));
    for (let turn = 0; turn < 10 && !stopping.isDone; turn++) await nextTurn();
    // What hangs has its time, and is killed.
    while (!stopping.isDone) await this.clock.advance(1_000);
    await stopped;
  }

  #watched(spec: ChildSpec, started: () => void = () => {}): ChildSpec {
    return {
      ...spec,
      start: async (parent) => {
        const ref = await spec.start(parent);
        if (ref === "ignore") return ref;
        this.#refs.set(spec.id, ref);
        started();
        return ref;
      },
    };
  }
}

/** Lets the event loop turn so many times. */
export async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await nextTurn();
}
