import type { ResourceLimits, Worker } from "node:worker_threads";
import type { Clock } from "../../clock.js";
import { WorkerThreadError } from "../../errors.js";
import type { Milliseconds } from "../../options.js";
import { decodeError } from "./codec.js";
import { ThreadProgress } from "./thread-progress.js";
import type {
  FromThread,
  Outcome,
  Run,
  ThreadPartition,
  ThreadBatch,
  ThreadData,
  ToThread,
  Work,
} from "./protocol.js";
import { spawnWorker } from "./spawn-worker.js";
import { culpritsOf, ThreadMonitor } from "./thread-monitor.js";

/** @internal */
export interface ThreadOptions {
  readonly module: string;
  readonly partitions: readonly ThreadPartition[];
  /** How long a single call of the handler may take. */
  readonly timeout: Milliseconds;
  readonly clock: Clock;
  readonly resourceLimits: ResourceLimits | undefined;
  /** The thread takes no more work. */
  readonly onClosed: (thread: Thread) => void;
  /** The thread is to be replaced. */
  readonly onFailure: (error: WorkerThreadError) => void;
}

/** One worker thread, seen from the main thread. @internal */
export class Thread {
  /** The batches that its handler takes. */
  batch: ThreadBatch | null = null;
  /** Whether its handler has an `onGap`. */
  handlesGaps = true;
  /** Settles when the module is loaded and the states of all partitions are there. */
  readonly ready: Promise<void>;
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  readonly #progress: ThreadProgress;
  readonly #runs = new Map<number, Run>();
  readonly #monitor: ThreadMonitor;
  #settleReady!: { resolve: () => void; reject: (error: Error) => void };
  /** Whether it takes no more work, and ends when its current work is done. */
  #retired = false;
  #quiet: (() => void) | undefined;
  #stopped: { resolve: () => void; reject: (error: Error) => void } | undefined;
  /** Set when the end begins; settles when it has ended. */
  #ended: Promise<void> | undefined;

