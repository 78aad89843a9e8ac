import { isThenable } from "../callbacks.js";
import { messagesPerCheck, timeSlice } from "../clock.js";
import { ActorExitError } from "../errors.js";
import { callable, type Milliseconds, milliseconds, positiveMilliseconds } from "../options.js";
import { monotonicNow, queueMicrotask } from "../timers.js";
import type { Engine, Wakeup } from "./engine.js";
import type { ExitReason } from "./exit.js";
import { ExitWatchers, monitorFrom, reportAbnormalEnd } from "./exit-watchers.js";
import { Mailbox, Task } from "./mailbox.js";
import { PendingQueries } from "./pending-query.js";
import { ActorRef, type Down, type ReplyTo } from "./ref.js";
import { spawn } from "./spawn.js";
import {
  type ActorContext,
  type ActorSystem,
  type Behavior,
  type Cell,
  type CellOptions,
  type Probe,
  spawnIn,
  type SpawnOptions,
} from "./types.js";

const ignore = (): void => {};

type Phase = "starting" | "running" | "terminating" | "dead";

/** What a cell needs of its system. @internal */
export interface Runtime {
  readonly system: ActorSystem;
  readonly engine: Engine;
  readonly probe: Probe | undefined;
  register(key: unknown, ref: ActorRef, value: unknown): void;
  nextId(): string;
}

/** One incarnation: its mailbox, its state, and its phases from start to death. @internal */
export class ActorCell<State = unknown, Msg = unknown> implements Cell<Msg> {
  readonly ref: ActorRef<Msg>;
  readonly id: string;
  readonly path: string;
  readonly ready: Promise<ActorRef<Msg>>;
  readonly startedAt: Milliseconds;
  exitReason: ExitReason = undefined;
  supervised = false;

