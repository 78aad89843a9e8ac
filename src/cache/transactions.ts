import { AsyncResource } from "node:async_hooks";
import { callContext } from "../actor/call-context.js";
import { isThenable } from "../callbacks.js";

/** A transaction that is under way, and the one that encloses it. */
interface Held {
  readonly owner: Transactions;
  readonly outer: Held | undefined;
  over: boolean;
}

/** The transactions that the running function is part of. */
const current = callContext<Held>();

/** The transactions of one instance: one at a time. @internal */
export class Transactions {
  #held = false;
  #draining = false;
  readonly #waiting: (() => void)[] = [];

  run<R>(fn: () => R): R | Promise<Awaited<R>> {
    if (this.#isInside()) return fn();
    if (!this.#held && this.#waiting.length === 0) return this.#hold(fn);
    return new Promise<Awaited<R>>((resolve, reject) => {
      const begin = (): void => {
        try {
          resolve(this.#hold(fn) as Awaited<R>);
        } catch (error) {
          reject(error as Error);
        }
      };
      // Bound to the caller's context, which is not that of the transaction that it waits for.
      this.#waiting.push(AsyncResource.bind(begin));
    });
  }

  #isInside(): boolean {
    for (let held = current.getStore(); held !== undefined; held = held.outer)
      if (held.owner === this && !held.over) return true;
    return false;
  }

  #hold<R>(fn: () => R): R | Promise<Awaited<R>> {
    this.#held = true;
    const held: Held = { owner: this, outer: current.getStore(), over: false };
    let result: R;
    try {
      result = current.run(held, fn);
    } catch (error) {
      this.#end(held);
      throw error;
    }
    if (isThenable(result))
      return (Promise.resolve(result) as Promise<Awaited<R>>).finally(() => this.#end(held));
    this.#end(held);
    return result;
  }

  #end(held: Held): void {
    held.over = true;
    this.#held = false;
    // A loop, not a recursion: any number of waiting transactions may end at once.
    if (this.#draining) return;
    this.#draining = true;
    while (!this.#held && this.#waiting.length > 0) this.#waiting.shift()?.();
    this.#draining = false;
  }
}
