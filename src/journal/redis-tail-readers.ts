import { pause, systemClock } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { toError } from "../pubsub/broker-session.js";
import type { RedisArguments } from "../pubsub/redis-client.js";
import { clearInterval, nextTurn, setInterval } from "../timers.js";
import { asCommandFailure, type BlockingReads, type RedisLink } from "./redis-link.js";
import { entriesOf, listOf, type ReadEntry, textOf } from "./redis-replies.js";
import type { RedisTail } from "./redis-tail.js";

/** What readers are given. @internal */
export interface TailReading {
  readonly link: RedisLink;
  /** The tails that are open; the engine changes them. */
  readonly tails: ReadonlySet<RedisTail>;
  readonly timeout: Milliseconds;
  /** A partition can't be read; it is tried again. */
  failed(key: string, error: Error): void;
}

/** Reads for all tails over one link, until it is stopped. @internal */
export interface TailReader {
  /** A tail was added, or wants more. */
  wake(tail: RedisTail): void;
  stop(): void;
}

/** How long reads wait that can't be interrupted: another tail may have to wait for so long. */
const shortBlock: Milliseconds = 50;
/** How long a partition that can't be read is left alone. */
const retryDelay = 1000;
/** Reads are bounded so that what they return is of this order, in bytes. */
const targetBytes = 1_048_576;

/** How many entries of a stream to read at once: more if they are small. */
class ReadSize {
  count = 64;

  learn(entries: readonly ReadEntry[]): void {
    if (entries.length === 0) return;
    let bytes = 0;
    for (const entry of entries) if (!("foreign" in entry)) bytes += entry.payload.length;
    const mean = bytes / entries.length;
    this.count = Math.max(8, Math.min(1024, Math.floor(targetBytes / Math.max(mean, 1))));
  }
}

/** The id behind which the entry that holds a position lies. */
function idBefore(position: number): string {
  // The greatest id of that position: what another program has added there is skipped.
  return position === 0 ? "0-0" : `${position - 1}-18446744073709551615`;
}

/**
 * Reads all partitions with one command that waits for the next entry of any. When another tail has
 * to be read, the command is interrupted.
 *
 * @internal
 */
export class BlockingReader implements TailReader {
  readonly #reading: TailReading;
  readonly #reads: BlockingReads;
  /** By stream: the position from which it is being read. */
  #current = new Map<string, number>();
  readonly #sizes = new Map<string, ReadSize>();
  /** Streams that can't be read for now. */
  readonly #broken = new Set<string>();
  #isInterrupting = false;
  readonly #stopped = new AbortController();
  #awake = (): void => {};

  constructor(reading: TailReading, reads: BlockingReads) {
    this.#reading = reading;
    this.#reads = reads;
    void this.#run();
  }

  wake(): void {
    this.#awake();
    void this.#interrupt();
  }

