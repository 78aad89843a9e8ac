import { type ExitReason, isCleanExit } from "../actor/exit.js";
import { ActorRef } from "../actor/ref.js";
import { StartContext } from "../actor/start-context.js";
import { type Behavior, type Cell, spawnIn, type SpawnParent } from "../actor/types.js";
import type { TimerHandle } from "../clock.js";
import { ActorExitError, show, SupervisorError } from "../errors.js";
import type { Milliseconds } from "../options.js";
import { channels, warnOfError, warnOfReported } from "../telemetry/channels.js";
import type { Activity } from "../telemetry/open-telemetry.js";
import { countRestart } from "../telemetry/restarts.js";
import { report } from "../telemetry/reports.js";
import { startRestartSpan } from "../telemetry/spans.js";
import type { ResolvedChildSpec } from "./child-spec.js";
import { interrupted, Interruption, Operation, Request } from "./operation.js";
import { admitRestart, type RestartHistory, type RestartLimit } from "./restart-window.js";
import { endActor, RunningChild } from "./running-child.js";
import { isEndReported, isExitReported, type Strategy } from "./strategy.js";
import { queueMicrotask, setImmediate } from "../timers.js";

/**
 * One child of a supervisor: its id and its ref (`"restarting"` between two attempts, `undefined`
 * if it is not running).
 */
export interface ChildInfo {
  /** The id of its spec. */
  id: string;
  /** The running incarnation; `"restarting"`, or undefined: it is dead. */
  ref: ActorRef | "restarting" | undefined;
  /** What its spec says that it is. */
  type: "worker" | "supervisor";
}

/**
 * How many children a supervisor has: specs; live ones; and, alive or not, supervisors and workers.
 */
export interface ChildCounts {
  /** Specs in the list, whether or not their children are running. */
  specs: number;
  /** Children that are running. */
  active: number;
  /** Specs of supervisors. */
  supervisors: number;
  /** Specs of workers. */
  workers: number;
}

/**
 * The reason of a restart: the incarnation that ended, and why it ended or could not be restarted.
 */
export interface Failure {
  readonly ref: ActorRef | undefined;
  readonly reason: ExitReason;
}

/** A child as an inspector sees it. @internal */
export interface ObservedChild {
  /** The same object as long as the child stays, over restarts. */
  readonly key: object;
  readonly spec: ResolvedChildSpec;
  /** Undefined: it is dead. */
  readonly ref: ActorRef | undefined;
  /** If it is dead: it is being started, or waits for that. */
  readonly next: "starting" | "restarting" | undefined;
  /** How often it has been started. */
  readonly incarnations: number;
  readonly lastExit: LastExit | undefined;
}

/** How a child ended by itself, or why it could not be started again. @internal */
export interface LastExit {
  readonly reason: ExitReason;
  /** By the system's clock. */
  readonly at: Milliseconds;
}

/** By the refs of the supervisors. */
const supervisions = new WeakMap<ActorRef, Supervision>();

/** @internal */
export function supervisionOf(ref: ActorRef): Supervision | undefined {
  return supervisions.get(ref);
}

/**
 * One incarnation of a supervisor: an actor whose messages are operations (a request, the exit of a
 * child, another attempt to restart one), which run one at a time. A stop interrupts the current
 * operation; `terminate` ends the children.
 *
 * @internal
 */
