import { callSafely } from "../callbacks.js";
import { OptionError } from "../errors.js";
import { callable } from "../options.js";
import { channels, reportCallbackError, warnOfReported } from "../telemetry/channels.js";
import { report } from "../telemetry/reports.js";
import { queueMicrotask, setImmediate } from "../timers.js";
import { type ExitReason, isCleanExit } from "./exit.js";
import { Task } from "./mailbox.js";
import { ActorRef, type Down, type Target } from "./ref.js";

/**
 * The callbacks for the end of one incarnation: first the library's own hooks, which are called
 * inside the end; then the monitors.
 *
 * @internal
 */
export class ExitWatchers {
  #hooks: Set<(reason: ExitReason) => void> | undefined;
  #monitors: Set<(down: Down) => void> | undefined;

  /** See {@link Target.onDeath}. Returns a function that removes the hook. */
  hook(hook: (reason: ExitReason) => void): () => void {
    const hooks = (this.#hooks ??= new Set());
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }

  /**
   * Adds a monitor; adding a function twice makes two. Returns a function that cancels the monitor.
   */
  monitor(fn: (down: Down) => void): () => void {
    return this.#add(fn).cancel;
  }

  /** Adds a monitor to an incarnation that is dead already. */
  monitorDead(fn: (down: Down) => void, ref: ActorRef): () => void {
    const { watcher, cancel } = this.#add(fn);
    this.#notify(watcher, { ref, reason: "noproc" });
    return cancel;
  }

  get monitored(): boolean {
    return this.#monitors !== undefined && this.#monitors.size > 0;
  }

  runHooks(reason: ExitReason): void {
    const hooks = this.#hooks;
    this.#hooks = undefined;
    if (hooks !== undefined) for (const hook of hooks) hook(reason);
  }

  notifyMonitors(down: Down): void {
    if (this.#monitors !== undefined)
      for (const watcher of this.#monitors) this.#notify(watcher, down);
  }

  #add(fn: (down: Down) => void): { watcher: (down: Down) => void; cancel: () => void } {
    const watcher = (down: Down): void =>
      callSafely(fn, down, (error) =>
        reportCallbackError(channels.callbackError, "monitor", error, { ref: down.ref }),
      );
    const monitors = (this.#monitors ??= new Set());
    monitors.add(watcher);
    return { watcher, cancel: () => void monitors.delete(watcher) };
  }

  #notify(watcher: (down: Down) => void, down: Down): void {
    queueMicrotask(() => {
      if (this.#monitors?.delete(watcher) === true) watcher(down);
    });
  }
}

/** The notice of a monitor, in the mailbox of the actor that set it. */
class DownTask extends Task {
  cancelled = false;
  readonly #fn: (down: Down) => void;
  readonly #down: Down;

  constructor(fn: (down: Down) => void, down: Down) {
    super();
    this.#fn = fn;
    this.#down = down;
  }

  override run(): void | Promise<void> {
    if (!this.cancelled) return this.#fn(this.#down);
  }
}

/**
 * Sets a monitor that one actor has on another: `fn` runs between two messages of `watcher`, and
 * not after its end.
 *
 * @internal
 */
export function monitorFrom(
  watcher: Target,
  ref: ActorRef<never>,
  fn: (down: Down) => void,
): () => void {
  if (!ActorRef.isRef(ref)) throw OptionError.invalid("ref", "an ActorRef", ref);
  callable("fn", fn);
  if (!watcher.alive) return () => {};
  let task: DownTask | undefined;
  const removeHook = watcher.onDeath(() => cancel());
  const demonitor = ActorRef.targetOf(ref).monitor((down) => {
    removeHook();
    task = new DownTask(fn, down);
    watcher.post(task);
  });
  const cancel = (): void => {
    removeHook();
    demonitor();
    if (task !== undefined) task.cancelled = true;
  };
  return cancel;
}

/** An actor that has ended. */
interface Ended {
  readonly ref: ActorRef;
  readonly supervised: boolean;
}

/**
 * Reports the abnormal end of an actor that has no supervisor: on its channel or, if that has no
 * subscriber and no monitor was notified, as a process warning. A kill is not reported: the caller
 * of `kill` knows.
 *
 * @internal
 */
export function reportAbnormalEnd(actor: Ended, reason: ExitReason, monitored: boolean): void {
  if (isCleanExit(reason) || reason === "killed") return;
  // Later, since an actor that has just been started may be about to become a supervisor's child.
  setImmediate(() => {
    if (actor.supervised) return;
    const { ref } = actor;
    if (!report(channels.actorExit, () => ({ ref, reason })) && !monitored)
      warnOfReported(`actor ${withoutNumbers(ref.path)} ended`, reason);
  });
}

/**
 * Each actor has a new numbered id: without them, a crash loop of unnamed actors is one warning.
 */
function withoutNumbers(path: string): string {
  return path.replaceAll(/\/actor-\d+(?=\/|$)/g, "/actor-*");
}
