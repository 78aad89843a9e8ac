import { isThenable } from "../../callbacks.js";
import { type Clock, type TimerHandle } from "../../clock.js";
import { OptionError, StoreUnavailableError } from "../../errors.js";
import type { Milliseconds } from "../../options.js";
import type { KeyQueues } from "./key-queues.js";

/** The functions that {@link storeAdapter} makes a store of. */
export interface StoreFunctions<K, V> {
  /** The value; `undefined`: there is none. */
  get(key: K): V | undefined | PromiseLike<V | undefined>;
  /**
   * Stores a value, in place of the one that the key may have. What it returns is awaited.
   *
   * @param ttl whole milliseconds above 0 after which the entry is due; undefined: it has no TTL
   */
  set(key: K, value: V, ttl?: Milliseconds): unknown;
  /** Removes a value, if there is one. What it returns is awaited. */
  delete(key: K): unknown;
  /** Whether there is a value. Default: whether `get` gives one. */
  has?(key: K): boolean | PromiseLike<boolean>;
  /** Removes all values. What it returns is awaited. Default: `entries`, and `delete` of each. */
  clear?(): unknown;
  /**
   * All keys with their values, each key once: an iterable of `[key, value]`, a promise of one, or
   * an async iterable. Without it, commands about all entries reject with an {@link OptionError}.
   */
  entries?():
    | Iterable<readonly [K, V]>
    | AsyncIterable<readonly [K, V]>
    | PromiseLike<Iterable<readonly [K, V]> | AsyncIterable<readonly [K, V]>>;
}

/** What has become of one command. @internal */
export class Fate {
  /** When one of its calls was answered last. */
  progressAt: Milliseconds;
  /** Whether its caller has been told that there was no answer. */
  isGivenUp = false;
  /** Whether it may have changed the store. */
  hasWritten = false;

  constructor(now: Milliseconds) {
    this.progressAt = now;
  }
}

/** Thrown inside a command that its caller does not wait for any more. */
const givenUp = new Error("the caller has been told that the store did not answer");

/** Calls the functions of the user; checks what they return, and how long they take. @internal */
export class StoreCalls<K, V> {
  readonly #name: string;
  readonly #functions: StoreFunctions<K, V>;
  readonly #clock: Clock;
  readonly #timeout: Milliseconds;

  /** @param name the instance's */
  constructor(name: string, functions: StoreFunctions<K, V>, clock: Clock, timeout: Milliseconds) {
    this.#name = name;
    this.#functions = functions;
    this.#clock = clock;
    this.#timeout = timeout;
  }

  async get(key: K, fate: Fate): Promise<V | undefined> {
    return await this.#answer(fate, this.#functions.get(key));
  }

  /** Whether a value is there. */
  async has(key: K, fate: Fate): Promise<boolean> {
    const { has } = this.#functions;
    if (has === undefined) return (await this.get(key, fate)) !== undefined;
    const found: unknown = await this.#answer(fate, has.call(this.#functions, key));
    if (typeof found === "boolean") return found;
    throw OptionError.invalid("has", "a function that returns a boolean", found);
  }

  async set(key: K, value: V, ttl: Milliseconds | undefined, fate: Fate): Promise<void> {
    this.#beginWrite(fate);
    // What is left of a TTL has a fraction, which stores refuse.
    const whole = ttl === undefined ? undefined : Math.ceil(ttl);
    await this.#answer(fate, this.#functions.set(key, value, whole));
  }

  async delete(key: K, fate: Fate): Promise<void> {
    this.#beginWrite(fate);
    await this.#answer(fate, this.#functions.delete(key));
  }

  get canClear(): boolean {
    return this.#functions.clear !== undefined;
  }

  get canList(): boolean {
    return this.#functions.entries !== undefined;
  }

  async clear(fate: Fate): Promise<void> {
    this.#beginWrite(fate);
    await this.#answer(fate, this.#functions.clear?.());
  }

