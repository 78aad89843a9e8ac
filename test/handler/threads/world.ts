import type * as source from "../../../src/index.js";
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type {
  ActorRef,
  Cache,
  ChildInfo,
  Supervisor,
  WorkerPoolOptions,
} from "../../../src/index.js";
import type { StreamServerOptions } from "../../../src/index.js";
import { type Clock, systemClock, type TimerHandle } from "../../../src/clock.js";
import { projectRoot } from "../../helpers/project-root.js";
import { until } from "../../helpers/actors.js";

export type Package = typeof source;

/** What `modules/scripted.mjs` does with the event of a put of this value. */
export interface Script {
  do: string;
  /** Only in so many attempts. */
  attempts?: number;
  with?: unknown;
}

export interface Note {
  thread: number;
  call: "init" | "handle" | "handled" | "stuck" | "gap" | "terminate";
  partition: number | null;
  key?: string;
  sequence?: number;
  attempt?: number;
  count?: number;
  reason?: string;
  from?: number;
  to?: number;
}

export interface WorldOptions {
  /** Of the root. */
  maxSeconds?: number;
  partitions?: number;
  pool?: Omit<Partial<WorkerPoolOptions<string, unknown>>, "cache">;
  stream?: Omit<Partial<StreamServerOptions<string, unknown>>, "cache">;
  /** A file of `modules`, or the text of a module. Default: `scripted.mjs`. */
  module?: string;
  source?: string;
}

/** A tree with a cache, a stream and a worker pool, of the built package. To be disposed. */
export class World implements AsyncDisposable {
  readonly cache: Cache<string, unknown>;
  readonly clock = new JumpingClock();
  readonly letters: { key: unknown; error: unknown; attempt: number }[] = [];
  readonly #package: Package;
  readonly #folder: string;
  #sup!: Supervisor;

  private constructor(built: Package, folder: string) {
    this.#package = built;
    this.#folder = folder;
    this.cache = built.defineCache<string, unknown>({ name: "jobs" });
  }

