import { setImmediate as turnOfTheEventLoop } from "node:timers/promises";
import {
  defineCache,
  handlerPool,
  localAdapter,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";
import type { ActorRef, Cache, Supervisor } from "nebulex-streams";
import { inspector, inspectorAddress } from "nebulex-streams/inspector";
import { EventChecker } from "./check/event-checker.js";
import type { CheckReport } from "./check/event-checker.js";
import type { Version } from "./check/link.js";
import { CrashPlan } from "./crash-plan.js";
import { Player } from "./player.js";
import type { Batch, Key } from "./request.js";
import { watchTree } from "./watch-tree.js";

/** How a workload is replayed. */
export interface ReplaySettings {
  /** The most entries the cache holds; 0 means no limit. */
  readonly maxEntries: number;
  readonly partitions: number;
  /** How many times a handler is crashed. */
  readonly chaos: number;
  /** Ends the replay early; what was started is stopped in order. */
  readonly signal?: AbortSignal;
  /** Shows the run on a page. */
  readonly inspect?: Inspection;
  /** Called after each batch. */
  readonly onProgress?: (status: ReplayStatus) => void;
}

/** A page that shows the run. */
export interface Inspection {
  /** 0: any free one. */
  readonly port: number;
  /** Called with the page's address. */
  readonly onOpen: (url: string) => void;
  /** The tree goes on until this has settled. */
  readonly onDone: (result: ReplayResult) => Promise<void>;
}

/** How far a replay is. */
export interface ReplayStatus {
  /** From 0 to 1. */
  readonly progress: number;
  readonly requests: number;
  readonly handled: number;
}

/** What came of a replay. */
export interface ReplayResult extends CheckReport {
  readonly requests: number;
  readonly hits: number;
  readonly misses: number;
  /** How often a child of a supervisor was restarted. */
  readonly restarts: number;
  /** From the first request until the last event was handled. */
  readonly seconds: number;
  readonly eventsPerSecond: number;
  /** Crashes that were asked for and had no event left to happen at. */
  readonly crashesLeft: number;
}

/** Unhandled events at which the player waits for the handlers, well below what the stream's log holds. */
const MAX_BACKLOG = 32_768;

/**
 * Replays a workload on a cache whose events go through a stream to a pool of handlers, which check them.
 *
 * @throws whatever reading the workload throws; the signal's reason when aborted; an Error if the
 *   supervision tree gives up
 */
export async function replay(
  workload: AsyncIterable<Batch> | Iterable<Batch>,
  settings: ReplaySettings,
): Promise<ReplayResult> {
  const cache = defineCache<Key, Version>({
    name: "replay",
    adapter: localAdapter(settings.maxEntries === 0 ? {} : { maxEntries: settings.maxEntries }),
  });
  const checker = new EventChecker(settings.partitions);
  const crashes = new CrashPlan(settings.chaos);
  const player = new Player(cache);
  const restarts = watchTree();
  try {
    const tree = await startTree(cache, checker, crashes, settings);
    try {
      const over = overSignal(tree, settings.signal);
      settings.inspect?.onOpen(await addressIn(tree));
      const start = performance.now();
      for await (const batch of workload) {
        over.throwIfAborted();
        player.play(batch.requests);
        crashes.advance(batch.progress, player.emitted);
        await turnOfTheEventLoop();
        const backlog = player.emitted - checker.handled;
        if (backlog > MAX_BACKLOG) await unlessOver(() => whenIdle(cache), over);
        const { requests } = player;
        settings.onProgress?.({ progress: batch.progress, requests, handled: checker.handled });
      }
      const { emitted, requests, hits, misses } = player;
      await unlessOver(() => whenIdle(cache), over);
      const seconds = (performance.now() - start) / 1_000;
      const checked = checker.report(emitted);
      const result: ReplayResult = {
        requests,
        hits,
        misses,
        ...checked,
        restarts: restarts.count,
        seconds,
        eventsPerSecond: checked.handled / seconds,
        crashesLeft: crashes.left,
      };
      await settings.inspect?.onDone(result);
      return result;
    } finally {
      await tree.stop();
    }
  } finally {
    restarts.stop();
  }
}

/** The whole architecture: each child rests on those above it and is restarted with them. */
function startTree(
  cache: Cache<Key, Version>,
  checker: EventChecker,
  crashes: CrashPlan,
  { partitions, chaos, signal, inspect }: ReplaySettings,
): Promise<Supervisor> {
  return startSupervisor({
    strategy: "rest_for_one",
    children: [
      // First, so that no restart of the others reaches it.
      ...(inspect === undefined ? [] : [inspector({ port: inspect.port })]),
      cache,
      streamServer({ cache, partitions, include: ["value", "previous"] }),
      handlerPool({
        cache,
        handler: (event) => {
          crashes.beforeEvent(checker.handled);
          checker.handle(event);
        },
        onError: "restart",
        // Enough for every crash to hit the same event of the same handler.
        maxAttempts: chaos + 1,
        maxRestarts: chaos,
      }),
    ],
    ...(signal === undefined ? {} : { signal }),
  });
}

/** The address of the inspector's page. */
async function addressIn(tree: Supervisor): Promise<string> {
  const child = (await tree.whichChildren()).find(({ id }) => id === "inspector");
  return inspectorAddress(child?.ref as ActorRef).url;
}

/** Aborts when there is no use in going on: the tree has ended, or the user wants an end. */
function overSignal(tree: Supervisor, signal: AbortSignal | undefined): AbortSignal {
  const ended = new AbortController();
  void tree.exited.then((reason) => {
    ended.abort(new Error("the supervision tree has ended by itself", { cause: reason }));
  });
  return signal === undefined ? ended.signal : AbortSignal.any([ended.signal, signal]);
}

/** Settles as what `begin` gives, or rejects with the signal's reason if that comes first. */
async function unlessOver<T>(begin: () => Promise<T>, over: AbortSignal): Promise<T> {
  over.throwIfAborted();
  const { promise: aborted, reject } = rejectable();
  const abort = () => reject(over.reason);
  over.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([begin(), aborted]);
  } finally {
    over.removeEventListener("abort", abort);
  }
}

function rejectable(): { promise: Promise<never>; reject: (reason: unknown) => void } {
  let reject: (reason: unknown) => void = () => undefined;
  const promise = new Promise<never>((_, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
