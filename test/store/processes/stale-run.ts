import { setTimeout as sleep } from "node:timers/promises";
import { StoreUnavailableError } from "../../../src/index.js";
import { SeededRandom } from "../../../src/testing/random.js";
import { waitFor } from "../../../src/testing/wait-for.js";
import type { Broker } from "../../helpers/brokers/broker.js";
import { Proxy } from "../../helpers/brokers/proxy.js";
import { startRedis } from "../../helpers/brokers/servers.js";
import { startStore, type StartedStore } from "./start-store.js";
import { Truth } from "./truth.js";

export const nearKinds = ["off", "bypass", "serve"] as const;
export type NearKind = (typeof nearKinds)[number];

export const outageIds = ["g", "h", "i", "j", "k", "l"] as const;
export type OutageId = (typeof outageIds)[number];

export interface StaleSizes {
  readonly seed: number;
  readonly keys: number;
  /** Milliseconds. */
  readonly heartbeat: number;
  /** How long an outage lasts. */
  readonly heartbeats: number;
}

export const defaultStaleSizes: StaleSizes = Object.freeze({
  seed: 42,
  keys: 50,
  heartbeat: 1000,
  heartbeats: 3,
});

/** What one reader has read, in an outage and around it. */
export interface StaleResult {
  readonly id: OutageId;
  readonly name: string;
  readonly near: NearKind;
  readonly reads: number;
  /** Reads that the engine did not answer, and that no copy answered. */
  readonly failed: number;
  /** Reads that a copy answered. */
  readonly hits: number;
  /** Reads of what had been replaced before they began. */
  readonly stale: number;
  /** Of these, the age of the oldest, in milliseconds. */
  readonly oldest: number;
  /** Reads of what had been replaced for longer than a heartbeat. */
  readonly beyond: number;
  /** Reads of nothing, where something was. */
  readonly wrong: number;
  /** Keys that are stale when all is quiet again. */
  readonly left: number;
  readonly problems: readonly string[];
}

/** Milliseconds between two rounds of reads and writes. */
const pause = 5;
/** Keys that a reader reads, and the writer writes, in one round. */
const readsAtOnce = 3;
const chanceOfWrite = 0.3;

const patience = { timeout: 30_000, interval: 20 };

interface Outage {
  readonly name: string;
  /** The engine keeps what it has taken. */
  readonly persistent?: boolean;
  strike(run: StaleRun): Promise<void>;
}

const outages: Readonly<Record<OutageId, Outage>> = {
  g: { name: "none", strike: (run) => run.pass() },
  h: {
    name: "broker killed (SIGKILL), restarted with its data",
    persistent: true,
    strike: async (run) => {
      await run.broker.kill();
      await run.pass();
      await run.broker.restart();
    },
  },
  i: {
    name: "broker killed (SIGKILL), restarted empty",
    strike: async (run) => {
      await run.stopWriting();
      await run.broker.kill();
      await run.pass();
      // Before it answers: readers may be connected sooner than its start is noticed here.
      run.truth.lost(performance.now());
      await run.broker.restart();
      run.isWriting = true;
    },
  },
  j: {
    name: "broker frozen (SIGSTOP), continued",
    strike: async (run) => {
      await run.broker.freeze();
      await run.pass();
      run.broker.thaw();
    },
  },
  k: {
    name: "readers' connections cut, refused",
    strike: async (run) => {
      await run.proxy.refuse();
      await run.pass();
      await run.copiesAreStale();
      await run.proxy.restore();
    },
  },
  l: {
    name: "readers' packets lost, both ways",
    strike: async (run) => {
      run.proxy.stall();
      await run.pass();
      await run.copiesAreStale();
      await run.proxy.restore();
    },
  },
};

/** Reads of one kind, and how they went. */
class Reader {
  readonly near: NearKind;
  readonly store: StartedStore;
  reads = 0;
  failed = 0;
  stale = 0;
  oldest = 0;
  beyond = 0;
  wrong = 0;
  readonly #truth: Truth;
  readonly #bound: number;

  /** @param bound how long copies may be served that are stale, in milliseconds */
  constructor(near: NearKind, store: StartedStore, truth: Truth, bound: number) {
    this.near = near;
    this.store = store;
    this.#truth = truth;
    this.#bound = bound;
  }

  async read(key: string): Promise<void> {
    const at = performance.now();
    this.reads++;
    let value;
    try {
      value = await this.store.cache.get(key);
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      this.failed++;
      return;
    }
    const age = this.#truth.ageOf(key, value as number | undefined, at);
    if (Number.isNaN(age)) this.wrong++;
    if (!(age > 0)) return;
    this.stale++;
    this.oldest = Math.max(this.oldest, age);
    if (age > this.#bound) this.beyond++;
  }
}

/** A writer, which comes to no harm, and readers of all kinds over a proxy. To be disposed. */
class StaleRun implements AsyncDisposable {
  readonly broker: Broker;
  readonly proxy: Proxy;
  readonly truth = new Truth();
  readonly sizes: StaleSizes;
  readonly readers: Reader[] = [];
  isWriting = true;
  readonly #random: SeededRandom;
  readonly #keys: readonly string[];
  /** The next value of each key that is not being written. */
  readonly #next = new Map<string, number>();
  readonly #pending = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  #writer: StartedStore | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(broker: Broker, proxy: Proxy, sizes: StaleSizes) {
    this.broker = broker;
    this.proxy = proxy;
    this.sizes = sizes;
    this.#random = new SeededRandom(sizes.seed);
    this.#keys = Array.from({ length: sizes.keys }, (_, index) => `key ${index}`);
    for (const key of this.#keys) this.#next.set(key, 0);
  }

