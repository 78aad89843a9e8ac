import { PubSubError } from "../errors.js";
import { warnOfError } from "../telemetry/channels.js";
import type { PubSubStatus, Transport } from "./transport.js";
import type { WireChannels } from "./wire-channels.js";

/**
 * One incarnation's connection: a transport from its opening to its closing. It counts as connected once everything that was
 * listened to when it began stands with the broker.
 *
 * @internal
 */
export class Connection {
  readonly transport: Transport;
  readonly #nodeName: string;
  readonly #channels: WireChannels;
  readonly #onStatus: () => void;
  #up = false;
  #lastError: unknown = "the broker can't be reached";
  #attached = false;
  #closed = false;
  #closing: Promise<void> | undefined;
  #decided!: () => void;
  /** Settles when the first subscriptions stand, or can't for now. */
  readonly #firstStatus = new Promise<void>((resolve) => {
    this.#decided = resolve;
  });

  constructor(
    transport: Transport,
    nodeName: string,
    channels: WireChannels,
    onStatus: () => void,
  ) {
    this.transport = transport;
    this.#nodeName = nodeName;
    this.#channels = channels;
    this.#onStatus = onStatus;
  }

  get status(): PubSubStatus {
    if (this.#closed) return "closed";
    return this.#up && this.#attached ? "connected" : "reconnecting";
  }

  /** @throws PubSubError `connect_failed` */
  async open(): Promise<void> {
    try {
      await this.transport.open({
        message: (channel, payload) => {
          if (!this.#closed) this.#channels.deliver(channel, payload);
        },
        status: (status, error) => this.#changed(status === "connected", error),
      });
    } catch (cause) {
      void this.close();
      throw new PubSubError(
        "connect_failed",
        this.#nodeName,
        `pubsub ${this.#nodeName} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`,
        { cause },
      );
    }
    if (this.#closed) return;
    void this.#channels.attach(this.transport).then(() => {
      this.#attached = true;
      this.#onStatus();
      this.#decided();
    });
    if (!this.#up) this.#decided();
    await this.#firstStatus;
    if (!this.#up && !this.#closed)
      warnOfError(
        `pubsub ${this.#nodeName}: no connection yet, it is tried again`,
        this.#lastError,
      );
  }

  /** What was published goes out, as far as it can; nothing comes in any more. Never rejects. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#closed = true;
    this.#channels.detach(this.transport);
    this.#onStatus();
    this.#decided();
    try {
      await this.transport.close();
    } catch {
      // It is over anyhow.
    }
  }

  #changed(up: boolean, error: unknown): void {
    if (this.#closed) return;
    if (error !== undefined) this.#lastError = error;
    this.#up = up;
    if (up && this.#attached) void this.#channels.retry();
    if (!up) this.#decided();
    this.#onStatus();
  }
}