  readonly #runtime: Runtime;
  readonly #behavior: Behavior<State, Msg>;
  readonly #context: ActorContext<Msg>;
  readonly #onStopRequested: ((reason: ExitReason) => void) | undefined;
  readonly #mailbox = new Mailbox<Msg | Task>();
  #wakeup: Wakeup | undefined;
  #phase: Phase = "starting";
  #initBegun = false;
  #awake = false;
  #busy = false;
  #stopRequest: { reason: ExitReason } | undefined;
  #state!: State;
  #sliceEnds = 0;
  #handled = 0;
  readonly #received = (state: unknown): void => {
    if (state !== undefined) this.#state = state as State;
  };
  readonly #deliver = (message: unknown): void | Promise<void> => {
    const result = this.#handle(message as Msg);
    if (isThenable(result)) return Promise.resolve(result).then(this.#received);
    this.#received(result);
  };
  readonly #crashed = (error: unknown): void => this.#terminate(error);
  #settleReady!: { resolve: (ref: ActorRef<Msg>) => void; reject: (error: unknown) => void };
  #abort: AbortController | undefined;
  #children: Set<Cell> | undefined;
  #queries: PendingQueries | undefined;
  readonly #watchers = new ExitWatchers();

  constructor(
    runtime: Runtime,
    parentPath: string,
    behavior: Behavior<State, Msg>,
    options: CellOptions,
  ) {
    this.#runtime = runtime;
    this.startedAt = runtime.system.clock.now();
    this.id = options.id ?? options.name ?? runtime.nextId();
    this.path = `${parentPath}/${this.id}`;
    this.ref = new ActorRef<Msg>(this);
    this.#behavior = behavior;
    this.#context = new CellContext(this);
    this.#onStopRequested = options.onStopRequested;
    if (options.name !== undefined) runtime.register(options.name, this.ref, undefined);
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.#wakeup = runtime.engine.spawn(this.id, () => this.#run());
    this.#wake();
  }

  get system(): ActorSystem {
    return this.#runtime.system;
  }

  get alive(): boolean {
    return this.#phase !== "dead";
  }

  get stopping(): boolean {
    return (
      this.#stopRequest !== undefined || this.#phase === "terminating" || this.#phase === "dead"
    );
  }

  get starting(): boolean {
    return this.#phase === "starting";
  }

  get waiting(): number {
    return this.#mailbox.size;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#phase === "dead" && !this.#abort.signal.aborted) this.#fireSignal();
    return this.#abort.signal;
  }

  dispatch(message: unknown): void {
    this.post(message as Msg);
  }

  post(item: Msg | Task): void {
    if (this.#phase === "dead" || this.#phase === "terminating") return;
    this.#mailbox.push(item);
    this.#wake();
  }

  get idle(): boolean {
    return this.#phase === "running" && !this.#busy && this.#mailbox.size === 0;
  }

  yieldTurn(): void {
    this.#sliceEnds = 0;
    this.#handled = 0;
  }

  extendTurn(end: Milliseconds): void {
    if (end > this.#sliceEnds) this.#sliceEnds = end;
  }

  query<Reply>(make: (replyTo: ReplyTo<Reply>) => unknown, timeout: Milliseconds): Promise<Reply> {
    positiveMilliseconds("timeout", timeout);
    callable("make", make);
    if (this.#phase === "dead") return Promise.reject(new ActorExitError(this.id, "noproc"));
    this.#queries ??= new PendingQueries(this.id, this.#runtime.system.clock);
    return this.#queries.ask((query) => this.dispatch(make(query)), timeout);
  }

  stop(reason: ExitReason, timeout?: Milliseconds): Promise<void> {
    if (timeout !== undefined) milliseconds("timeout", timeout);
    this.stopSelf(reason);
    const death = this.#death();
    if (timeout !== undefined && this.alive) {
      const timer = this.#runtime.system.clock.setTimeout(() => void this.kill(), timeout);
      this.onDeath(() => this.#runtime.system.clock.clearTimeout(timer));
    }
    return death;
  }

  stopSelf(reason: ExitReason): void {
    if (this.stopping) return;
    this.#stopRequest = { reason };
    this.#onStopRequested?.(reason);
    this.#wake();
  }

  kill(): Promise<void> {
    if (!this.stopping) this.#onStopRequested?.("killed");
    this.#die("killed");
    return Promise.resolve();
  }

  monitor(fn: (down: Down) => void): () => void {
    callable("fn", fn);
    return this.alive
      ? this.#watchers.monitor(fn)
      : this.#watchers.monitorDead(fn, this.ref as ActorRef);
  }

  onDeath(hook: (reason: ExitReason) => void): () => void {
    if (this.#phase === "dead") {
      hook(this.exitReason);
      return () => {};
    }
    return this.#watchers.hook(hook);
  }

  get children(): Iterable<Cell> {
    return this.#children ?? [];
  }

  register(key: unknown, value: unknown): void {
    this.#runtime.register(key, this.ref as ActorRef, value);
  }

  adopt<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M> {
    const child = new ActorCell<S, M>(this.#runtime, this.path, behavior, options);
    const children = (this.#children ??= new Set());
    children.add(child);
    child.onDeath(() => void children.delete(child));
    return child;
  }

  #wake(): void {
    if (this.#awake || this.#busy || this.#wakeup === undefined) return;
    this.#awake = true;
    this.#wakeup.wake();
  }

  #run(): void {
    this.#awake = false;
    if (this.#busy || this.#phase === "dead") return;
    this.#sliceEnds = monotonicNow() + timeSlice;
    this.#handled = 0;
    this.#advance();
  }

  #advance(): void {
    if (!this.#initBegun) {
      this.#init();
      if (this.#busy) return;
    }
    while (this.#phase === "running") {
      if (this.#stopRequest !== undefined) {
        this.#terminate(this.#stopRequest.reason);
        return;
      }
      if (this.#mailbox.size === 0) return;
      if (this.#handled++ % messagesPerCheck === 0 && monotonicNow() >= this.#sliceEnds) {
        this.#wake();
        return;
      }
      this.#receive(this.#mailbox.shift());
      if (this.#busy) return;
    }
  }

  #init(): void {
    this.#initBegun = true;
    if (this.#stopRequest !== undefined) {
      this.#die(this.#stopRequest.reason);
      return;
    }
    const probe = this.#runtime.probe;
    this.#call(
      () => {
        const init = (): State | Promise<State> =>
          this.#behavior.init?.(this.#context) as State | Promise<State>;
        const gate = probe?.starting?.(this.ref as ActorRef);
        return isThenable(gate) ? gate.then(init) : init();
      },
      (state) => {
        this.#state = state as State;
        this.#phase = "running";
        probe?.started?.(this.ref as ActorRef);
        this.#settleReady.resolve(this.ref);
      },
      (error) => {
        this.#settleReady.reject(error);
        this.#die(error);
      },
    );
  }

  #receive(item: Msg | Task): void {
    // The result of a task is not a state: it may be whatever a monitor's function returned.
    const isTask = item instanceof Task;
    let result: unknown;
    try {
      result = isTask ? item.run(this.#deliver) : this.#handle(item);
      if (isThenable(result)) {
        this.#await(result, isTask ? ignore : this.#received, this.#crashed);
        return;
      }
    } catch (error) {
      if (this.alive) this.#terminate(error);
      return;
    }
    if (result !== undefined && !isTask) this.#state = result as State;
  }

  #handle(message: Msg): unknown {
    const gate = this.#runtime.probe?.receiving?.(this.ref as ActorRef, message);
    if (!isThenable(gate)) return this.#behavior.receive(this.#state, message, this.#context);
    return gate.then(() =>
      this.alive ? this.#behavior.receive(this.#state, message, this.#context) : undefined,
    );
  }

  #terminate(reason: ExitReason): void {
    this.#phase = "terminating";
    this.#mailbox.clear();
    this.#call(
      () => this.#behavior.terminate?.(reason, this.#state, this.#context),
      () => this.#die(reason),
      (error) => this.#die(error),
    );
  }

  /**
   * Calls a function of the behavior, then `then` or `fail`: at once or, if the function returns a
   * promise, when that has settled, unless the actor is dead by then.
   */
  #call(fn: () => unknown, then: (value: unknown) => void, fail: (error: unknown) => void): void {
    let result: unknown;
    try {
      result = fn();
      if (isThenable(result)) {
        this.#await(result, then, fail);
        return;
      }
    } catch (error) {
      if (this.alive) fail(error);
      return;
    }
    if (this.alive) then(result);
  }

  #await(
    result: PromiseLike<unknown>,
    then: (value: unknown) => void,
    fail: (error: unknown) => void,
  ): void {
    this.#busy = true;
    // Promise.resolve, since it may be an object that only has a `then`.
    Promise.resolve(result).then(
      (value) => this.#resume(then, value),
      (error: unknown) => this.#resume(fail, error),
    );
  }

  #resume(next: (value: unknown) => void, value: unknown): void {
    this.#busy = false;
    if (!this.alive) return;
    next(value);
    if (this.alive && !this.#busy && this.#phase !== "terminating") this.#advance();
  }

  #die(reason: ExitReason): void {
    if (this.#phase === "dead") return;
    const unstarted = this.#phase === "starting";
    this.#phase = "dead";
    this.exitReason = reason;
    this.#mailbox.clear();
    if (this.#abort !== undefined) this.#fireSignal();
    this.#wakeup?.stop();
    if (this.#children !== undefined) for (const child of this.#children) void child.kill();
    const { monitored } = this.#watchers;
    this.#watchers.runHooks(reason);
    if (unstarted) this.#settleReady.reject(new ActorExitError(this.id, reason));
    this.#queries?.targetEnded(reason);
    this.#runtime.probe?.exited?.(this.ref as ActorRef, reason);
    this.#watchers.notifyMonitors({ ref: this.ref as ActorRef, reason });
    if (!unstarted) reportAbnormalEnd(this as Cell, reason, monitored);
  }

  #death(): Promise<void> {
    // Resolved in a microtask of a hook, so that the caller goes on after the monitors were
    // notified.
    return new Promise((resolve) => {
      this.onDeath(() => queueMicrotask(resolve));
    });
  }

  #fireSignal(): void {
    this.#abort?.abort(new ActorExitError(this.id, this.exitReason));
  }
}

