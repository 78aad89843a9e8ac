import { AsyncLocalStorage } from "node:async_hooks";

const contexts: AsyncLocalStorage<unknown>[] = [];

/**
 * Makes a context that a call passes on to all that it calls and awaits, but not to the actors and
 * readers that it wakes: their work is not part of the call.
 *
 * @internal
 */
export function callContext<T>(): AsyncLocalStorage<T> {
  const context = new AsyncLocalStorage<T>();
  contexts.push(context as AsyncLocalStorage<unknown>);
  return context;
}

/** Runs `fn`, and all that it schedules, outside of every call. @internal */
export function outsideCalls(fn: () => void): void {
  for (const context of contexts)
    if (context.getStore() !== undefined) {
      context.run(undefined, () => outsideCalls(fn));
      return;
    }
  fn();
}
