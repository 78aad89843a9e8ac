import { AsyncLocalStorage } from "node:async_hooks";
import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { isThenable } from "../../callbacks.js";
import { timeSlice } from "../../clock.js";
import type { CacheEntryEvent } from "../../event/types.js";
import {
  type BatchTraits,
  batchTraitsOf,
  type EventHandler,
  type HandlerContext,
  resolveHandler,
} from "../event-handler.js";
import { decodeEvents, describeError, encodeError } from "./codec.js";
import { ThreadProgress } from "./thread-progress.js";
import type { FromThread, ThreadPartition, ThreadData, ToThread, Work } from "./protocol.js";
import { monotonicNow, nextTurn, setTimeout } from "../../timers.js";

const port = parentPort as MessagePort;

/** One call of the handler. What it starts asynchronously is attributed to it. */
interface Step {
  readonly partition: number;
  /** How much the partition had handled before. */
  readonly after: number;
}
const steps = new AsyncLocalStorage<Step>();

/** One partition in the thread, with its state. */
class PartitionRunner {
  state: unknown;
  readonly #index: number;
  readonly #handler: EventHandler;
  readonly #batch: BatchTraits | undefined;
  readonly #context: { -readonly [Key in keyof HandlerContext]?: HandlerContext[Key] };
  readonly #progress: ThreadProgress;

  constructor(
    index: number,
    partition: ThreadPartition,
    handler: EventHandler,
    progress: ThreadProgress,
    signal: AbortSignal,
  ) {
    this.#index = index;
    this.#handler = handler;
    this.#batch = batchTraitsOf(handler);
    this.#context = { ...partition, attempt: 1, fence: 0, signal };
    this.#progress = progress;
  }

  async init(): Promise<void> {
    this.state = await this.#handler.init?.(this.#context as HandlerContext);
  }

  async terminate(reason: unknown): Promise<void> {
    await this.#handler.terminate?.(reason, this.state, this.#context as HandlerContext);
  }

  async run({ attempt, fence, content }: Work): Promise<void> {
    const ctx = this.#context as HandlerContext;
    this.#context.attempt = attempt;
    this.#context.fence = fence;
    if ("gap" in content) {
      await this.#step(1, () => this.#handler.onGap?.(content.gap, this.state, ctx));
      return;
    }
    const events = decodeEvents(content.events, content.source) as unknown as CacheEntryEvent[];
    const batch = this.#batch;
    if (batch === undefined) await this.#handleEach(events, ctx);
    else await this.#step(events.length, () => batch.handle(events, ctx));
  }

  async #handleEach(events: readonly CacheEntryEvent[], ctx: HandlerContext): Promise<void> {
    let turnEnds = monotonicNow() + timeSlice;
    for (const event of events) {
      const pending = this.#step(1, () => this.#handler.handle(event as never, this.state, ctx));
      if (pending === false) return;
      if (pending !== undefined) await pending;
      this.#context.attempt = 1;
      // Lets messages for other partitions in.
      if (monotonicNow() < turnEnds) continue;
      await nextTurn();
      turnEnds = monotonicNow() + timeSlice;
    }
  }

  /**
   * One call of the handler; false if it must not be called any more. Its result is recorded
   * synchronously.
   */
  #step(size: number, call: () => unknown): Promise<void> | false | undefined {
    const partition = this.#index;
    const progress = this.#progress;
    if (!progress.begin(partition)) return false;
    try {
      const result = steps.run({ partition, after: progress.handledBy(partition) }, call);
      if (isThenable(result)) return this.#finish(size, result);
      this.#keep(result);
    } catch (error) {
      progress.end(partition, 0);
      throw error;
    }
    progress.end(partition, size);
    return undefined;
  }

  async #finish(size: number, pending: PromiseLike<unknown>): Promise<void> {
    this.#progress.wait(this.#index);
    try {
      this.#keep(await pending);
    } catch (error) {
      this.#progress.end(this.#index, 0);
      throw error;
    }
    this.#progress.end(this.#index, size);
  }

  #keep(state: unknown): void {
    if (state !== undefined && this.#batch === undefined) this.state = state;
  }
}

async function main({ module, partitions, progress: buffer }: ThreadData): Promise<void> {
  const progress = new ThreadProgress(buffer);
  const blame = (): void => {
    const step = steps.getStore();
    if (step !== undefined) progress.blame(step.partition, step.after);
  };
  process.on("exit", blame);
  process.on("uncaughtExceptionMonitor", blame);
  const { default: exported } = (await import(module)) as { default?: unknown };
  const handler = resolveHandler(exported, "default export");
  const abort = new AbortController();
  const runners = partitions.map(
    (partition, index) => new PartitionRunner(index, partition, handler, progress, abort.signal),
  );
  for (const runner of runners) await runner.init();
  port.on("message", (message: ToThread) => {
    if (message.type === "work") void work(runners, message.work);
    // By a timer: a handler that waits for one has had its chance by then.
    else if (message.type === "beat") setTimeout(() => progress.beat(), 1);
    else void stop(runners, message.reason, abort);
  });
  const traits = batchTraitsOf(handler);
  post({
    type: "ready",
    batch: traits === undefined ? null : { maxSize: traits.maxSize, maxWait: traits.maxWait },
    handlesGaps: handler.onGap !== undefined,
  });
}

async function work(runners: readonly PartitionRunner[], item: Work): Promise<void> {
  const { partition } = item;
  try {
    await (runners[partition] as PartitionRunner).run(item);
    post({ type: "done", partition, error: null });
  } catch (error) {
    postError({ type: "done", partition }, error);
  }
}

async function stop(
  runners: readonly PartitionRunner[],
  reason: unknown,
  abort: AbortController,
): Promise<void> {
  try {
    for (const runner of runners) await runner.terminate(reason);
    abort.abort();
    post({ type: "stopped", error: null });
  } catch (error) {
    postError({ type: "stopped" }, error);
  }
}

type Failure = { type: "done"; partition: number } | { type: "stopped" } | { type: "failed" };

/** An error that can't be cloned is described by its texts. */
function postError(message: Failure, error: unknown): void {
  try {
    post({ ...message, error: encodeError(error) });
  } catch {
    post({ ...message, error: describeError(error) });
  }
}

function post(message: FromThread): void {
  port.postMessage(message);
}

main(workerData as ThreadData).catch((error: unknown) => postError({ type: "failed" }, error));
