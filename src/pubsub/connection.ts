import type { Clock } from "../clock.js";
import { PubSubError } from "../errors.js";
import { warnOfError } from "../telemetry/channels.js";
import { RefusedError } from "./broker-session.js";
import { Refusals } from "./refusals.js";
import type { PubSubStatus, Transport, TransportEvents } from "./transport.js";
import type { WireChannels } from "./wire-channels.js";

/** The payload that tests whether a channel may be published on: receivers ignore it. */
const nothing = new Uint8Array(0);

/** What a connection belongs to. @internal */
export interface ConnectionOwner {
  readonly nodeName: string;
  readonly channels: WireChannels;
  readonly clock: Clock;
  readonly random: () => number;
  /** The prefix of the streams' channels. */
  readonly busPrefix: string;
  onStatus(): void;
}

/**
 * The connection of one incarnation of a pubsub's actor: a transport from its opening to its
 * closing. It counts as connected while the broker has all subscriptions, and refuses no channel of
 * a stream.
 *
 * @internal
 */
export class Connection {
  readonly transport: Transport;
  readonly #nodeName: string;
  readonly #channels: WireChannels;
  readonly #onStatus: () => void;
  readonly #busPrefix: string;
  readonly #refusals: Refusals;
  /** Whether the transport has a connection. */
  #up = false;
  /** Whether all subscriptions have been made over it. */
  #subscribed = false;
  #lastError: unknown = "the broker can't be reached";
  #closed = false;
  #closing: Promise<void> | undefined;
  #decided!: () => void;
  /** Settles when the first subscriptions are made, or cannot be made for now. */
  readonly #firstStatus = new Promise<void>((resolve) => {
    this.#decided = resolve;
  });

  constructor(transport: Transport, owner: ConnectionOwner) {
    this.transport = transport;
    this.#nodeName = owner.nodeName;
    this.#channels = owner.channels;
    this.#busPrefix = owner.busPrefix;
    this.#onStatus = () => owner.onStatus();
    this.#refusals = new Refusals(owner.nodeName, owner.clock, owner.random, () =>
      this.#onStatus(),
    );
  }

  get status(): PubSubStatus {
    if (this.#closed) return "closed";
    return this.isUp && this.refusalOf("") === undefined ? "connected" : "reconnecting";
  }

  /** Whether there is a connection, whatever the broker refuses. */
  get isUp(): boolean {
    return !this.#closed && this.#subscribed;
  }

  /** Why there is no connection, as far as is known. */
  get trouble(): unknown {
    return this.#up ? undefined : this.#lastError;
  }

  /** The broker's refusal of a stream's channel whose name begins so. */
  refusalOf(prefix: string): PubSubError | undefined {
    return this.#refusals.of(this.#busPrefix + prefix);
  }

  /** Nothing more will be published on a stream's channels whose names begin so. */
  abandon(prefix: string): void {
    this.#refusals.drop(this.#busPrefix + prefix);
  }

  /** The broker has refused what was published on a stream's channel. */
  refused(channel: string, cause: unknown): PubSubError {
    return this.#refusals.add("publish on", channel, cause, () =>
      this.transport.publish(channel, nothing),
    );
  }

  /** @throws PubSubError `connect_failed` */
  load(): Promise<void> {
    return this.#orFail(() => this.transport.load?.());
  }

  /** @throws PubSubError `connect_failed` */
  async open(): Promise<void> {
    const events: TransportEvents = {
      message: (channel, payload) => {
        if (!this.#closed) this.#channels.deliver(channel, payload);
      },
      status: (status, error) => this.#changed(status === "connected", error),
    };
    await this.#orFail(() => this.transport.open(events));
    if (this.#closed) return;
    if (!this.#up) this.#decided();
    await this.#firstStatus;
    if (!this.#up && !this.#closed)
      warnOfError(
        `pubsub ${this.#nodeName}: no connection yet, it is tried again`,
        this.#lastError,
      );
  }

  async #orFail(step: () => Promise<void> | undefined): Promise<void> {
    try {
      await step();
    } catch (cause) {
      void this.close();
      const reason = cause instanceof Error ? cause.message : String(cause);
      const message = `pubsub ${this.#nodeName} could not be started: ${reason}`;
      throw new PubSubError("connect_failed", this.#nodeName, message, { cause });
    }
  }

  /** Sends what was published, as far as it can; receives nothing any more. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#channels.close();
    this.#refusals.drop("");
    this.#onStatus();
    this.#decided();
    try {
      await this.transport.close();
    } catch {
      // The connection has ended anyway.
    }
  }

  #changed(up: boolean, error: unknown): void {
    if (this.#closed) return;
    if (error !== undefined) this.#lastError = error;
    // Such as a changed password.
    if (!up && error instanceof RefusedError)
      warnOfError(`pubsub ${this.#nodeName}: the broker refuses it, and it is tried again`, error);
    this.#up = up;
    this.#subscribed = false;
    if (up) void this.#subscribeAll();
    else {
      this.#channels.detach();
      this.#decided();
    }
    this.#onStatus();
  }

  async #subscribeAll(): Promise<void> {
    const isDone = await this.#channels.attach({
      transport: this.transport,
      refused: (channel, error, retry) =>
        void this.#refusals.add("subscribe to", channel, error, retry),
      ended: (channel) => this.#refusals.unsubscribed(channel),
    });
    if (!isDone) return;
    this.#subscribed = true;
    this.#onStatus();
    this.#decided();
  }
}
