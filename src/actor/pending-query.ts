import { ActorExitError, QueryTimeoutError } from "../errors.js";
import type { Clock, TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";
import type { ReplyTo } from "./ref.js";

/**
 * A query that waits for its reply. It is settled by the reply, the timeout or the target's end.
 */
class PendingQuery<Reply> implements ReplyTo<Reply> {
  readonly promise: Promise<Reply>;
  readonly #id: string;
  readonly #clock: Clock;
  readonly #done: (query: PendingQuery<Reply>) => void;
  readonly #timer: TimerHandle;
  #resolve!: (reply: Reply) => void;
  #reject!: (error: Error) => void;
  #settled = false;

  constructor(
    id: string,
    clock: Clock,
    timeout: Milliseconds,
    done: (query: PendingQuery<Reply>) => void,
  ) {
    this.#id = id;
    this.#clock = clock;
    this.#done = done;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#timer = clock.setTimeout(() => this.fail(new QueryTimeoutError(id, timeout)), timeout);
  }

  dispatch(reply: Reply): void {
    if (this.#settle()) this.#resolve(reply);
  }

  fail(error: Error): void {
    if (this.#settle()) this.#reject(error);
  }

  targetEnded(reason: unknown): void {
    this.fail(new ActorExitError(this.#id, reason));
  }

  #settle(): boolean {
    if (this.#settled) return false;
    this.#settled = true;
    this.#clock.clearTimeout(this.#timer);
    this.#done(this);
    return true;
  }
}

/** The queries to one actor that wait for their reply. @internal */
export class PendingQueries {
  readonly #id: string;
  readonly #clock: Clock;
  readonly #waiting = new Set<PendingQuery<unknown>>();

  constructor(id: string, clock: Clock) {
    this.#id = id;
    this.#clock = clock;
  }

  /** Makes a query and sends it. A throw of `send` rejects the query. */
  ask<Reply>(send: (query: ReplyTo<Reply>) => void, timeout: Milliseconds): Promise<Reply> {
    const query = new PendingQuery<Reply>(this.#id, this.#clock, timeout, (settled) => {
      this.#waiting.delete(settled as PendingQuery<unknown>);
    });
    this.#waiting.add(query as PendingQuery<unknown>);
    try {
      send(query);
    } catch (error) {
      query.fail(error as Error);
    }
    return query.promise;
  }

  targetEnded(reason: unknown): void {
    for (const query of this.#waiting) query.targetEnded(reason);
  }
}
