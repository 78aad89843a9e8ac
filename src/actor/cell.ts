import { messagesPerCheck, timeSlice } from "../clock.js";
import { ActorExitError } from "../errors.js";
import { callable, type Milliseconds, milliseconds, positiveMilliseconds } from "../options.js";
import { reportAbnormalEnd } from "./abnormal-end.js";
import type { Behavior } from "./behavior.js";
import { ActorContext, type ContextOwner } from "./context.js";
import type { Turn } from "./engine.js";
import type { ExitReason } from "./exit.js";
import { ExitWatchers } from "./exit-watchers.js";
import { Mailbox } from "./mailbox.js";
import { PendingQueries } from "./pending-query.js";
import { ActorRef, type Down, type ReplyTo, type Target } from "./ref.js";
import type { CellOptions, Runtime } from "./runtime.js";
import { Task } from "./task.js";
import { isThenable } from "./thenable.js";
import { watchFor } from "./watch.js";
import { monotonicNow, queueMicrotask } from "../timers.js";

const ignore = (): void => {};

type Phase = "starting" | "running" | "terminating" | "dead";

/** One incarnation: mailbox, state, and the one way through its life. @internal */
export class Cell<State = unknown, Msg = unknown> implements Target, ContextOwner<Msg> {
  readonly ref: ActorRef<Msg>;
  readonly runtime: Runtime;
  readonly id: string;
  readonly path: string;
  /** Settles when `init` has: with the ref, or with the error. */
  readonly ready: Promise<ActorRef<Msg>>;
  exitReason: ExitReason = undefined;
  supervised = false;

  readonly #behavior: Behavior<State, Msg>;
  readonly #context: ActorContext<Msg>;
  readonly #onStopRequested: ((reason: ExitReason) => void) | undefined;
  readonly #mailbox = new Mailbox<Msg | Task>();
  #turn: Turn | undefined;
  #phase: Phase = "starting";
  #initBegun = false;
  #awake = false;
  #busy = false;
  #stopRequest: { reason: ExitReason } | undefined;
  #state!: State;
  #turnEnds = 0;
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
    this.runtime = runtime;
    this.id = options.id ?? options.name ?? runtime.nextId();
    this.path = `${parentPath}/${this.id}`;
    this.ref = new ActorRef<Msg>(this);
    this.#behavior = behavior;
    this.#context = new ActorContext<Msg>(this);
    this.#onStopRequested = options.onStopRequested;
    if (options.name !== undefined) runtime.register(options.name, this.ref, undefined);
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    this.#turn = runtime.engine.spawn(this.id, () => this.#takeTurn());
    this.#wake();
  }

  get alive(): boolean {
    return this.#phase !== "dead";
  }

  get stopping(): boolean {
    return (
      this.#stopRequest !== undefined || this.#phase === "terminating" || this.#phase === "dead"
    );
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

  /** Lets the other actors have their turn before the next message of this one. */
  yieldTurn(): void {
    this.#turnEnds = 0;
    this.#handled = 0;
  }

  query<Reply>(make: (replyTo: ReplyTo<Reply>) => unknown, timeout: Milliseconds): Promise<Reply> {
    positiveMilliseconds("timeout", timeout);
    callable("make", make);
    if (this.#phase === "dead") return Promise.reject(new ActorExitError(this.id, "noproc"));
    this.#queries ??= new PendingQueries(this.id, this.runtime.clock);
    return this.#queries.ask((query) => this.dispatch(make(query)), timeout);
  }

  stop(reason: ExitReason, timeout?: Milliseconds): Promise<void> {
    if (timeout !== undefined) milliseconds("timeout", timeout);
    this.stopSelf(reason);
    const death = this.#death();
    if (timeout !== undefined && this.alive) {
      const timer = this.runtime.clock.setTimeout(() => void this.kill(), timeout);
      this.onDeath(() => this.runtime.clock.clearTimeout(timer));
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

  /**
   * Calls `hook` inside the death of this incarnation, before any monitor; at once if it is dead.
   * It must not throw.
   */
  onDeath(hook: (reason: ExitReason) => void): () => void {
    if (this.#phase === "dead") {
      hook(this.exitReason);
      return () => {};
    }
    return this.#watchers.hook(hook);
  }

  watch(ref: ActorRef<never>, fn: (down: Down) => void): () => void {
    return watchFor(this as unknown as Cell, ref, fn);
  }

  /** The live actors that end with this one. */
  get children(): Iterable<Cell> {
    return this.#children ?? [];
  }

  register(key: unknown, value: unknown): void {
    this.runtime.register(key, this.ref as ActorRef, value);
  }

  spawnChild<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    if (!this.alive) throw new ActorExitError(this.id, "noproc");
    return this.adopt(behavior, options);
  }

  /** Makes a cell that is killed when this one ends. */
  adopt<S, M>(behavior: Behavior<S, M>, options: CellOptions): Cell<S, M> {
    const child = new Cell<S, M>(this.runtime, this.path, behavior, options);
    const children = (this.#children ??= new Set());
    children.add(child as unknown as Cell);
    child.onDeath(() => void children.delete(child as unknown as Cell));
    return child;
  }

  #wake(): void {
    if (this.#awake || this.#busy || this.#turn === undefined) return;
    this.#awake = true;
    this.#turn.wake();
  }

  #takeTurn(): void {
    this.#awake = false;
    if (this.#busy || this.#phase === "dead") return;
    this.#turnEnds = monotonicNow() + timeSlice;
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
      if (this.#handled++ % messagesPerCheck === 0 && monotonicNow() >= this.#turnEnds) {
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
    const probe = this.runtime.probe;
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
    // What a task answers is no state: it may be whatever a monitor's function returned.
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
    const gate = this.runtime.probe?.receiving?.(this.ref as ActorRef, message);
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
   * Calls a function of the behavior, then one of the other two: at once or, if it answers with a
   * promise, later and unless dead.
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
    // Promise.resolve also tames what only looks like a promise.
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
    this.#turn?.stop();
    if (this.#children !== undefined) for (const child of this.#children) void child.kill();
    const { monitored } = this.#watchers;
    this.#watchers.runHooks(reason);
    if (unstarted) this.#settleReady.reject(new ActorExitError(this.id, reason));
    this.#queries?.targetEnded(reason);
    this.runtime.probe?.exited?.(this.ref as ActorRef, reason);
    this.#watchers.notifyMonitors({ ref: this.ref as ActorRef, reason });
    if (!unstarted) reportAbnormalEnd(this as unknown as Cell, reason, monitored);
  }

  #death(): Promise<void> {
    // Resolved from a hook, so that who waits here goes on after the monitors have been told.
    return new Promise((resolve) => {
      this.onDeath(() => queueMicrotask(resolve));
    });
  }

  #fireSignal(): void {
    this.#abort?.abort(new ActorExitError(this.id, this.exitReason));
  }
}
