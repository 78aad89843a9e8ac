import { closeSync, openSync, writeSync } from "node:fs";
import { performance } from "node:perf_hooks";
import { type Cache, type CacheEntryEvent, defaultHash } from "../../../src/index.js";
import { SeededRandom } from "../../../src/testing/random.js";
import type { WriterConfig, WriterReport } from "./protocol.js";

/** Milliseconds between two bursts. */
const pause = 4;
/** A writer that is late catches up, but not all at once. */
const longestBurst = 400;

/**
 * Puts entries at a steady rate, and counts the events: one for each put, by the key's partition.
 */
export class Writer {
  readonly #cache: Cache<string, number>;
  readonly #config: WriterConfig;
  readonly #keys: readonly { readonly key: string; readonly partition: number }[];
  readonly #counts: Float64Array;
  readonly #random: SeededRandom;
  readonly #notes: number;
  readonly #besides: () => void;
  readonly #failures: string[] = [];
  #longestPut = 0;
  #longestStall = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param besides called with each burst */
  constructor(
    cache: Cache<string, number>,
    partitions: number,
    config: WriterConfig,
    besides: () => void,
  ) {
    this.#cache = cache;
    this.#config = config;
    this.#besides = besides;
    this.#counts = new Float64Array(partitions);
    this.#random = new SeededRandom(config.seed);
    this.#keys = Array.from({ length: config.keys }, (_, index) => {
      const key = `key ${index}`;
      return { key, partition: partitionOf(key, partitions) };
    });
    this.#notes = openSync(config.notes, "w");
    this.#note();
  }

  get written(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0);
  }

  write(rate: number): void {
    // The report covers the time since the last rest.
    if (this.#timer === undefined) this.#longestPut = this.#longestStall = 0;
    this.rest();
    const began = performance.now();
    let last = began;
    let done = 0;
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#longestStall = Math.max(this.#longestStall, now - last - pause);
      last = now;
      const due = Math.floor(((now - began) * rate) / 1000) - done;
      const count = Math.min(longestBurst, due);
      this.#burst(count);
      done += count;
    }, pause);
  }

  rest(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  report(epoch: string): WriterReport {
    return {
      epoch,
      counts: [...this.#counts],
      failures: this.#failures,
      longestPut: this.#longestPut,
      longestStall: this.#longestStall,
    };
  }

  close(): void {
    this.rest();
    closeSync(this.#notes);
  }

  #burst(count: number): void {
    for (let left = count; left > 0; left--) {
      const { key, partition } = this.#keys[this.#random.below(this.#config.keys)] as {
        key: string;
        partition: number;
      };
      const start = performance.now();
      try {
        this.#cache.put(key, left);
        (this.#counts[partition] as number)++;
      } catch (error) {
        this.#failures.push(String(error));
      }
      this.#longestPut = Math.max(this.#longestPut, performance.now() - start);
    }
    // Nothing is sent within a turn of the event loop.
    this.#note();
    this.#besides();
  }

  #note(): void {
    writeSync(this.#notes, this.#counts, 0, this.#counts.byteLength, 0);
  }
}

function partitionOf(key: string, partitions: number): number {
  return defaultHash({
    target: { kind: "key", key },
    metadata: { partitions },
  } as unknown as CacheEntryEvent);
}
