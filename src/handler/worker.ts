import { type ExitReason, isCleanExit } from "../actor/exit.js";
import { ActorRef, type Target } from "../actor/ref.js";
import type { StartContext } from "../actor/start-context.js";
import { type ActorContext, type Behavior, spawnIn } from "../actor/types.js";
import type { Cursor } from "../log/cursor.js";
import type { CursorReader } from "../log/message.js";
import { openCursor } from "../stream/open-cursor.js";
import type { Stream } from "../stream/stream.js";
import { type ChildSpec, resolveChildSpec, type Shutdown } from "../supervisor/child-spec.js";
import { channels, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { BatchPump } from "./batch-pump.js";
import { ConcurrentPump } from "./concurrent-pump.js";
import { Delivery, type WorkerOptions } from "./delivery.js";
import { type Pump, type PumpContext, SerialPump } from "./pump.js";
import { nextTurn, queueMicrotask } from "../timers.js";

/** The spec of the worker of one partition. @internal */
export function workerSpec(
  id: string,
  stream: Stream,
  index: number,
  options: WorkerOptions,
  shutdown: Shutdown | undefined,
): ChildSpec {
  const start = async (parent: StartContext): Promise<ActorRef> => {
    const worker = new Worker(stream, options, (reader, self) => {
      const { group, mask, coalesces } = options;
      const skipOrigin = stream.options.broadcastFun === "broadcast_from" ? self : undefined;
      const wanted = { group, mask, coalesces, skipOrigin };
      const request = { ...wanted, from: "latest", gaps: true, tracked: true } as const;
      return openCursor(stream, index, request, reader);
    });
    return await parent[spawnIn](worker, {
      id,
      onStopRequested: (reason) => worker.stopRequested(reason),
    }).ready;
  };
  return resolveChildSpec({ id, start, shutdown });
}

/** Opens the cursor of a worker that begins to read. @internal */
export type OpenCursor = (reader: CursorReader, self: ActorRef) => Cursor;

/**
 * One incarnation: reads its partition from the first event that the group has not handled.
 *
 * @internal
 */
export class Worker implements Behavior<void, unknown> {
  readonly #stream: Stream;
  readonly #options: WorkerOptions;
  readonly #open: OpenCursor;
  readonly #mayBegin: Promise<boolean> | undefined;
  /** Undefined: it has not begun. */
  #cursor!: Cursor;
  #delivery!: Delivery;
  #pump!: Pump;
  #target!: Target;
  #stopping = false;

  /** @param mayBegin given: `init` waits for it; false: this is about to be ended, and opens nothing */
  constructor(
    stream: Stream,
    options: WorkerOptions,
    open: OpenCursor,
    mayBegin?: Promise<boolean>,
  ) {
    this.#stream = stream;
    this.#options = options;
    this.#open = open;
    this.#mayBegin = mayBegin;
  }

  async init(ctx: ActorContext): Promise<void> {
    if (this.#mayBegin !== undefined && !(await this.#mayBegin)) return;
    if (!ctx.self.alive) return;
    this.#attach(ctx);
    this.#delivery.state = await this.#delivery.handler.init?.(this.#delivery.context);
  }

  /** All its work comes from the stream. */
  receive(_state: void, message: unknown): void {
    if (this.#cursor !== undefined)
      this.#options.onMessage?.(message, this.#cursor.log.source.partition);
  }

  async terminate(reason: ExitReason): Promise<void> {
    if (this.#cursor === undefined) return;
    const { gate } = this.#cursor;
    // What a gate does not let begin is not lost: the partition's next owner handles it.
    if (gate !== undefined) await gate.quiet();
    else if (isCleanExit(reason)) await this.#drain();
    await this.#delivery.handler.terminate?.(reason, this.#delivery.state, this.#delivery.context);
  }

  stopRequested(reason: ExitReason): void {
    this.#stopping = isCleanExit(reason);
    if (this.#delivery === undefined) return;
    this.#delivery.draining = this.#stopping;
    this.#delivery.halted = !this.#stopping;
    if (this.#stopping) this.#delivery.batch?.draining?.();
    const { gate } = this.#cursor;
    gate?.shut();
    if (gate?.isLost === true) queueMicrotask(() => void this.#target.kill());
  }

  #attach(ctx: ActorContext): void {
    const target = ActorRef.targetOf(ctx.self);
    this.#target = target;
    const cursor = this.#open({ wake: () => this.#pump?.wake() }, ctx.self);
    this.#cursor = cursor;
    failed.delete(cursor);
    this.#delivery = new Delivery(cursor, this.#options, {
      system: ctx.system,
      self: ctx.self,
      signal: ctx.signal,
    });
    cursor.ignoresGaps = this.#delivery.handler.onGap === undefined;
    this.#pump = this.#makePump({ stream: this.#stream, cursor, delivery: this.#delivery, target });
    target.onDeath(() => this.#ended());
    // There may be events or gaps already: the cursor has reported them before there was a pump.
    this.#pump.wake();
  }

  #makePump(context: PumpContext): Pump {
    const { concurrency } = this.#options;
    const { batch } = context.delivery;
    if (batch !== undefined) return new BatchPump(context, batch);
    return concurrency > 1 ? new ConcurrentPump(context, concurrency) : new SerialPump(context);
  }

  /** Handles what is in the log now. */
  async #drain(): Promise<void> {
    const { log } = this.#cursor;
    const end = log.next;
    this.#stream.flush();
    this.#delivery.draining = true;
    while (!this.#delivery.closed && !(this.#cursor.log === log && this.#cursor.hasHandled(end))) {
      await this.#pump.run();
      if (this.#pump.idle) return;
      await nextTurn();
    }
  }

  #ended(): void {
    this.#delivery.close();
    this.#pump.close();
    this.#cursor.detach();
    if (this.#cursor.gate !== undefined) return;
    if (this.#stopping) reportUndelivered(this.#cursor, "stopped");
    else failed.add(this.#cursor);
  }
}

/** The cursors of workers that have failed and have not been restarted yet. */
const failed = new WeakSet<Cursor>();

/**
 * Reports the events that a stopped worker has not handled: one that has just been stopped, or one
 * that has failed and waits for its restart.
 *
 * @internal
 */
export function reportUndelivered(cursor: Cursor, worker: "stopped" | "failed"): void {
  if (worker === "failed" && !failed.has(cursor)) return;
  // Otherwise the events would be reported again as a gap when the log ends.
  cursor.ignoresGaps = false;
  const count = cursor.countUnhandled();
  if (count === 0) return;
  const { log, group, firstUnhandled: from } = cursor;
  const { cache, name, partition } = log.source;
  const describe = (): object => {
    const others = cursor
      .unhandledOfOthers()
      .map(({ source: { node, epoch }, first, last, count: left }) => {
        return { node, epoch, from: first, to: last, count: left };
      });
    return {
      cache,
      name,
      partition,
      group,
      from,
      to: log.nextSequence - 1,
      count,
      ...(others.length > 0 ? { others } : undefined),
    };
  };
  if (report(channels.undelivered, describe)) return;
  warnOfReported(
    `undelivered events of group ${group} on ${partition === null ? "" : `partition ${partition} of `}stream ${name}`,
    `${count} ${count === 1 ? "event is" : "events are"} left at a stop`,
  );
}