  /** @throws {@link OptionError} that names `entries`, if there is no such function */
  async *entries(command: string, fate = new Fate(0)): AsyncGenerator<[K, V], void, undefined> {
    const { entries } = this.#functions;
    if (entries === undefined)
      throw new OptionError(
        "entries",
        `${command} of more than keys that are given needs the function "entries" of storeAdapter${command === "deleteAll" ? ' or, of all entries, "clear"' : ""}`,
      );
    const found: unknown = await this.#answer(fate, entries.call(this.#functions));
    const isAsync = isObject(found) && Symbol.asyncIterator in found;
    if (!isAsync && !(isObject(found) && Symbol.iterator in found)) throw notEntries(found);
    if (!isAsync) {
      for (const pair of found as Iterable<unknown>) yield checkPair<K, V>(pair);
      return;
    }
    const iterator = (found as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    let isDone = false;
    try {
      for (;;) {
        const next = await this.#answer(fate, iterator.next());
        isDone = next.done === true;
        if (isDone) return;
        yield checkPair<K, V>(next.value);
      }
    } finally {
      if (!isDone) await iterator.return?.();
    }
  }

  /**
   * Runs a command that changes something when the commands before it have ended. Rejects if one of
   * its calls is not answered in time; the command goes on then, and the commands behind it wait,
   * until the call is answered.
   */
  write<R>(
    queues: KeyQueues<K>,
    keys: readonly K[] | ReadonlySet<K> | "all",
    body: (fate: Fate) => Promise<R>,
  ): Promise<R> {
    if (queues.isStuck(keys)) return Promise.reject(this.#noAnswerBefore());
    const turn = queues.enter(keys);
    return this.#inTime(
      async (fate) => {
        try {
          if (turn.begins !== undefined) await turn.begins;
          if (fate.isGivenUp) throw givenUp;
          fate.progressAt = this.#clock.now();
          return await body(fate);
        } finally {
          turn.end();
        }
      },
      () => turn.stick(),
    );
  }

  /** Runs a command that reads one key, when the commands that change the key have ended. */
  read<R>(queues: KeyQueues<K>, key: K, body: (fate: Fate) => Promise<R>): Promise<R> {
    if (queues.isStuck([key])) return Promise.reject(this.#noAnswerBefore());
    const busy = queues.busy(key);
    return this.#inTime(async (fate) => {
      if (busy !== undefined) await busy;
      return await body(fate);
    });
  }

  /** Runs a command that waits for no others. */
  walk<R>(body: (fate: Fate) => Promise<R>): Promise<R> {
    return this.#inTime(body);
  }

  #noAnswerBefore(): StoreUnavailableError {
    return new StoreUnavailableError(
      this.#name,
      "no",
      `it has not answered an earlier command within ${this.#timeout} ms`,
    );
  }

  #inTime<R>(body: (fate: Fate) => Promise<R>, onTimeout?: () => void): Promise<R> {
    const clock = this.#clock;
    const timeout = this.#timeout;
    const fate = new Fate(clock.now());
    let timer: TimerHandle;
    return new Promise<R>((resolve, reject) => {
      const wait = (ms: Milliseconds): void => {
        timer = clock.setTimeout(() => {
          const idle = clock.now() - fate.progressAt;
          if (idle < timeout) {
            wait(timeout - idle);
            return;
          }
          fate.isGivenUp = true;
          onTimeout?.();
          const applied = fate.hasWritten ? "unknown" : "no";
          const why = `it has not answered within ${timeout} ms`;
          reject(new StoreUnavailableError(this.#name, applied, why));
        }, ms);
      };
      wait(timeout);
      body(fate)
        .then(resolve, reject)
        .finally(() => clock.clearTimeout(timer))
        .catch(() => {});
    });
  }

  /** The caller of a command that was given up has been told whether anything was changed. */
  #beginWrite(fate: Fate): void {
    if (fate.isGivenUp && !fate.hasWritten) throw givenUp;
    fate.hasWritten = true;
  }

  async #answer<R>(fate: Fate, answer: R | PromiseLike<R>): Promise<R> {
    if (!isThenable(answer)) return answer as R;
    const value = await answer;
    if (fate.isGivenUp && !fate.hasWritten) throw givenUp;
    fate.progressAt = this.#clock.now();
    return value as R;
  }
}

function checkPair<K, V>(pair: unknown): [K, V] {
  if (Array.isArray(pair) && pair.length === 2) return pair as unknown as [K, V];
  throw notEntries(pair);
}

function notEntries(value: unknown): OptionError {
  return OptionError.invalid("entries", "a function that returns [key, value] pairs", value);
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
