import { type BrokerSession, type Dial, RefusedError, toError } from "./broker-session.js";
import {
  asFailure,
  isViolation,
  type NatsConnection,
  type Statuses,
  statusesOf,
  subjectOf,
  type Violation,
} from "./nats-client.js";
import { nextTurn, queueMicrotask, setImmediate } from "../timers.js";

type Subscription = ReturnType<NatsConnection["subscribe"]>;

/**
 * Dials connections that `make` makes, and closes them. `discovered`: servers that the cluster has
 * announced.
 *
 * @internal
 */
export function natsDial(
  make: () => Promise<NatsConnection>,
  discovered: (added: readonly string[], deleted: readonly string[]) => void,
): Dial<NatsSession> {
  return async (lost, signal) => {
    const made = make();
    // It cannot be cancelled, only closed once it is made.
    const endLate = (): void => {
      made.then((connection) => connection.close()).catch(() => {});
    };
    signal.addEventListener("abort", endLate, { once: true });
    try {
      const connection = await made.catch((error: unknown) => {
        throw asFailure(error);
      });
      return new NatsSession(connection, true, lost, discovered);
    } finally {
      signal.removeEventListener("abort", endLate);
    }
  };
}

/** Dials by waiting until the user's own connection is up. @internal */
export function natsDialOver(connection: NatsConnection): Dial<NatsSession> {
  return async (lost, signal) => {
    if (connection.isClosed() || connection.isDraining())
      throw new RefusedError(new Error("the connection given has been closed"));
    const session = new NatsSession(connection, false, lost, () => {});
    const stop = (): void => session.destroy(toError(signal.reason));
    signal.addEventListener("abort", stop, { once: true });
    try {
      await session.flush();
      return session;
    } catch (error) {
      session.destroy(toError(error));
      throw error;
    } finally {
      signal.removeEventListener("abort", stop);
    }
  };
}

/**
 * A connection until it is lost; the user's own is a new session each time it has reconnected.
 *
 * @internal
 */
export class NatsSession implements BrokerSession {
  readonly maxPayload: number | undefined;
  readonly connection: NatsConnection;
  readonly #isOurs: boolean;
  readonly #lost: (error: Error) => void;
  readonly #discovered: (added: readonly string[], deleted: readonly string[]) => void;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #statuses: Statuses;
  /** Those whose flush has not settled, the oldest first. */
  readonly #batches = new Set<NatsBatch>();
  #filling: NatsBatch | undefined;
  #trouble: Error | undefined;
  #ended: Error | undefined;

  constructor(
    connection: NatsConnection,
    isOurs: boolean,
    lost: (error: Error) => void,
    discovered: (added: readonly string[], deleted: readonly string[]) => void,
  ) {
    this.connection = connection;
    this.#isOurs = isOurs;
    this.#lost = lost;
    this.#discovered = discovered;
    this.maxPayload = connection.info?.max_payload;
    this.#statuses = statusesOf(connection);
    void this.#watch();
    connection.closed().then(
      (error) => this.#break(error instanceof Error ? error : undefined),
      (error: unknown) => this.#break(toError(error)),
    );
  }