  constructor(options: ThreadOptions) {
    const { module, partitions, resourceLimits, clock, timeout } = options;
    this.#options = options;
    this.#progress = ThreadProgress.for(partitions.length);
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.#monitor = new ThreadMonitor(clock, timeout, this.#runs, this.#progress, {
      beat: () => this.#post({ type: "beat" }),
      hung: (partitions) =>
        this.#fail(`has not handled an event within ${timeout} ms`, undefined, partitions),
    });
    const workerData: ThreadData = { module, partitions, progress: this.#progress.buffer };
    this.#worker = spawnWorker({
      workerData,
      ...(resourceLimits === undefined ? undefined : { resourceLimits }),
    });
    this.#worker.on("message", (message: FromThread | null) => this.#receive(message));
    this.#worker.on("error", (error) => this.#fail("failed", error));
    this.#worker.on("exit", (code) => this.#fail(`exited with code ${code}`, undefined));
  }

  /** Whether it takes no more work. */
  get closed(): boolean {
    return this.#retired;
  }

  /** Has a partition handle something. Never rejects. */
  run(work: Work, isolated: boolean): Promise<Outcome> {
    return new Promise((settle) => {
      if (this.#retired) return settle({ handled: 0, blame: "none", error: undefined });
      const { partition } = work;
      // Read before the thread can begin.
      const began = this.#progress.handledBy(partition);
      try {
        this.#post({ type: "work", work });
      } catch (error) {
        return settle({ handled: 0, blame: "uncloneable", error });
      }
      this.#worker.ref();
      this.#runs.set(partition, { began, isolated, settle });
      this.#monitor.begin(partition);
    });
  }

  /**
   * Ends the thread, since the worker of a partition with work has ended. Returns how many events
   * of that work have been handled.
   */
  abandon(partition: number): number {
    this.#progress.revoke(partition);
    const handled = this.#handledInRun(partition);
    this.#fail("was handling an event of a worker that was killed", undefined, []);
    return handled;
  }

  /**
   * Replaces the thread, since a handler has thrown. Other partitions finish their work first, and
   * the handlers clean up.
   */
  retire(cause: unknown): void {
    if (this.#retired) return;
    this.#close();
    this.#options.onFailure(new WorkerThreadError(this.#options.module, "failed", cause));
  }

  /**
   * Ends it in order; resolves when it has ended. Rejects with the error of the handlers'
   * `terminate`.
   */
  async stop(reason: unknown): Promise<void> {
    this.#close();
    if (this.#runs.size > 0) await new Promise<void>((resolve) => (this.#quiet = resolve));
    if (this.#ended === undefined) await this.#cleanUp(reason);
    await this.close();
  }

  /** Ends it at once. */
  close(): Promise<void> {
    return this.#end(this.#errorOf("has been ended"), []);
  }

  /** Ends it, since it was not ready in time. */
  tooLate(): void {
    const { timeout } = this.#options;
    void this.#end(this.#errorOf(`was not up within ${timeout} ms`), []);
  }

  #cleanUp(reason: unknown): Promise<void> {
    const { clock, timeout } = this.#options;
    const timer = clock.setTimeout(
      () => this.#fail(`has not cleaned up within ${timeout} ms`, undefined),
      timeout,
    );
    this.#worker.ref();
    const stopped = new Promise<void>((resolve, reject) => (this.#stopped = { resolve, reject }));
    try {
      this.#post({ type: "stop", reason });
    } catch {
      this.#post({ type: "stop", reason: String(reason) });
    }
    return stopped.finally(() => clock.clearTimeout(timer));
  }

  /** A handler's module might send messages of its own, which are ignored. */
  #receive(message: FromThread | null): void {
    switch (message?.type) {
      case "ready":
        this.batch = message.batch;
        this.handlesGaps = message.handlesGaps;
        // An idle thread does not keep the process alive, as an idle actor does not.
        this.#worker.unref();
        this.#settleReady.resolve();
        break;
      case "done":
        if (message.error === null) this.#settle(message.partition, "none", undefined);
        else this.#settle(message.partition, "culprit", decodeError(message.error));
        break;
      case "stopped":
        if (message.error === null) this.#stopped?.resolve();
        else this.#stopped?.reject(this.#errorOf("failed to clean up", decodeError(message.error)));
        break;
      case "failed":
        this.#fail("failed", decodeError(message.error));
        break;
      case undefined:
    }
  }

  /** Ends the thread after a failure. `hung`: the partitions that caused it, if they are known. */
  #fail(how: string, cause: unknown, hung?: readonly number[]): void {
    if (this.#ended !== undefined) return;
    const error = this.#errorOf(how, cause);
    void this.#end(error, hung).then(() => this.#options.onFailure(error));
  }

  /** Refuses further work, and does not begin what is queued. */
  #close(): void {
    if (this.#retired) return;
    this.#retired = true;
    for (const partition of this.#options.partitions.keys()) this.#progress.revoke(partition);
    this.#options.onClosed(this);
  }

  #end(error: WorkerThreadError, culprits: readonly number[] | undefined): Promise<void> {
    this.#ended ??= this.#terminate(error, culprits);
    return this.#ended;
  }

  async #terminate(
    error: WorkerThreadError,
    culprits: readonly number[] | undefined,
  ): Promise<void> {
    this.#close();
    this.#monitor.stop();
    this.#settleReady.reject(error);
    this.#worker.ref();
    await this.#worker.terminate();
    // The progress is final now.
    const to = culprits ?? culpritsOf(this.#runs, this.#progress);
    for (const partition of this.#runs.keys())
      this.#settle(
        partition,
        !to.includes(partition) ? "none" : to.length > 1 ? "suspect" : "culprit",
        error,
      );
    this.#stopped?.resolve();
  }

  #settle(partition: number, blame: Outcome["blame"], error: unknown): void {
    const run = this.#runs.get(partition);
    if (run === undefined) return;
    const handled = this.#handledInRun(partition);
    this.#runs.delete(partition);
    if (this.#runs.size === 0) {
      if (!this.#retired) this.#worker.unref();
      this.#monitor.stop();
      this.#quiet?.();
    }
    run.settle({ handled, blame, error });
  }

  #handledInRun(partition: number): number {
    const run = this.#runs.get(partition);
    return run === undefined ? 0 : (this.#progress.handledBy(partition) - run.began) | 0;
  }

  #errorOf(how: string, cause?: unknown): WorkerThreadError {
    return new WorkerThreadError(this.#options.module, how, cause);
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
