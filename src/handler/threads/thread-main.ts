import { parentPort, workerData, type MessagePort } from "node:worker_threads";
import { isThenable } from "../../actor/thenable.js";
import type { GapEvent } from "../../event/types.js";
import { batchTraitsOf, type BatchTraits } from "../batch-handler.js";
import { type EventHandler, type HandlerContext, resolveHandler } from "../event-handler.js";
import { decodeEvent } from "./codec.js";
import type { FromThread, Lane, ThreadData, ToThread, Work } from "./protocol.js";

const port = parentPort as MessagePort;

/** One partition in the thread: its state, and what it is doing. */
class LaneRunner {
  state: unknown;
  readonly #index: number;
  readonly #handler: EventHandler;
  readonly #batch: BatchTraits | undefined;
  readonly #context: { -readonly [Key in keyof HandlerContext]?: HandlerContext[Key] };
  readonly #progress: Int32Array;

  constructor(
    index: number,
    lane: Lane,
    handler: EventHandler,
    progress: Int32Array,
    signal: AbortSignal,
  ) {
    this.#index = index;
    this.#handler = handler;
    this.#batch = batchTraitsOf(handler);
    this.#context = { ...lane, attempt: 1, signal };
    this.#progress = progress;
  }

  async init(): Promise<void> {
    this.state = await this.#handler.init?.(this.#context as HandlerContext);
  }

  async terminate(reason: unknown): Promise<void> {
    await this.#handler.terminate?.(reason, this.state, this.#context as HandlerContext);
  }

  async run({ attempt, content }: Work): Promise<void> {
    this.#context.attempt = attempt;
    if ("gap" in content) {
      await this.#step(1, () =>
        this.#handler.onGap?.(content.gap as GapEvent, this.state, this.#context as HandlerContext),
      );
      return;
    }
    const { source } = content;
    const events = content.events.map((event) => decodeEvent(event, source));
    const batch = this.#batch;
    if (batch !== undefined) {
      await this.#step(events.length, () =>
        batch.handle(events as never, this.#context as HandlerContext),
      );
      return;
    }
    for (const event of events) {
      const pending = this.#step(1, () =>
        this.#handler.handle(event as never, this.state, this.#context as HandlerContext),
      );
      if (pending !== undefined) await pending;
      this.#context.attempt = 1;
    }
  }

  /** One call of the handler. What it has brought is on record before anything else can happen to the thread. */
  #step(size: number, call: () => unknown): void | Promise<void> {
    this.#setBusy(1);
    const after = (state: unknown): void => {
      if (state !== undefined && this.#batch === undefined) this.state = state;
      Atomics.add(this.#progress, this.#index * 2, size);
      this.#setBusy(0);
    };
    const result = call();
    if (isThenable(result)) return Promise.resolve(result).then(after);
    after(result);
  }

  #setBusy(busy: number): void {
    Atomics.store(this.#progress, this.#index * 2 + 1, busy);
  }
}

async function main({ module, lanes, progress }: ThreadData): Promise<void> {
  const { default: exported } = (await import(module)) as { default?: never };
  const handler = resolveHandler(exported as never, `default export of ${module}`);
  const abort = new AbortController();
  const runners = lanes.map(
    (lane, index) => new LaneRunner(index, lane, handler, new Int32Array(progress), abort.signal),
  );
  for (const runner of runners) await runner.init();
  port.on("message", (message: ToThread) => {
    if (message.type === "work") void work(runners, message.work);
    else void stop(runners, message.reason).then(() => abort.abort());
  });
  const traits = batchTraitsOf(handler);
  post({
    type: "ready",
    batch: traits === undefined ? null : { maxSize: traits.maxSize, maxWait: traits.maxWait },
  });
}

async function work(runners: readonly LaneRunner[], item: Work): Promise<void> {
  const { lane } = item;
  try {
    await (runners[lane] as LaneRunner).run(item);
    post({ type: "done", lane, failure: null });
  } catch (error) {
    post({ type: "done", lane, failure: { error } });
  }
}

async function stop(runners: readonly LaneRunner[], reason: unknown): Promise<void> {
  try {
    for (const runner of runners) await runner.terminate(reason);
    post({ type: "stopped" });
  } catch (error) {
    post({ type: "failed", error });
  }
}

/** What can't be cloned is told of by its text. */
function post(message: FromThread): void {
  try {
    port.postMessage(message);
  } catch {
    if (message.type === "failed")
      port.postMessage({ ...message, error: new Error(String(message.error)) });
    else if (message.type === "done") {
      port.postMessage({
        ...message,
        failure: { error: new Error(String(message.failure?.error)) },
      });
    }
  }
}

main(workerData as ThreadData).catch((error: unknown) => post({ type: "failed", error }));
