import { Worker, type WorkerOptions as NodeWorkerOptions } from "node:worker_threads";
import type { Clock, TimerHandle } from "../../clock.js";
import { WorkerThreadError } from "../../errors.js";
import type { Milliseconds } from "../../options.js";
import type { FromThread, Lane, ThreadData, ToThread, Work } from "./protocol.js";

/** How a piece of work ended. @internal */
export interface Outcome {
  /** How many of its events have been handled. */
  readonly handled: number;
  /** Why the others have not, if there are any. */
  readonly failure: { readonly error: unknown } | undefined;
  /** Whether the first of these was being handled when it failed. */
  readonly attempted: boolean;
}

/** @internal */
export interface ThreadOptions {
  readonly module: string;
  readonly lanes: readonly Lane[];
  /** How long a single call of the handler may take. */
  readonly timeout: Milliseconds;
  readonly clock: Clock;
  readonly resourceLimits: NodeWorkerOptions["resourceLimits"];
  /** The thread takes no work any more. */
  readonly onClosed: (thread: Thread) => void;
  /** The thread has failed, and has ended. */
  readonly onFailure: (error: WorkerThreadError) => void;
}

interface Run {
  readonly began: number;
  readonly settle: (outcome: Outcome) => void;
  seen: number;
  seenAt: Milliseconds;
}

/** The file beside this one: JavaScript when built, TypeScript when run from source. */
const mainFile = new URL(
  `./thread-main${import.meta.url.endsWith(".ts") ? ".ts" : ".js"}`,
  import.meta.url,
);

/** One worker thread, seen from the main thread. @internal */
export class Thread {
  /** What its handler wants of batches. */
  batch: { maxSize: number; maxWait: Milliseconds } | null = null;
  readonly #options: ThreadOptions;
  readonly #worker: Worker;
  readonly #progress: Int32Array;
  readonly #runs = new Map<number, Run>();
  #ready!: { resolve: () => void; reject: (error: Error) => void };
  #stopped: (() => void) | undefined;
  #watch: TimerHandle | undefined;
  #closed = false;
  /** Settles when the module is loaded and every partition's state is made. */
  readonly ready: Promise<void>;

  constructor(options: ThreadOptions) {
    this.#options = options;
    const progress = new SharedArrayBuffer(options.lanes.length * 8);
    this.#progress = new Int32Array(progress);
    const workerData: ThreadData = { module: options.module, lanes: options.lanes, progress };
    const { resourceLimits } = options;
    this.ready = new Promise((resolve, reject) => {
      this.#ready = { resolve, reject };
    });
    this.#worker = new Worker(mainFile, {
      workerData,
      ...(resourceLimits === undefined ? undefined : { resourceLimits }),
    });
    this.#worker.on("message", (message: FromThread) => this.#receive(message));
    this.#worker.on("error", (error) => this.#fail("failed", error));
    this.#worker.on("exit", (code) => this.#fail(`exited with code ${code}`, undefined));
    this.#worker.on("messageerror", (error) => this.#fail("sent what could not be read", error));
  }

  /** Has a lane handle something. Never rejects. */
  run(work: Work): Promise<Outcome> {
    return new Promise((settle) => {
      const seen = this.#handledBy(work.lane);
      if (this.#closed) {
        const error = new WorkerThreadError(this.#options.module, "has ended");
        settle({ handled: 0, failure: { error }, attempted: false });
        return;
      }
      this.#worker.ref();
      this.#runs.set(work.lane, { began: seen, seen, seenAt: this.#options.clock.now(), settle });
      try {
        this.#post({ type: "work", work });
      } catch (error) {
        this.#settle(work.lane, { error }, true);
        return;
      }
      this.#keepWatch();
    });
  }

  /** Has the handlers clean up; resolves when they have, or when the thread fails. */
  stop(reason: unknown): Promise<void> {
    if (this.#closed) return Promise.resolve();
    return new Promise((resolve) => {
      this.#worker.ref();
      this.#stopped = resolve;
      try {
        this.#post({ type: "stop", reason });
      } catch {
        this.#post({ type: "stop", reason: String(reason) });
      }
    });
  }

  /** Ends it, whatever it is doing: it is not needed any more. */
  close(error = new WorkerThreadError(this.#options.module, "has been ended")): void {
    this.#end(error, () => false, undefined);
  }

  /** Ends it, since it can't go on: not through what any lane had in hand. */
  fail(how: string, cause?: unknown): void {
    this.#fail(how, cause, () => false);
  }

  #receive(message: FromThread): void {
    switch (message.type) {
      case "ready":
        this.batch = message.batch;
        // An idle thread does not keep the process alive, as an idle actor does not.
        this.#worker.unref();
        this.#ready.resolve();
        break;
      case "done":
        this.#settle(message.lane, message.failure ?? undefined, true);
        break;
      case "stopped":
        this.#stopped?.();
        break;
      case "failed":
        this.#fail("failed", message.error);
        break;
    }
  }

  /** `wasAttempted` tells of a lane whether what it has in hand may be what ended the thread. */
  #fail(
    how: string,
    cause: unknown,
    wasAttempted = (lane: number): boolean => this.#isBusy(lane),
  ): void {
    const error = new WorkerThreadError(this.#options.module, how, cause);
    this.#end(error, wasAttempted, this.#options.onFailure);
  }

  #end(
    error: WorkerThreadError,
    wasAttempted: (lane: number) => boolean,
    onEnded: ((error: WorkerThreadError) => void) | undefined,
  ): void {
    if (this.#closed) return;
    this.#closed = true;
    if (this.#watch !== undefined) this.#options.clock.clearTimeout(this.#watch);
    this.#options.onClosed(this);
    this.#ready.reject(error);
    this.#stopped?.();
    // Its end is waited for. What is on record by then is all that it has handled.
    this.#worker.ref();
    void this.#worker.terminate().then(() => {
      for (const lane of [...this.#runs.keys()]) this.#settle(lane, { error }, wasAttempted(lane));
      onEnded?.(error);
    });
  }

  #settle(
    lane: number,
    failure: { readonly error: unknown } | undefined,
    attempted: boolean,
  ): void {
    const run = this.#runs.get(lane);
    if (run === undefined) return;
    this.#runs.delete(lane);
    if (this.#runs.size === 0 && !this.#closed) this.#worker.unref();
    run.settle({ handled: (this.#handledBy(lane) - run.began) | 0, failure, attempted });
  }

  /** Looks now and then whether each lane that has work gets on with it. */
  #keepWatch(): void {
    const { clock, timeout } = this.#options;
    this.#watch ??= clock.setTimeout(() => {
      this.#watch = undefined;
      const now = clock.now();
      for (const [lane, run] of this.#runs) {
        const handled = this.#handledBy(lane);
        if (handled !== run.seen) {
          run.seen = handled;
          run.seenAt = now;
        } else if (now - run.seenAt >= timeout) {
          this.#fail(
            `has not handled an event within ${timeout} ms`,
            undefined,
            (other) => other === lane,
          );
          return;
        }
      }
      if (this.#runs.size > 0) this.#keepWatch();
    }, timeout / 4);
  }

  #handledBy(lane: number): number {
    return Atomics.load(this.#progress, lane * 2);
  }

  #isBusy(lane: number): boolean {
    return Atomics.load(this.#progress, lane * 2 + 1) === 1;
  }

  #post(message: ToThread): void {
    this.#worker.postMessage(message);
  }
}