  stop(): void {
    this.#stopped.abort();
    this.#awake();
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      const wanted = this.#wanted();
      if (wanted.size === 0) {
        await new Promise<void>((resolve) => (this.#awake = resolve));
        continue;
      }
      this.#current = wanted;
      try {
        this.#accept(wanted, await this.#reads.read(this.#command(wanted)));
        this.#current = new Map();
      } catch (error) {
        this.#current = new Map();
        if (!signal.aborted) await this.#readEach(wanted, toError(error));
      }
    }
  }

  #wanted(): Map<string, number> {
    const wanted = new Map<string, number>();
    for (const { key, next, isOpen } of this.#reading.tails)
      if (isOpen && !this.#broken.has(key))
        wanted.set(key, Math.min(next, wanted.get(key) ?? next));
    return wanted;
  }

  #command(wanted: ReadonlyMap<string, number>): RedisArguments {
    const count = Math.min(...[...wanted.keys()].map((key) => this.#sizeOf(key).count));
    const block = String(this.#reads.canInterrupt ? this.#reads.block : shortBlock);
    const ids = [...wanted.values()].map(idBefore);
    return ["XREAD", "COUNT", String(count), "BLOCK", block, "STREAMS", ...wanted.keys(), ...ids];
  }

  #accept(wanted: ReadonlyMap<string, number>, reply: unknown): void {
    if (reply === null) return;
    for (const stream of listOf(reply, "what was read")) {
      const [key, entries] = listOf(stream, "what was read");
      const from = wanted.get(textOf(key));
      if (from !== undefined) this.#deliver(textOf(key), from, entriesOf(entries));
    }
  }

  #deliver(key: string, from: number, entries: readonly ReadEntry[]): void {
    this.#sizeOf(key).learn(entries);
    // A tail that was added meanwhile may have to read what lies before.
    for (const tail of this.#reading.tails)
      if (tail.key === key && tail.next >= from) tail.accept(entries);
  }

  /** One stream that can't be read does not hold up the others. */
  async #readEach(wanted: ReadonlyMap<string, number>, error: Error): Promise<void> {
    const { link, failed } = this.#reading;
    const { signal } = this.#stopped;
    let found = false;
    for (const [key, from] of wanted) {
      if (signal.aborted) return;
      try {
        const command = ["XRANGE", key, `${from}`, "+", "COUNT", "8"];
        this.#deliver(key, from, entriesOf(await link.send(key, command, true)));
      } catch (reason) {
        if (signal.aborted) return;
        found = true;
        this.#broken.add(key);
        failed(key, asCommandFailure(reason, "XRANGE"));
        void pause(systemClock, retryDelay, signal).then(() => {
          this.#broken.delete(key);
          this.wake();
        });
      }
    }
    if (found) return;
    const [first = ""] = wanted.keys();
    failed(first, asCommandFailure(error, "XREAD"));
    await pause(systemClock, retryDelay, signal);
  }

  /** Ends the read that waits, as often as there is a tail that it does not read. */
  async #interrupt(): Promise<void> {
    if (this.#isInterrupting) return;
    this.#isInterrupting = true;
    while (this.#reads.canInterrupt && this.#isIncomplete()) {
      // Where the read has not begun to wait when the server is asked, it is asked again.
      await this.#reads.interrupt();
      await nextTurn();
    }
    this.#isInterrupting = false;
  }

  #isIncomplete(): boolean {
    if (this.#current.size === 0 || this.#stopped.signal.aborted) return false;
    for (const [key, next] of this.#wanted()) {
      const from = this.#current.get(key);
      if (from === undefined || from > next) return true;
    }
    return false;
  }

  #sizeOf(key: string): ReadSize {
    let size = this.#sizes.get(key);
    if (size === undefined) this.#sizes.set(key, (size = new ReadSize()));
    return size;
  }
}

/**
 * Reads each partition when its channel announces a new entry, and now and then in case that was
 * lost: for a Redis Cluster, where no command can read, or wait for, several slots.
 *
 * @internal
 */
export class NotifiedReader implements TailReader {
  readonly #reading: TailReading;
  readonly #states = new Map<RedisTail, { isBusy: boolean; again: boolean; size: ReadSize }>();
  readonly #listening = new Set<string>();
  readonly #timer: NodeJS.Timeout;
  #stopped = false;

  constructor(reading: TailReading) {
    this.#reading = reading;
    this.#timer = setInterval(() => this.#wakeAll(), reading.timeout / 3);
    this.#wakeAll();
  }

  wake(tail: RedisTail): void {
    this.#listen(tail.news);
    void this.#read(tail);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  #wakeAll(): void {
    const { tails, link } = this.#reading;
    for (const tail of tails) this.wake(tail);
    const wanted = new Set([...tails].map(({ news }) => news));
    for (const channel of this.#listening)
      if (!wanted.has(channel)) {
        this.#listening.delete(channel);
        link.unsubscribe(channel).catch(() => {});
      }
    for (const tail of this.#states.keys()) if (!tails.has(tail)) this.#states.delete(tail);
  }

  #listen(channel: string): void {
    if (!this.#listening.has(channel)) {
      const wake = (): void => {
        for (const tail of this.#reading.tails)
          if (tail.news === channel && !this.#stopped) void this.#read(tail);
      };
      // Where it fails, entries come when the timer fires.
      this.#listening.add(channel);
      this.#reading.link
        .subscribe(channel, wake)
        .then(wake, () => void this.#listening.delete(channel));
    }
  }

  /** Reads until there is nothing more; once at a time. */
  async #read(tail: RedisTail): Promise<void> {
    const { link, tails, failed } = this.#reading;
    let state = this.#states.get(tail);
    if (state === undefined) {
      state = { isBusy: false, again: true, size: new ReadSize() };
      this.#states.set(tail, state);
    }
    state.again = true;
    if (state.isBusy) return;
    state.isBusy = true;
    try {
      while (state.again && !this.#stopped && tails.has(tail) && tail.isOpen) {
        state.again = false;
        const { count } = state.size;
        const command = ["XRANGE", tail.key, String(tail.next), "+", "COUNT", String(count)];
        const entries = entriesOf(await link.send(tail.key, command, true));
        if (entries.length >= count) state.again = true;
        state.size.learn(entries);
        tail.accept(entries);
      }
    } catch (error) {
      if (!this.#stopped) failed(tail.key, asCommandFailure(error, "XRANGE"));
    }
    state.isBusy = false;
  }
}