export abstract class Supervision {
  /** Whether its system was made for it, and is to end with it. */
  ownsSystem = false;
  readonly #behavior: Behavior<undefined, unknown> = {
    init: () => this.#init(),
    receive: (_state, message) => (message instanceof Operation ? message.run() : undefined),
    terminate: () => this.#shutDown(),
  };
  readonly #limit: RestartLimit;
  readonly #interruption = new Interruption();
  readonly #requests = new Set<{ refuse(error: Error): void }>();
  readonly #onExit = (child: RunningChild): void =>
    this.cell.dispatch(new Operation(() => this.exited(child)));
  readonly #onEnded = (child: RunningChild): void => {
    if (isEndReported(child.spec, child.reason)) this.#reportExit(child);
  };
  #cell: Cell | undefined;
  #restarts: RestartHistory = [];
  #starting: StartContext | undefined;
  #restarting: Activity | undefined;
  #abandoned: Promise<unknown> | undefined;
  #startInterrupted = false;
  /** The timers of restarts that wait. */
  readonly #pauseTimers = new Set<TimerHandle>();
  #down: Promise<void> | undefined;

  constructor(limit: RestartLimit) {
    this.#limit = limit;
  }

  /** Spawns the supervisor; settles when its children are up. */
  async start(parent: SpawnParent, id: string, signal?: AbortSignal): Promise<void> {
    const cell = parent[spawnIn](this.#behavior, {
      id,
      onStopRequested: () => this.#interrupt(),
    });
    this.#cell = cell;
    supervisions.set(cell.ref, this);
    cell.onDeath(() => this.#died());
    const abort = (): void => void cell.stop("shutdown");
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await cell.ready;
      if (!this.#startInterrupted && signal?.aborted !== true) return;
      await this.ended();
      throw new ActorExitError(cell.id, cell.exitReason);
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  get cell(): Cell {
    return this.#cell as Cell;
  }

  get ref(): ActorRef {
    return this.cell.ref;
  }

  get limit(): RestartLimit {
    return this.#limit;
  }

  /** The restarts that counted at the last one. */
  get restarts(): RestartHistory {
    return this.#restarts;
  }

  /** Settles when it has ended, after the monitors were notified. */
  ended(): Promise<ExitReason> {
    return new Promise((resolve) => {
      this.cell.onDeath((reason) => queueMicrotask(() => resolve(reason)));
    });
  }

  /** Queues `serve`. Rejects with `noproc` as soon as the supervisor is ending. */
  request<T>(serve: () => T | Promise<T>): Promise<T> {
    if (this.cell.stopping) return Promise.reject(this.#noproc());
    const request = new Request(serve, (done) => void this.#requests.delete(done));
    this.#requests.add(request);
    this.cell.dispatch(request.operation);
    return request.promise;
  }

  /** Checks a child that is to be added. */
  abstract resolve(option: string, child: unknown): ResolvedChildSpec;
  abstract startChild(spec: ResolvedChildSpec): Promise<ActorRef | undefined>;
  abstract restartChild(id: string): Promise<ActorRef | undefined>;
  abstract terminateChild(id: unknown): Promise<void>;
  abstract deleteChild(id: string): void;
  abstract getChildSpec(id: unknown): ResolvedChildSpec;
  abstract whichChildren(): ChildInfo[];
  abstract countChildren(): ChildCounts;
  abstract readonly strategy: Strategy | "dynamic";
  /** The children in start order, read at once: for whoever can't wait for a request. */
  abstract observe(): Iterable<ObservedChild>;

  protected abstract startAll(): Promise<void>;
  /** Ends all children; called once, when nothing else is going on. */
  protected abstract endAll(): Promise<void>;
  /** A child has ended without being asked; it may have been removed since. */
  protected abstract exited(child: RunningChild): void | Promise<void>;
  protected abstract running(): Iterable<RunningChild>;

  /**
   * Calls a child's `start`; rejects with its error, or when interrupted. `accept` gets the outcome
   * synchronously, so that no kill comes in between; `kept` is the spec that is kept of the child.
   */
  protected async startOne(
    spec: ResolvedChildSpec,
    accept: (outcome: RunningChild | "ignore") => void,
    kept: ResolvedChildSpec = spec,
  ): Promise<void> {
    this.#interruption.check();
    const context = new StartContext(this.cell);
    this.#starting = context;
    const started = callStart(spec, context);
    try {
      const result = await this.#interruption.wait(started);
      if (ActorRef.isRef(result) && result !== this.ref) {
        if (!this.cell.alive) throw interrupted;
        accept(new RunningChild(kept, result, context, this.#onExit));
        return;
      }
      if (result !== "ignore") throw badReturn(spec, result);
      context.close();
      accept(result);
    } catch (error) {
      if (error === interrupted) this.#abandon(spec, context, started);
      else context.close();
      throw error;
    } finally {
      this.#starting = undefined;
    }
  }

  /** Ends a child and waits for its death. The wait can be interrupted, the child's end can't. */
  protected endOne(child: RunningChild): Promise<void> {
    return this.#interruption.wait(this.endDirectly(child));
  }

  protected endDirectly(child: RunningChild): Promise<void> {
    if (!child.alive && !child.ending) this.reportExit(child);
    return child.end(this.#onEnded);
  }

  /**
   * Counts a restart that is due. Beyond the limit the supervisor ends itself, and the result is
   * false.
   */
  protected admit(childId: string, { ref, reason }: Failure): boolean {
    const recorders = this.cell.system.restartRecorders;
    const decision = admitRestart(this.#restarts, this.cell.system.clock.now(), this.#limit);
    if (decision.verdict === "giveUp") {
      const restart = { supervisor: this.ref, childId, ref, reason };
      if (!report(channels.gaveUp, () => restart) && recorders.size === 0)
        this.#warnOfEnd(childId, reason);
      for (const record of recorders) record({ ...restart, attempt: null });
      this.endSelf();
      return false;
    }
    this.#restarts = decision.recent;
    const { attempt } = decision;
    const supervisor = this.cell.path;
    countRestart(this.cell.system, supervisor, childId);
    this.#restarting = startRestartSpan({ supervisor, childId, attempt });
    const restart = { supervisor: this.ref, childId, ref, reason, attempt };
    report(channels.restart, () => restart);
    for (const record of recorders) record(restart);
    return true;
  }

  /** Ends the restart that was admitted last: all children are up, or it has failed. */
  protected restarted(failure?: { error: unknown }): void {
    if (failure !== undefined) {
      this.#restarting?.failed(failure.error);
      if (!channels.restart.hasSubscribers && this.cell.system.restartRecorders.size === 0)
        warnOfError(`a restart by supervisor ${this.cell.path} failed`, failure.error);
    }
    this.#restarting?.end();
    this.#restarting = undefined;
  }

  /**
   * Runs `run` in a later turn of the event loop, after the requests made until then; or after a
   * pause, during which the supervisor serves others.
   */
  protected later(run: () => Promise<void>, pause: Milliseconds = 0): void {
    const operation = new Operation(run);
    if (pause === 0) {
      setImmediate(() => this.cell.dispatch(operation));
      return;
    }
    const { clock } = this.cell.system;
    const timer = clock.setTimeout(() => {
      this.#pauseTimers.delete(timer);
      this.cell.dispatch(operation);
    }, pause);
    this.#pauseTimers.add(timer);
  }

  protected exitNow(reason: ExitReason): LastExit {
    return { reason, at: this.cell.system.clock.now() };
  }

  protected endSelf(): void {
    this.cell.stopSelf("shutdown");
  }

  protected reportExit(child: RunningChild): void {
    if (isExitReported(child.spec, child.reason)) this.#reportExit(child);
  }

  async #init(): Promise<undefined> {
    try {
      await this.startAll();
    } catch (error) {
      if (error !== interrupted) {
        await this.#shutDown();
        throw error;
      }
      this.#startInterrupted = true;
    }
    return undefined;
  }

  #interrupt(): void {
    this.#interruption.raise();
    for (const timer of this.#pauseTimers) this.cell.system.clock.clearTimeout(timer);
    this.#pauseTimers.clear();
    this.#beginEnd();
  }

  async #shutDown(): Promise<void> {
    this.#beginEnd();
    this.#down ??= Promise.resolve(this.#abandoned).then(() => this.endAll());
    await this.#down;
  }

  /**
   * The actor is dead. After an orderly end this has no effect; after a kill, it ends the children.
   */
  #died(): void {
    this.#interrupt();
    this.#restarting?.cutOff("the supervisor has ended");
    this.#starting?.close();
    for (const child of this.running()) void child.ref.kill();
  }

  /**
   * Abandons a start that is under way. A supervisor that the start has spawned is not killed, but
   * interrupts its own start and ends its children in order.
   */
  #abandon(spec: ResolvedChildSpec, context: StartContext, started: Promise<unknown>): void {
    const spared = context.close((ref) => this.cell.alive && supervisions.has(ref));
    this.#abandoned = Promise.all(spared.map((ref) => endActor(ref, spec.shutdown)));
    started.then(
      (late) => {
        if (ActorRef.isRef(late) && !spared.includes(late)) void late.kill();
      },
      () => {},
    );
  }

  #beginEnd(): void {
    // From here on the streams in its system end, and do not wait for a restart.
    if (this.ownsSystem) this.cell.system.ending = true;
    for (const request of this.#requests) request.refuse(this.#noproc());
    this.#requests.clear();
  }

  #reportExit({ spec, ref, reason }: RunningChild): void {
    const exit = { supervisor: this.ref, childId: spec.id, ref, reason };
    if (report(channels.childTerminated, () => exit)) return;
    // A kill was requested by its caller.
    if (!isCleanExit(reason) && reason !== "killed")
      warnOfReported(`child "${spec.id}" of ${this.cell.path} ended (${ref.path})`, reason);
  }

  #warnOfEnd(childId: string, reason: ExitReason): void {
    let siblings = 0;
    for (const { alive } of this.running()) if (alive) siblings++;
    const along = siblings === 1 ? "1 sibling is" : `${siblings} siblings are`;
    warnOfReported(
      `supervisor ${this.cell.path} gives up: child "${childId}" fails too often; ${along} ended with it`,
      reason,
    );
  }

  #noproc(): SupervisorError {
    return new SupervisorError("noproc", `supervisor is not alive: ${this.cell.path}`, {
      ref: this.ref,
    });
  }
}

/** @internal */
export function failedToStart(childId: string, cause: unknown): Error {
  if (cause === interrupted) return interrupted;
  return new SupervisorError("failed_to_start_child", `failed to start child "${childId}"`, {
    childId,
    cause,
  });
}

async function callStart({ start }: ResolvedChildSpec, context: StartContext): Promise<unknown> {
  return await start(context);
}

function badReturn({ id }: ResolvedChildSpec, result: unknown): SupervisorError {
  return new SupervisorError(
    "bad_return",
    `start of child "${id}" must give an ActorRef or "ignore", got: ${show(result)}`,
    { childId: id },
  );
}
