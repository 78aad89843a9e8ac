import { type BrokerSession, type Dial, RefusedError, toError } from "./broker-session.js";
import {
  asFailure,
  isViolation,
  type NatsConnection,
  type Statuses,
  statusesOf,
  type Violation,
} from "./nats-client.js";
import { NatsBatch } from "./nats-batch.js";
import { subjectOf } from "./nats-subject.js";
import { nextTurn, queueMicrotask } from "../timers.js";

type Subscription = ReturnType<NatsConnection["subscribe"]>;

/**
 * Dials connections that `make` makes and that are ours to close. `heardOf`: servers that the
 * connection has been told of.
 *
 * @internal
 */
export function natsDial(
  make: () => Promise<NatsConnection>,
  heardOf: (added: readonly string[], deleted: readonly string[]) => void,
): Dial {
  return async (lost, signal) => {
    const made = make();
    // It can't be called off, only ended when it is there.
    const endLate = (): void => {
      made.then((connection) => connection.close()).catch(() => {});
    };
    signal.addEventListener("abort", endLate, { once: true });
    try {
      const connection = await made.catch((error: unknown) => {
        throw asFailure(error);
      });
      return new NatsSession(connection, true, lost, heardOf);
    } finally {
      signal.removeEventListener("abort", endLate);
    }
  };
}

/** Dials by waiting until the user's own connection stands. @internal */
export function natsDialOver(connection: NatsConnection): Dial {
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
 * A connection for as long as it stands; the user's own is another session each time that it stands
 * again.
 */
class NatsSession implements BrokerSession {
  readonly maxPayload: number | undefined;
  readonly #connection: NatsConnection;
  readonly #isOurs: boolean;
  readonly #lost: (error: Error) => void;
  readonly #heardOf: (added: readonly string[], deleted: readonly string[]) => void;
  readonly #subscriptions = new Map<string, Subscription>();
  readonly #statuses: Statuses;
  /** Those whose flush is not over, the oldest first. */
  readonly #batches = new Set<NatsBatch>();
  #filling: NatsBatch | undefined;
  #trouble: Error | undefined;
  #ended: Error | undefined;

  constructor(
    connection: NatsConnection,
    isOurs: boolean,
    lost: (error: Error) => void,
    heardOf: (added: readonly string[], deleted: readonly string[]) => void,
  ) {
    this.#connection = connection;
    this.#isOurs = isOurs;
    this.#lost = lost;
    this.#heardOf = heardOf;
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
    const subscription = this.#connection.subscribe(subjectOf(channel), {
      callback: (error, message) => {
        if (error === null) onMessage(message.data);
        else if (refused !== undefined) refused(asFailure(error));
        // A permission was taken away meanwhile: whether it comes back shows when all is subscribed
        // to again.
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
    // Without the server's info it is connecting again and would keep the message until it has.
    if (this.#ended !== undefined || this.#connection.info === undefined)
      return Promise.reject(this.#ended ?? disconnected());
    const subject = subjectOf(channel);
    try {
      this.#connection.publish(subject, payload);
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
      this.#connection.close().catch(() => {});
      return;
    }
    for (const subscription of this.#subscriptions.values())
      if (!subscription.isClosed()) subscription.unsubscribe();
  }

  /**
   * Settles when the server has what was said up to now; all that is said within a turn shares one
   * round trip.
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
      await this.#connection.flush();
      // A refusal comes before the answer, but is told a few promises later.
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
      else if (status.type === "update") this.#heardOf(status.added ?? [], status.deleted ?? []);
      // When the other side is silent, an orderly disconnect would wait for it.
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