  static async start(built: Package, options: WorldOptions = {}): Promise<World> {
    const world = new World(built, mkdtempSync(join(tmpdir(), "nebulex-streams-threads-")));
    const { partitions, pool, stream, module = "scripted.mjs", source } = options;
    let path = join(projectRoot, "test/handler/threads/modules", module);
    if (source !== undefined) {
      path = join(world.#folder, "handler.mjs");
      writeFileSync(path, source);
    }
    const url = pathToFileURL(path);
    url.searchParams.set("log", world.#log);
    const { cache } = world;
    try {
      world.#sup = await built.startSupervisor({
        strategy: "rest_for_one",
        ...(options.maxSeconds === undefined ? {} : { maxSeconds: options.maxSeconds }),
        clock: world.clock,
        children: [
          cache,
          built.streamServer<string, unknown>({
            cache,
            include: ["value", "previous"],
            ...(partitions === undefined
              ? {}
              : { partitions, hash: ({ target }) => partitionOf(target) % partitions }),
            ...stream,
          }),
          built.workerPool<string, unknown>({
            cache,
            module: url,
            workers: 2,
            maxRestarts: 100,
            onDeadLetter: ({ target }, error, { attempt }) =>
              void world.letters.push({
                key: target.kind === "key" ? target.key : target,
                error,
                attempt,
              }),
            ...pool,
          }),
        ],
      });
    } catch (error) {
      rmSync(world.#folder, { recursive: true, force: true });
      throw error;
    }
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#sup.stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #log(): string {
    return join(this.#folder, "log");
  }

  /** What the handlers have written down. */
  get notes(): Note[] {
    if (!existsSync(this.#log)) return [];
    const lines = readFileSync(this.#log, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as Note);
  }

  /** Of the calls of `handle`: key and attempt, as `1:a 1`. */
  get handles(): string[] {
    return this.notes
      .filter(({ call }) => call === "handle")
      .map(({ key, attempt }) => `${key} ${attempt}`);
  }

  calls(call: Note["call"]): Note[] {
    return this.notes.filter((note) => note.call === call);
  }

  /** Keys of which the handler is through, in one partition. */
  handled(partition: number | null = null): string[] {
    return this.calls("handled")
      .filter((note) => note.partition === partition)
      .map(({ key }) => key as string);
  }

  /** Puts keys whose values are scripts: `{ a: { do: "exit" }, b: null }`. */
  put(entries: Record<string, Script | null>): void {
    for (const [key, script] of Object.entries(entries)) this.cache.put(key, script);
  }

  idle(): Promise<void> {
    return this.#package.whenIdle(this.cache);
  }

  /** How many events are written and not handled yet. */
  get lag(): number {
    const groups = this.#package.getStream(this.cache).groups();
    return groups.reduce((sum, { lag }) => sum + lag, 0);
  }

  /**
   * As `idle`; as soon as a handler is stuck, so much time passes at once. What the thread can still
   * handle would be taken to have been at it for so long, and has to be handled before.
   *
   * @param left how many events may not be handled yet
   */
  async idleWhilePassing(milliseconds: number, left = Infinity): Promise<void> {
    let isIdle = false;
    const idle = this.idle().finally(() => (isIdle = true));
    for (let stuck = 0; !isIdle;) {
      await eventually(() => isIdle || (this.calls("stuck").length > stuck && this.lag <= left));
      if (isIdle) break;
      stuck++;
      this.clock.jump(milliseconds);
      this.release();
    }
    await idle;
  }

  /** Lets a handler that is held go on. */
  release(): void {
    appendFileSync(`${this.#log}.released`, ".");
  }

  get sup(): Supervisor {
    return this.#sup;
  }

  async child(id: string): Promise<ActorRef> {
    const pool = await this.children(this.#sup);
    const sup = this.#package.supervisorOf(pool.get("jobs:workers") as ActorRef);
    return (await this.children(sup)).get(id) as ActorRef;
  }

  async children(sup: Supervisor): Promise<Map<string, ActorRef>> {
    let infos: ChildInfo[] = [];
    await until(async () => {
      infos = await sup.whichChildren();
      return infos.every(({ ref }) => typeof ref === "object" && ref.alive);
    });
    return new Map(infos.map(({ id, ref }) => [id, ref as ActorRef]));
  }
}

interface JumpTimer {
  readonly due: number;
  readonly fire: () => void;
  handle: TimerHandle;
}

/**
 * The system's clock, but it can jump: what times out does so when a test says it, and not on a
 * busy machine.
 */
export class JumpingClock implements Clock {
  readonly #timers = new Set<JumpTimer>();
  #ahead = 0;

  now(): number {
    return systemClock.now() + this.#ahead;
  }

  setTimeout(fn: () => void, ms: number): JumpTimer {
    const fire = (): void => {
      this.clearTimeout(timer);
      fn();
    };
    const timer: JumpTimer = { due: this.now() + ms, fire, handle: undefined };
    timer.handle = systemClock.setTimeout(fire, ms);
    this.#timers.add(timer);
    return timer;
  }

  clearTimeout(timer: TimerHandle): void {
    if (!this.#timers.delete(timer as JumpTimer)) return;
    systemClock.clearTimeout((timer as JumpTimer).handle);
  }

  /** Fires the timers that are due on the way, in order. */
  jump(milliseconds: number): void {
    const end = this.now() + milliseconds;
    for (;;) {
      const next = [...this.#timers].sort((a, b) => a.due - b.due)[0];
      if (next === undefined || next.due > end) break;
      this.#ahead += Math.max(0, next.due - this.now());
      next.fire();
    }
    this.#ahead += Math.max(0, end - this.now());
  }
}

/** Keys are `<partition>:<name>`. */
function partitionOf(target: unknown): number {
  return Number((target as { key: string }).key.split(":")[0]);
}

/** Waits for a report of another thread. */
export async function eventually(condition: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000;
  while (!condition()) {
    if (Date.now() > deadline) throw new Error(`never came true: ${condition.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
