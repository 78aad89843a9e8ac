import { isWithoutJetStream } from "../journal/jetstream-client.js";
import type { JournalEngine } from "../journal/engine.js";
import type { Milliseconds } from "../options.js";
import { MissingPackageError } from "../pubsub/broker-session.js";
import { monotonicNow } from "../timers.js";
import { BrokerFailure } from "./broker.js";
import { type JournalConnection, NoJournal } from "./journal.js";

/** Milliseconds from an attempt that has failed to the next one. */
const retryAfter: Milliseconds = 2000;

/**
 * A connection to journals that is made when that is possible: an attempt that fails is made again
 * whenever somebody looks. To be disposed.
 *
 * @internal
 */
export class LateJournal implements AsyncDisposable {
  readonly #open: (signal: AbortSignal) => Promise<JournalConnection>;
  readonly #closing = new AbortController();
  readonly #retryAfter: Milliseconds;
  #connection: JournalConnection | undefined;
  #failure: Error | undefined;
  #attempt: Promise<void> | undefined;
  #triedAt: Milliseconds = -Infinity;

  /** @param open called for each attempt; rejects with NoJournal or BrokerFailure */
  constructor(open: (signal: AbortSignal) => Promise<JournalConnection>, wait = retryAfter) {
    this.#open = open;
    this.#retryAfter = wait;
  }

  /** Undefined: there is no connection yet. */
  get engine(): JournalEngine | undefined {
    return this.#connection?.engine;
  }

  /** Why the last attempt has failed; undefined: it has not, or there is no journal. */
  get failure(): Error | undefined {
    return this.#failure !== undefined && isAbsence(this.#failure) ? undefined : this.#failure;
  }

  /** Tries to connect, unless it is connected, or has tried just before. */
  retry(): void {
    const isOver = this.#connection !== undefined || this.#closing.signal.aborted;
    if (!isOver && monotonicNow() - this.#triedAt >= this.#retryAfter) void this.connect();
  }

  /** Tries to connect; settles when that has succeeded or failed. */
  connect(): Promise<void> {
    this.#attempt ??= this.#connect().finally(() => {
      this.#attempt = undefined;
      this.#triedAt = monotonicNow();
    });
    return this.#attempt;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await this.#attempt;
    await this.#connection?.[Symbol.asyncDispose]();
  }

  async #connect(): Promise<void> {
    try {
      this.#connection = await this.#open(this.#closing.signal);
      this.#failure = undefined;
    } catch (error) {
      this.#failure = error as Error;
    }
  }
}

/** Nodes may have a pubsub alone, in a broker without journals. */
function isAbsence(error: Error): boolean {
  if (error instanceof NoJournal) return true;
  if (!(error instanceof BrokerFailure)) return false;
  return error.cause instanceof MissingPackageError || isWithoutJetStream(error.cause);
}
