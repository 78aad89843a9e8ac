import { setTimeout as wait } from "node:timers/promises";
import { clusterGroup } from "nebulex-streams";
import { Broker } from "../../shared/broker.js";
import { RemoteProcess } from "../../shared/remote-process.js";
import type { ReplayResult, ReplayStatus } from "../replay.js";
import type { Batch } from "../request.js";
import { group, type MainCalls, type NodeCalls, type Place } from "./messages.js";
import { SharedChecker } from "./shared-checker.js";
import { type SharedTree, startSharedTree } from "./shared-tree.js";

/** How a workload is replayed over a shared store. */
export interface SharedReplaySettings {
  /** The Redis server; absent: one is started for the run. */
  readonly url?: string;
  /** How many processes play requests and handle events. */
  readonly processes: number;
  readonly partitions: number;
  /** How many times a handler is crashed, spread over the processes. */
  readonly chaos: number;
  /** Ends the replay early; what was started is stopped in order. */
  readonly signal?: AbortSignal;
  /** Called after each batch. */
  readonly onProgress?: (status: ReplayStatus) => void;
}

/** What came of a replay over a shared store. */
export interface SharedReplayResult extends ReplayResult {
  readonly processes: number;
  /** Entries in the store at the end. */
  readonly entries: number;
}

/** Unhandled events at which the players wait, well below what the journal keeps. */
const MAX_BACKLOG = 32_768;
/** Milliseconds between two looks at how far the others are. */
const PAUSE = 20;

type Node = RemoteProcess<NodeCalls>;

/**
 * Replays a workload in several processes on one cache in Redis. The batches of requests go to whichever
 * process is free, so that several write to the same keys; the processes share the partitions of the
 * events among themselves, and report here what they were given.
 *
 * @throws whatever reading the workload throws; the signal's reason when aborted; NotInstalledError
 *   without a server; an Error if a process ends by itself
 */
export async function replayShared(
  workload: AsyncIterable<Batch> | Iterable<Batch>,
  settings: SharedReplaySettings,
): Promise<SharedReplayResult> {
  const broker = settings.url === undefined ? await Broker.start("redis") : undefined;
  try {
    const place = {
      url: settings.url ?? broker?.url ?? "",
      namespace: `replay-${process.pid}`,
      partitions: settings.partitions,
    };
    const run = new SharedRun(place, settings);
    try {
      return await run.play(workload);
    } finally {
      await run.stop();
    }
  } finally {
    await broker?.kill();
  }
}

class SharedRun {
  readonly #settings: SharedReplaySettings;
  readonly #place: Place;
  readonly #checker: SharedChecker;
  readonly #nodes: readonly Node[];
  readonly #over = new AbortController();
  #observer: SharedTree | undefined;
  #isStopping = false;
  #requests = 0;
  #hits = 0;
  #misses = 0;
  #changes = 0;
  #crashes = 0;

