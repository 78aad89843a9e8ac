import { closeSync, openSync, readSync, writeSync } from "node:fs";
import {
  type Cache,
  type ChildLike,
  defineCache,
  invalidator,
  type PubSub,
  streamServer,
} from "../../../src/index.js";
import { SeededRandom } from "../../../src/testing/random.js";
import type { NearConfig, NearReport } from "./protocol.js";

const bytes = 8;
/** Called with each burst of writes. */
const changes = 1;
const reads = 8;

/** Copies of a source of truth, a file of numbers, kept coherent by an invalidator. */
export class NearCache {
  readonly cache: Cache<string, number> = defineCache<string, number>({ name: "near" });
  readonly #config: NearConfig;
  readonly #pubsub: PubSub;
  readonly #partitions: number | undefined;
  readonly #file: number;
  readonly #random: SeededRandom;
  readonly #number = new Float64Array(1);

  constructor(config: NearConfig, pubsub: PubSub, partitions: number | undefined) {
    this.#config = config;
    this.#pubsub = pubsub;
    this.#partitions = partitions;
    this.#file = openSync(config.truth, "r+");
    this.#random = new SeededRandom(config.share);
  }

  children(): ChildLike[] {
    const { capacity } = this.#config;
    return [
      this.cache,
      streamServer({
        cache: this.cache,
        pubsub: this.#pubsub,
        ...(this.#partitions === undefined ? {} : { partitions: this.#partitions }),
        ...(capacity === undefined ? {} : { capacity }),
      }),
      invalidator({ cache: this.cache }),
    ];
  }

  /** Reads some keys, and changes some of this process's own: the truth first, then its copy. */
  live(): void {
    const { keys, share, shares } = this.#config;
    for (let left = changes; left > 0; left--) {
      const index = this.#random.below(Math.floor(keys / shares)) * shares + share;
      const version = this.#truthOf(index) + 1;
      this.#number[0] = version;
      writeSync(this.#file, this.#number, 0, bytes, index * bytes);
      this.cache.put(String(index), version);
    }
    for (let left = reads; left > 0; left--) {
      const index = this.#random.below(keys);
      this.cache.getOrStore(String(index), () => this.#truthOf(index));
    }
  }

  report(): NearReport {
    const all = [...this.cache.getAll()];
    const stale = all.filter(([key, version]) => version !== this.#truthOf(Number(key)));
    return { held: all.length, stale: stale.map(([key]) => key) };
  }

  close(): void {
    closeSync(this.#file);
  }

  #truthOf(index: number): number {
    readSync(this.#file, this.#number, 0, bytes, index * bytes);
    return this.#number[0] as number;
  }
}