  async start(): Promise<void> {
    const { heartbeat, keys } = this.sizes;
    const partitions = 2;
    const writer = { node: "writer", address: this.broker, heartbeat, adapter: { partitions } };
    this.#writer = await startStore(writer);
    for (const near of nearKinds) {
      const copies = near === "off" ? {} : { near: { maxEntries: keys, whileDisconnected: near } };
      const adapter = { partitions, commandTimeout: heartbeat, ...copies };
      const store = await startStore({ node: near, address: this.proxy, heartbeat, adapter });
      this.readers.push(new Reader(near, store, this.truth, heartbeat));
    }
    await Promise.all(this.#keys.map((key) => this.#write(key)));
    this.#timer = setInterval(() => this.#round(), pause);
  }

  /** Lets the time of an outage pass. */
  async pass(): Promise<void> {
    const { heartbeat, heartbeats } = this.sizes;
    await sleep(heartbeats * heartbeat);
  }

  /** Settles when copies have answered reads of all who have some. */
  async copiesAreRead(): Promise<void> {
    const isRead = async ({ near, store }: Reader): Promise<boolean> =>
      near === "off" || ((await store.cache.info()).near?.hits ?? 0) > 0;
    await waitFor(async () => (await Promise.all(this.readers.map(isRead))).every(Boolean), {
      ...patience,
      message: "copies answer reads",
    });
  }

  /**
   * Settles when a copy that is served all along has been stale for longer than a heartbeat: the
   * writer goes on while the readers are cut off.
   */
  async copiesAreStale(): Promise<void> {
    const serving = this.readers.find(({ near }) => near === "serve") as Reader;
    await waitFor(() => serving.beyond > 0, { ...patience, message: "a copy is stale" });
  }

  /** Settles when all writes so far have. */
  async stopWriting(): Promise<void> {
    this.isWriting = false;
    while (this.#next.size < this.#keys.length) await sleep(pause);
  }

  /** Settles when all readers read what is there; not for ever. */
  async quiet(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    const [failure] = this.#failures;
    if (failure !== undefined) throw new Error("a read or a write failed", { cause: failure });
    const isQuiet = async (): Promise<boolean> => {
      const left = await Promise.all(this.readers.map((reader) => this.leftOf(reader)));
      return left.every((count) => count === 0);
    };
    await waitFor(isQuiet, { timeout: 15_000, interval: 100 }).catch(() => {});
  }

  /** Keys of which a reader does not read what the writer does, which has no copies. */
  async leftOf({ store }: Reader): Promise<number> {
    const [here, there] = await Promise.all(
      [store, this.#writer as StartedStore].map(({ cache }) =>
        Promise.all(this.#keys.map((key) => cache.get(key).catch(() => NaN))),
      ),
    );
    return this.#keys.filter((_, at) => here?.[at] !== there?.[at]).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.readers.map(({ store }) => store.tree.stop()));
    await this.#writer?.tree.stop();
    await this.proxy[Symbol.asyncDispose]();
    await this.broker.stop();
  }

  #round(): void {
    for (const reader of this.readers)
      for (let left = readsAtOnce; left > 0; left--)
        this.#track(reader.read(this.#random.pick(this.#keys) as string));
    if (this.isWriting && this.#random.next() < chanceOfWrite)
      this.#track(this.#write(this.#random.pick(this.#keys) as string));
  }

  /** One write of a key at a time: the last that was acknowledged is the newest. */
  async #write(key: string): Promise<void> {
    const number = this.#next.get(key);
    if (number === undefined) return;
    this.#next.delete(key);
    try {
      await (this.#writer as StartedStore).cache.put(key, number);
      this.truth.acknowledged(key, number, performance.now());
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      if (error.applied === "unknown") this.truth.doubted(key, number);
    } finally {
      this.#next.set(key, number + 1);
    }
  }

  #track(work: Promise<void>): void {
    const tracked = work
      .catch((error: unknown) => void this.#failures.push(error))
      .then(() => void this.#pending.delete(tracked));
    this.#pending.add(tracked);
  }
}

/** Readers of all kinds read while something happens to the broker, or to their connections. */
export async function runStaleOutage(id: OutageId, sizes: StaleSizes): Promise<StaleResult[]> {
  const { name, persistent = false, strike } = outages[id];
  const broker = await startRedis({ persistent });
  await using run = new StaleRun(broker, await Proxy.start(broker), sizes);
  await run.start();
  await sleep(sizes.heartbeat);
  await run.copiesAreRead();
  await strike(run);
  await run.pass();
  await run.quiet();
  return await Promise.all(
    run.readers.map(async (reader) => {
      const { near, reads, failed, stale, oldest, beyond, wrong, store } = reader;
      const counts = { reads, failed, stale, oldest, beyond, wrong };
      const info = await store.cache.info();
      const left = await run.leftOf(reader);
      const result = { id, name, near, ...counts, hits: info.near?.hits ?? 0, left };
      return { ...result, problems: problemsOf(result) };
    }),
  );
}

function problemsOf(result: Omit<StaleResult, "problems">): string[] {
  const { near, reads, failed, hits, stale, oldest, beyond, wrong, left } = result;
  const problems: string[] = [];
  if (near === "off" && stale > 0)
    problems.push(`${stale} stale reads without copies, of up to ${Math.round(oldest)} ms`);
  if (near === "bypass" && beyond > 0)
    problems.push(
      `${beyond} reads stale for more than a heartbeat, up to ${Math.round(oldest)} ms`,
    );
  if (wrong > 0) problems.push(`${wrong} reads of nothing, where something was`);
  if (left > 0) problems.push(`${left} keys are stale when all is quiet`);
  if (reads === failed || (near !== "off" && hits === 0)) problems.push("nothing was read");
  return problems.map((problem) => `near ${near}: ${problem}`);
}
