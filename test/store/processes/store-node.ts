import { setTimeout as sleep } from "node:timers/promises";
import {
  type AsyncCache,
  type CacheInfo,
  type Journal,
  StoreUnavailableError,
} from "../../../src/index.js";
import { SeededRandom } from "../../../src/testing/random.js";
import { carryOut, keyOf, pickCommand } from "./commands.js";
import { changesOf } from "./entry-life.js";
import { Notes } from "./notes.js";
import type { StoreNodeApi, StoreNodeConfig, StoreNodeStatus, Value } from "./protocol.js";
import { ReadCheck, type ReadCounts } from "./read-check.js";
import { startStore } from "./start-store.js";

/** Milliseconds between two bursts. */
const pause = 4;
/** A writer that is late catches up, but not all at once. */
const longestBurst = 50;

/** Writes to a shared store, and reads from it, at random. */
export class StoreNode implements StoreNodeApi {
  readonly #cache: AsyncCache<string, Value>;
  readonly #journal: Journal;
  readonly #config: StoreNodeConfig;
  readonly #notes: Notes;
  readonly #random: SeededRandom;
  readonly #check = new ReadCheck();
  readonly #pending = new Set<Promise<void>>();
  #begun = 0;
  #settled = 0;
  #timer: NodeJS.Timeout | undefined;

  private constructor(config: StoreNodeConfig, cache: AsyncCache<string, Value>, journal: Journal) {
    this.#config = config;
    this.#cache = cache;
    this.#journal = journal;
    this.#notes = new Notes(config.writer.notes);
    this.#random = new SeededRandom(config.writer.seed);
    cache.subscribe((event) => {
      for (const change of changesOf(event)) this.#check.deliver(change);
    });
  }

  static async start(config: StoreNodeConfig): Promise<StoreNode> {
    const { cache, journal } = await startStore(config);
    return new StoreNode(config, cache, journal);
  }

  status(): StoreNodeStatus {
    return { journal: this.#journal.status, settled: this.#settled };
  }

  write(rate: number): void {
    clearInterval(this.#timer);
    const began = performance.now();
    let done = 0;
    this.#timer = setInterval(() => {
      const due = Math.floor(((performance.now() - began) * rate) / 1000) - done;
      done += due;
      for (let left = Math.min(longestBurst, due); left > 0; left--) {
        this.#command();
        this.#read();
      }
    }, pause);
  }

  async rest(): Promise<void> {
    clearInterval(this.#timer);
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  reads(): ReadCounts {
    return this.#check.counts;
  }

  info(): Promise<CacheInfo> {
    return this.#cache.info();
  }

  async contents(): Promise<Map<string, Value>> {
    const contents = new Map<string, Value>();
    for (let index = 0; index < this.#config.writer.keys; index++) {
      const value = await this.#surely(keyOf(index));
      if (value !== undefined) contents.set(keyOf(index), value);
    }
    return contents;
  }

  /** Reads a key; again, where the engine has not answered in time. */
  async #surely(key: string): Promise<Value | undefined> {
    for (;;)
      try {
        return await this.#cache.get(key);
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        await sleep(100);
      }
  }

  #command(): void {
    const number = this.#begun++;
    const { keys, life } = this.#config.writer;
    const command = pickCommand(this.#random, keys, life, number);
    this.#notes.begin(number, command);
    this.#track(
      carryOut(this.#cache, command).then(
        (result) => this.#notes.end(number, "done", result),
        (error: unknown) => {
          if (!(error instanceof StoreUnavailableError)) throw error;
          this.#notes.end(number, error.applied === "no" ? "refused" : "unknown", undefined);
        },
      ),
    );
  }

  #read(): void {
    const key = keyOf(this.#random.below(this.#config.writer.keys));
    const start = this.#check.begin(key, Date.now());
    this.#track(
      this.#cache.get(key).then(
        (value) => this.#check.end(start, value),
        (error: unknown) => {
          if (!(error instanceof StoreUnavailableError)) throw error;
          this.#check.fail();
        },
      ),
    );
  }

  /** What fails otherwise ends the process: its parent sees that. */
  #track(work: Promise<void>): void {
    const tracked = work.then(() => {
      this.#settled++;
      this.#pending.delete(tracked);
    });
    this.#pending.add(tracked);
  }
}
