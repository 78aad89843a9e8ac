import { type NatsConnection, newInbox } from "../pubsub/nats-client.js";

/** What the server has answered to a message that was published. @internal */
export type Ack =
  { readonly sequence: number } | { readonly code: number; readonly message: string };

/**
 * Receives the acknowledgements of messages that are published one behind the other: one
 * subscription for all of them, and no timer for each.
 *
 * @internal
 */
export class AckInbox {
  readonly #prefix: string;
  readonly #waiting = new Map<string, (ack: Ack) => void>();
  readonly #subscription: { unsubscribe(): void; isClosed(): boolean };
  #last = 0;

  constructor(connection: NatsConnection) {
    this.#prefix = `${newInbox(connection)}.`;
    this.#subscription = connection.subscribe(`${this.#prefix}*`, {
      callback: (error, message) => {
        if (error !== null) return;
        const waiting = this.#waiting.get(message.subject);
        if (waiting === undefined) return;
        this.#waiting.delete(message.subject);
        waiting(ackOf(message.headers?.code, () => message.string()));
      },
    });
  }

  /** A new subject for one answer. */
  expect(answered: (ack: Ack) => void): string {
    const subject = this.#prefix + (++this.#last).toString(36);
    this.#waiting.set(subject, answered);
    return subject;
  }

  /** An answer on the subject will not be of interest any more. */
  forget(subject: string): void {
    this.#waiting.delete(subject);
  }

  close(): void {
    this.#waiting.clear();
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
  }
}

/** No stream takes messages of the subject. @internal */
export const noResponders = 503;

function ackOf(status: number | undefined, text: () => string): Ack {
  if (status === noResponders) return { code: noResponders, message: "no stream has the subject" };
  try {
    const { seq, error } = JSON.parse(text()) as { seq?: unknown; error?: unknown };
    if (error === undefined && Number.isSafeInteger(seq)) return { sequence: seq as number };
    const { err_code: code, description } = (error ?? {}) as Record<string, unknown>;
    if (typeof code === "number" && typeof description === "string")
      return { code, message: description };
  } catch {
    // It is no JSON.
  }
  return { code: 0, message: "no acknowledgement" };
}
