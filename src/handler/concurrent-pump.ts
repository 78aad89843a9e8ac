import { messagesPerCheck } from "../clock.js";
import { CacheEvent } from "../event/event.js";
import type { Message } from "../log/message.js";
import { Pump, type PumpContext } from "./pump.js";
import { monotonicNow } from "../timers.js";

/** Events read ahead, beyond those that are being handled, to find another key. */
const lookahead = 256;

const notOneKey = Symbol("not one key");

/**
 * Events of different keys are handled concurrently, those of one key in order. A message that is
 * not about a single key is handled alone.
 *
 * @internal
 */
export class ConcurrentPump extends Pump {
  readonly #concurrency: number;
  /** The messages that wait, for each key that is being handled. */
  readonly #keys = new Map<unknown, Message[]>();
  #waiting = 0;
  #handling = 0;
  /** A message that waits until nothing is being handled. */
  #barrier: Message | undefined;
  #failure: { error: unknown } | undefined;
  #settled: (() => void) | undefined;

  constructor(context: PumpContext, concurrency: number) {
    super(context);
    this.#concurrency = concurrency;
  }

  protected override turn(): void | Promise<void> {
    const { cursor, delivery, stream } = this.context;
    this.idle = false;
    if (this.#failure !== undefined) {
      // Messages that are being handled are completed first: otherwise they would be handled twice.
      if (this.#handling > 0) return this.#nextSettled();
      if (!delivery.draining) throw this.#failure.error;
      this.#startOver();
    }
    this.#fill();
    if (delivery.closed || delivery.halted) return;
    if (this.#handling === 0 && this.#barrier !== undefined) {
      const barrier = this.#barrier;
      this.#barrier = undefined;
      const pending = this.attempt(barrier);
      return pending === undefined ? this.wake() : pending.then(() => this.wake());
    }
    this.idle = this.#handling === 0 && cursor.lag === 0;
    stream.notifyProgress();
    return this.#nextSettled();
  }

  /**
   * An orderly stop runs one turn after the other: the next one has work when a message has been
   * handled.
   */
  #nextSettled(): void | Promise<void> {
    if (!this.context.delivery.draining || this.#handling === 0) return;
    return new Promise((resolve) => {
      this.#settled = resolve;
    });
  }

  /**
   * An orderly stop continues after a failure as the next incarnation would have: with the oldest
   * message that is not handled.
   */
  #startOver(): void {
    this.#failure = undefined;
    this.#barrier = undefined;
    this.#keys.clear();
    this.#waiting = 0;
    this.context.cursor.unacked.redeliver();
  }

  #fill(): void {
    const { began, slice } = this;
    const { delivery, target } = this.context;
    for (let count = 1; this.#handling < this.#concurrency && this.#waiting < lookahead; count++) {
      if (this.#barrier !== undefined || delivery.closed || delivery.halted) return;
      const now = count % messagesPerCheck === 0 ? monotonicNow() : began;
      if (now - began >= slice) {
        target.yieldTurn();
        this.goOn(now);
        return;
      }
      const message = this.context.cursor.next();
      if (message === undefined) return;
      const key =
        message.type === "gap"
          ? notOneKey
          : CacheEvent.keyOf<unknown, symbol>(message as CacheEvent, notOneKey);
      const queue = this.#keys.get(key);
      if (key === notOneKey) this.#barrier = message;
      else if (queue === undefined) this.#handle(key, message);
      else {
        queue.push(message);
        this.#waiting++;
      }
    }
  }

  #handle(key: unknown, message: Message): void {
    const began = monotonicNow();
    this.#handling++;
    if (!this.#keys.has(key)) this.#keys.set(key, []);
    const after = (): void => {
      this.#handling--;
      this.context.cursor.busy += monotonicNow() - began;
      this.#goOn(key);
    };
    const pending = this.attempt(message);
    if (pending === undefined) after();
    else {
      pending.then(after, (error: unknown) => {
        this.#failure ??= { error };
        // What waits at the gate is not completed first: it may wait for what has failed.
        this.context.cursor.gate?.shut();
        after();
      });
    }
  }

  #goOn(key: unknown): void {
    const next = this.#failure === undefined ? this.#keys.get(key)?.shift() : undefined;
    if (next === undefined) this.#keys.delete(key);
    else {
      this.#waiting--;
      this.#handle(key, next);
    }
    this.#settled?.();
    this.#settled = undefined;
    this.context.stream.notifyProgress();
    this.wake();
  }
}
