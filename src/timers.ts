import { performance } from "node:perf_hooks";
import * as timers from "node:timers";

/**
 * Node's own timers and clocks, as they were when this module was loaded. The sources use these in
 * place of the globals, so that a test framework that fakes the globals does not stop actors,
 * streams or TTLs. Jest and Vitest do not fake `node:timers`.
 *
 * @internal
 */
export const {
  setTimeout,
  clearTimeout,
  setInterval,
  clearInterval,
  setImmediate,
  clearImmediate,
} = timers;

/** Milliseconds since the process began; never goes back. @internal */
export const monotonicNow: () => number = performance.now.bind(performance);

// A native function has no source; every fake is written in JavaScript.
const isNative = /\[native code\]/.test(Function.prototype.toString.call(Date.now));

/** Milliseconds since 1970, by the wall clock. @internal */
export const wallClockNow: () => number = isNative
  ? Date.now
  : () => performance.timeOrigin + monotonicNow();

/** @internal */
export const mathRandom: () => number = Math.random;

const resolved = Promise.resolve();

/** Calls `fn`, which must not throw, after the microtasks that are queued already. @internal */
export function queueMicrotask(fn: () => void): void {
  void resolved.then(fn);
}

/** Resolves in a later turn of the event loop. @internal */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => void setImmediate(resolve));
}

/** The functions above that were already fakes when this module was loaded. @internal */
export const fakedAtLoad: readonly string[] = findFakes();

function findFakes(): string[] {
  const noop = (): void => {};
  const timeout = setTimeout(noop, 0);
  clearTimeout(timeout);
  const interval = setInterval(noop, 1);
  clearInterval(interval);
  const immediate = setImmediate(noop);
  clearImmediate(immediate);
  const made: readonly (readonly [(...args: never[]) => unknown, string, unknown, string])[] = [
    [setTimeout, "setTimeout", timeout, "Timeout"],
    [setInterval, "setInterval", interval, "Timeout"],
    [setImmediate, "setImmediate", immediate, "Immediate"],
  ];
  return made
    .filter(([fn, name, handle, kind]) => fn.name !== name || kindOf(handle) !== kind)
    .map(([, name]) => name);
}

function kindOf(handle: unknown): string | undefined {
  return (handle as object | undefined)?.constructor.name;
}