class CellContext<State, Msg> implements ActorContext<Msg> {
  readonly #cell: ActorCell<State, Msg>;

  constructor(cell: ActorCell<State, Msg>) {
    this.#cell = cell;
  }

  get self(): ActorRef<Msg> {
    return this.#cell.ref;
  }

  get system(): ActorSystem {
    return this.#cell.system;
  }

  get id(): string {
    return this.#cell.id;
  }

  get path(): string {
    return this.#cell.path;
  }

  get signal(): AbortSignal {
    return this.#cell.signal;
  }

  stop(reason: ExitReason = "normal"): void {
    this.#cell.stopSelf(reason);
  }

  spawn<S, M>(behavior: Behavior<S, M>, options: SpawnOptions = {}): Promise<ActorRef<M>> {
    return spawn(this, behavior, options);
  }

  [spawnIn]<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<M> {
    if (!this.#cell.alive) throw new ActorExitError(this.id, "noproc");
    return this.#cell.adopt(behavior, options);
  }

  monitor<M>(ref: ActorRef<M>, fn: (down: Down<M>) => void): () => void {
    return monitorFrom(this.#cell, ref as ActorRef<never>, fn as (down: Down) => void);
  }

  register(key: unknown, value?: unknown): void {
    this.#cell.register(key, value);
  }
}
