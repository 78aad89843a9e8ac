import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** One message, as https://html.spec.whatwg.org/multipage/server-sent-events.html has it. */
export interface ServerSentEvent {
  readonly event: string;
  /** What a client that was cut off sends as `Last-Event-ID`. */
  readonly id: string;
  /** Sent as JSON, which has no line break. */
  readonly data: unknown;
}

/** Options of {@link SseClient}, in milliseconds. */
export interface SseOptions {
  /** How long the client waits before it connects again. */
  readonly retry?: number;
  /** How often a comment is sent: proxies leave the connection open, and a lost one is noticed. */
  readonly heartbeat?: number;
}

/** A client of Server-Sent Events, over any response of `node:http`. Headers are sent at once. */
export class SseClient {
  /** Aborted when the client has gone, and by `close`. */
  readonly signal: AbortSignal;
  readonly #ended = new AbortController();
  readonly #heartbeat: NodeJS.Timeout;
  readonly #response: ServerResponse;

  constructor(response: ServerResponse, { retry = 1000, heartbeat = 15_000 }: SseOptions = {}) {
    this.signal = this.#ended.signal;
    this.#response = response;
    response.writeHead(200, {
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      "x-accel-buffering": "no", // nginx would collect what it should pass on
    });
    response.write(`retry: ${retry}\n\n`);
    this.#heartbeat = setInterval(() => {
      if (!response.writableNeedDrain) response.write(":\n\n");
    }, heartbeat);
    if (response.destroyed) this.close();
    else response.once("close", () => this.close());
  }

  /** Settles when there is room for the next one. Rejects with an AbortError at the end. */
  async send({ event, id, data }: ServerSentEvent): Promise<void> {
    this.signal.throwIfAborted();
    const frame = `event: ${event}\nid: ${id}\ndata: ${JSON.stringify(data)}\n\n`;
    if (!this.#response.write(frame)) await once(this.#response, "drain", { signal: this.signal });
  }

  /** Ends the connection; a second call has no effect. Nothing is sent any more. */
  close(): void {
    if (this.signal.aborted) return;
    this.#ended.abort();
    clearInterval(this.#heartbeat);
    // A client that does not read would never see the end: it is cut off.
    if (this.#response.writableNeedDrain) this.#response.destroy();
    else this.#response.end();
  }
}