  async subscribe(channel: string, onMessage: (payload: Uint8Array) => void): Promise<void> {
    if (this.#ended !== undefined) throw this.#ended;
    let refused: ((error: Error) => void) | undefined;
    const refusal = new Promise<never>((_, reject) => (refused = reject));
    const subscription = this.connection.subscribe(subjectOf(channel), {
      callback: (error, message) => {
        if (error === null) onMessage(message.data);
        else if (refused !== undefined) refused(asFailure(error));
        // A permission was taken away: whether it is given again shows at the next subscription.
        else this.#break(toError(error));
      },
    });
    this.#subscriptions.set(channel, subscription);
    try {
      await Promise.race([this.#acknowledged(), refusal]);
    } catch (error) {
      if (this.#subscriptions.get(channel) === subscription) this.#subscriptions.delete(channel);
      throw error;
    } finally {
      refused = undefined;
    }
  }

  async unsubscribe(channel: string): Promise<void> {
    const subscription = this.#subscriptions.get(channel);
    this.#subscriptions.delete(channel);
    if (subscription === undefined || subscription.isClosed()) return;
    subscription.unsubscribe();
    await this.#acknowledged();
  }

  publish(channel: string, payload: Uint8Array): Promise<void> {
    return this.publishOn(subjectOf(channel), payload);
  }

  publishOn(subject: string, payload: Uint8Array): Promise<void> {
    // Without the server's info it is reconnecting, and would keep the message until then.
    if (this.#ended !== undefined || this.connection.info === undefined)
      return Promise.reject(this.#ended ?? disconnected());
    try {
      this.connection.publish(subject, payload);
    } catch (error) {
      return Promise.reject(toError(error));
    }
    return this.#acknowledged(subject);
  }

  flush(): Promise<void> {
    return this.#acknowledged();
  }

  destroy(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#statuses.stop();
    for (const batch of this.#batches) batch.fail(error);
    this.#batches.clear();
    if (this.#isOurs) {
      // A watch whose answer has just arrived would fail as it starts on a closed connection, and
      // the client would keep its timer: nothing of this turn must find the connection closed.
      setImmediate(() => void this.connection.close().catch(() => {}));
      return;
    }
    for (const subscription of this.#subscriptions.values())
      if (!subscription.isClosed()) subscription.unsubscribe();
  }

  /**
   * Settles when the server has processed all requests so far; those of a turn share a round trip.
   */
  #acknowledged(subject?: string): Promise<void> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    this.#filling ??= this.#newBatch();
    return this.#filling.add(subject);
  }

  #newBatch(): NatsBatch {
    const batch = new NatsBatch();
    this.#batches.add(batch);
    queueMicrotask(() => {
      this.#filling = undefined;
      void this.#settle(batch);
    });
    return batch;
  }

  async #settle(batch: NatsBatch): Promise<void> {
    try {
      await this.connection.flush();
      // A refusal arrives before the answer, but nats.js reports it a few promises later.
      await nextTurn();
      batch.succeed();
    } catch (error) {
      batch.fail(toError(error));
    } finally {
      this.#batches.delete(batch);
    }
  }

  async #watch(): Promise<void> {
    for await (const status of this.#statuses) {
      if (status.type === "error") this.#onError(status.error);
      else if (status.type === "update") this.#discovered(status.added ?? [], status.deleted ?? []);
      // An orderly disconnect would wait for a silent server.
      else if (status.type === "disconnect" || status.type === "staleConnection") this.#break();
    }
  }

  #onError(error: Error): void {
    if (isViolation(error)) this.#onViolation(error);
    else this.#trouble = error;
  }

  #onViolation(error: Violation): void {
    if (error.operation !== "publish") return;
    for (const batch of this.#batches) batch.refuse(error.subject, new RefusedError(error));
  }

  #break(error?: Error): void {
    if (this.#ended === undefined) this.#lost(error ?? this.#trouble ?? disconnected());
  }
}

const disconnected = (): Error => new Error("the connection to the broker was lost");

interface Waiter {
  /** The subject of a publish; undefined: something else. */
  readonly subject: string | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/** Requests that were sent to the server together, and are confirmed together. */
class NatsBatch {
  #waiting: Waiter[] = [];

  add(subject: string | undefined): Promise<void> {
    return new Promise((resolve, reject) => this.#waiting.push({ subject, resolve, reject }));
  }

  /** The server has processed all of them. */
  succeed(): void {
    for (const { resolve } of this.#waiting.splice(0)) resolve();
  }

  /** The server cannot be known to have processed them. */
  fail(error: Error): void {
    for (const { reject } of this.#waiting.splice(0)) reject(error);
  }

  /** The server refuses what was published on a subject. */
  refuse(subject: string, error: Error): void {
    const refused = this.#waiting.filter((waiter) => waiter.subject === subject);
    if (refused.length === 0) return;
    this.#waiting = this.#waiting.filter((waiter) => waiter.subject !== subject);
    for (const { reject } of refused) reject(error);
  }
}