  constructor(place: Place, settings: SharedReplaySettings) {
    this.#settings = settings;
    this.#place = place;
    this.#checker = new SharedChecker(place.partitions);
    this.#nodes = Array.from({ length: settings.processes }, (_, index) => this.#fork(index));
    settings.signal?.addEventListener("abort", () => this.#over.abort(settings.signal?.reason));
    if (settings.signal?.aborted === true) this.#over.abort(settings.signal.reason);
  }

  async play(workload: AsyncIterable<Batch> | Iterable<Batch>): Promise<SharedReplayResult> {
    const { processes, chaos } = this.#settings;
    this.#observer = await startSharedTree(this.#place, "observer");
    await this.#unlessOver(Promise.all(this.#nodes.map((node) => node.ready())));
    await this.#until(() => this.#isSpread());
    const start = performance.now();
    const batches = asyncBatches(workload);
    const players = this.#nodes.map((node) => this.#feed(node, batches));
    await this.#unlessOver(Promise.all(players));
    const { ends, stored } = await this.#rest();
    const seconds = (performance.now() - start) / 1_000;
    const faults = await Promise.all(this.#nodes.map((node) => node.call("faults")));
    const checked = this.#checker.report(ends, stored);
    return {
      requests: this.#requests,
      hits: this.#hits,
      misses: this.#misses,
      ...checked,
      restarts: sum(faults.map(({ restarts }) => restarts)),
      seconds,
      eventsPerSecond: checked.handled / seconds,
      crashesLeft: chaos - this.#crashes + sum(faults.map(({ crashesLeft }) => crashesLeft)),
      processes,
      entries: stored.size,
    };
  }

  async stop(): Promise<void> {
    this.#isStopping = true;
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#observer?.tree.stop();
  }

  #fork(index: number): Node {
    const { processes, chaos } = this.#settings;
    const own: Omit<MainCalls, "ready"> = {
      handled: (events) => {
        for (const event of events) this.#checker.handle(event);
      },
      gap: ({ from, to }) => this.#checker.gap(from, to),
    };
    const name = `worker process ${index}`;
    const args = [JSON.stringify({ ...this.#place, index, processes, chaos })];
    const node: Node = new RemoteProcess(name, new URL("node.ts", import.meta.url), args, own);
    void node.exited().then(() => {
      if (!this.#isStopping) this.#over.abort(new Error(`${name} has ended by itself`));
    });
    return node;
  }

  /** Gives a process one batch after the other. */
  async #feed(node: Node, batches: AsyncIterator<Batch>): Promise<void> {
    for (;;) {
      const { value: batch, done } = await batches.next();
      if (done === true) return;
      this.#over.signal.throwIfAborted();
      await this.#crashDue(batch.progress);
      const { hits, misses, changes } = await node.call("play", batch.requests);
      this.#requests += batch.requests.length;
      this.#hits += hits;
      this.#misses += misses;
      this.#changes += changes;
      const { handled } = this.#checker;
      this.#settings.onProgress?.({ progress: batch.progress, requests: this.#requests, handled });
      await this.#until(() => this.#changes - this.#checker.handled < MAX_BACKLOG);
    }
  }

  /** Crash k of n falls due when k / (n + 1) of the workload is issued. */
  async #crashDue(progress: number): Promise<void> {
    const { chaos } = this.#settings;
    const due = Math.min(chaos, Math.floor(progress * (chaos + 1)));
    while (this.#crashes < due) {
      const node = this.#nodes[this.#crashes % this.#nodes.length] as Node;
      this.#crashes += 1;
      await node.call("crash");
    }
  }

  /** Waits until all is handled; what the store has then, and where the journal ends. */
  async #rest() {
    const { cache } = this.#observer as SharedTree;
    for (;;) {
      const ends = await this.#ends();
      await this.#until(() => this.#checker.hasReached(ends));
      const stored = await cache.getAll();
      // An entry may have expired meanwhile.
      if ((await this.#ends()).every((end, partition) => end === ends[partition]))
        return { ends, stored };
    }
  }

  /** By partition: the position of the event to come. */
  async #ends(): Promise<readonly number[]> {
    const status = await this.#group.status();
    return status.map(({ position, lag }) => position + lag);
  }

  /** Whether each process has its share of the partitions. */
  async #isSpread(): Promise<boolean> {
    const owners = (await this.#group.status()).map(({ owner }) => owner);
    if (owners.includes(null)) return false;
    const most = Math.ceil(owners.length / this.#nodes.length);
    const different = [...new Set(owners)];
    const isFair = different.every((owner) => owners.filter((it) => it === owner).length <= most);
    return isFair && different.length === Math.min(owners.length, this.#nodes.length);
  }

  get #group() {
    return clusterGroup((this.#observer as SharedTree).cache, group);
  }

  async #until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await isTrue()))
      await wait(PAUSE, undefined, { signal: this.#over.signal }).catch(() =>
        this.#over.signal.throwIfAborted(),
      );
  }

  async #unlessOver<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#over;
    signal.throwIfAborted();
    let abort = (): void => {};
    const aborted = new Promise<never>((_, reject) => {
      abort = () => reject(signal.reason);
      signal.addEventListener("abort", abort, { once: true });
    });
    try {
      return await Promise.race([promise, aborted]);
    } finally {
      signal.removeEventListener("abort", abort);
    }
  }
}

async function* asyncBatches(
  workload: AsyncIterable<Batch> | Iterable<Batch>,
): AsyncGenerator<Batch> {
  yield* workload;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
