import { channels, reportCallbackError } from "../telemetry/channels.js";
import type { ExitReason } from "./exit.js";
import type { ActorRef, Down } from "./ref.js";
import { isThenable } from "./thenable.js";
import { queueMicrotask } from "../timers.js";

/**
 * Who is told of the end of one incarnation: first the library's own hooks, within the end; then
 * the monitors.
 *
 * @internal
 */
export class ExitWatchers {
  #hooks: Set<(reason: ExitReason) => void> | undefined;
  #monitors: Set<(down: Down) => void> | undefined;

  /**
   * Adds a hook that is called inside the end, before any monitor. It must not throw. Returns a
   * function that cancels it.
   */
  hook(hook: (reason: ExitReason) => void): () => void {
    const hooks = (this.#hooks ??= new Set());
    hooks.add(hook);
    return () => void hooks.delete(hook);
  }

  /**
   * Adds a monitor; each is one of its own, also with the same function. Returns a function that
   * cancels it.
   */
  monitor(fn: (down: Down) => void): () => void {
    return this.#add(fn).cancel;
  }

  /** A monitor on what is dead already. */
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
    const watcher = (down: Down): void => callSafely(fn, down);
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

function callSafely(fn: (down: Down) => unknown, down: Down): void {
  const report = (error: unknown): void =>
    reportCallbackError(channels.callbackError, "monitor", error, { ref: down.ref });
  try {
    const result = fn(down);
    if (isThenable(result)) Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}
