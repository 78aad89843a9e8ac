import { setTimeout as pause } from "node:timers/promises";
import { type Cache, CacheNotStartedError, lookupStream } from "nebulex-streams";
import { InjectedFaultError, SeededRandom } from "nebulex-streams/testing";

const turnsPerBurst = 700;

/** Writes to a cache without end, at random, until it is stopped. */
export class Writer {
  /** Commands of a burst, which comes every so often while the stream listens. 0: none. */
  burst = 0;
  commands = 0;
  /** Commands that failed since the cache was down, and by an injected fault. */
  refused = 0;
  faulted = 0;
  readonly #cache: Cache<string, number>;
  readonly #random: SeededRandom;
  readonly #keys: number;
  readonly #isCrowded: () => boolean;
  #stopped = false;
  #value = 0;

  /** @param isCrowded whether a reader is so far behind that it might be overtaken */
  constructor(cache: Cache<string, number>, seed: number, keys: number, isCrowded: () => boolean) {
    this.#cache = cache;
    this.#random = new SeededRandom(seed);
    this.#keys = keys;
    this.#isCrowded = isCrowded;
  }

  /** `perTurn` commands each millisecond. Without bursts, none while a reader is far behind. */
  async run(perTurn: number): Promise<void> {
    let quiet = turnsPerBurst;
    while (!this.#stopped) {
      const isBurst =
        this.burst > 0 &&
        ++quiet >= turnsPerBurst &&
        lookupStream(this.#cache)?.registered === true;
      if (isBurst) quiet = 0;
      if (this.burst === 0 && this.#isCrowded()) {
        await pause(1);
        continue;
      }
      for (let count = isBurst ? this.burst : perTurn; count > 0; count--) this.#write();
      await pause(1);
    }
  }

  stop(): void {
    this.#stopped = true;
  }

  #write(): void {
    this.commands++;
    try {
      this.#command();
    } catch (error) {
      if (error instanceof CacheNotStartedError) this.refused++;
      else if (error instanceof InjectedFaultError) this.faulted++;
      else throw error;
    }
  }

  #command(): void {
    const cache = this.#cache;
    const key = this.#key();
    const value = ++this.#value;
    const chance = this.#random.below(1000);
    if (chance < 550) cache.put(key, value);
    else if (chance < 700) cache.put(key, value, { ttl: 20 + this.#random.below(200) });
    else if (chance < 800) cache.delete(key);
    else if (chance < 850) cache.increment(key);
    else if (chance < 900) cache.update(key, value, (before) => before + 1);
    else if (chance < 930) cache.take(key);
    else if (chance < 960) cache.putNew(key, value);
    else if (chance < 980) cache.touch(key);
    else if (chance < 985) cache.putAll(Array.from({ length: 5 }, () => [this.#key(), value]));
    else if (chance < 990) cache.deleteAll({ keys: [this.#key(), this.#key(), this.#key()] });
    else if (chance < 992) cache.deleteAll({ prefix: `k${this.#random.below(10)}` });
    else cache.get(key);
  }

  #key(): string {
    return `k${this.#random.below(this.#keys)}`;
  }
}
