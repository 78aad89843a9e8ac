import { pause, setBackgroundTimeout, type Clock, type TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { newInbox } from "../pubsub/nats-client.js";
import { queueMicrotask } from "../timers.js";
import type { StoredEntry, Tail, TailSink } from "./engine.js";
import { newPullConsumer } from "./jetstream-client.js";
import type { JetStreamSession } from "./jetstream-session.js";
import type { NatsLog } from "./nats-log.js";

/** Messages that are asked for and not handled yet, at most. */
const window = 512;
/** Of one request, in bytes: what may be in memory for one that does not keep up. */
const requestBytes = 8 * 1024 * 1024;

type Message = Parameters<
  NonNullable<NonNullable<Parameters<JetStreamSession["connection"]["subscribe"]>[1]>["callback"]>
>[1];

/** A reading of a log, over all sessions, until it is closed. @internal */
export class NatsTail implements Tail {
  readonly #log: NatsLog;
  readonly #sink: TailSink;
  readonly #clock: Clock;
  readonly #closing = new AbortController();
  readonly #closed: () => void;
  /** The position that comes next. */
  #next: number;
  /** The entry before it. */
  #last: StoredEntry | undefined;
  #reading: Reading | undefined;
  #session: JetStreamSession | undefined;
  /** While the sink has entries. */
  #isDelivering = false;

  constructor(log: NatsLog, from: number, sink: TailSink, clock: Clock, closed: () => void) {
    this.#log = log;
    this.#next = from;
    this.#sink = sink;
    this.#clock = clock;
    this.#closed = closed;
  }

  /** Goes on with this session. */
  start(session: JetStreamSession): void {
    this.#session = session;
    void this.#read(session);
  }

  close(): void {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#session = undefined;
    this.#reading?.end();
    this.#closed();
  }

  /** Reads with one consumer after the other, while there is this session. */
  async #read(session: JetStreamSession): Promise<void> {
    const isOn = (): boolean => this.#session === session && session.endedWith === undefined;
    for (let failures = 0; isOn(); failures++) {
      if (failures > 0) await pause(this.#clock, Math.min(1000, 50 * failures), this.#signal);
      try {
        await this.#log.ensure(session);
        if (this.#last !== undefined && !(await this.#log.holds(session, this.#last))) {
          if (isOn()) this.#astray();
          return;
        }
        if (!isOn()) return;
        const { name } = await session.run(
          newPullConsumer(session.jsm, this.#log.stream, this.#next + 1, inactive * 1_000_000),
        );
        if (!isOn()) {
          remove(session, this.#log.stream, name);
          return;
        }
        const reading = new Reading(session, this.#log.stream, name, this.#clock, () =>
          this.#deliver(),
        );
        this.#reading = reading;
        this.#deliver();
        if (await reading.ended) failures = 0;
        remove(session, this.#log.stream, name);
      } catch {
        this.#log.forget();
      }
    }
  }

  get #signal(): AbortSignal {
    return this.#closing.signal;
  }

  /** The stream, or its end, was lost: what comes next would be something else. */
  #astray(): void {
    this.close();
    this.#sink.astray?.();
  }

  #deliver(): void {
    if (!this.#isDelivering) void this.#deliverAll();
  }

  async #deliverAll(): Promise<void> {
    this.#isDelivering = true;
    for (;;) {
      const reading = this.#reading;
      const entries = reading?.take(this.#next) ?? [];
      const last = entries.at(-1);
      if (this.#signal.aborted || last === undefined) break;
      this.#next = last.position + 1;
      this.#last = last;
      this.#log.seen(this.#next);
      const settled = this.#sink.entries(entries);
      if (settled !== undefined) await settled;
      reading?.request();
    }
    this.#isDelivering = false;
  }
}

function remove(session: JetStreamSession, stream: string, consumer: string): void {
  if (session.isUp) session.jsm.consumers.delete(stream, consumer).catch(() => {});
}

/** After which a consumer that nobody reads is removed by the server. */
const inactive: Milliseconds = 60_000;

/** What is received from one consumer: in order and complete, until it ends. */
class Reading {
  /**
   * Settles when the consumer has to be replaced: it is gone, silent, or something was lost on the
   * way. With whether anything was received.
   */
  readonly ended: Promise<boolean>;
  readonly #end: (received: boolean) => void;
  readonly #session: JetStreamSession;
  readonly #subject: string;
  readonly #inbox: string;
  readonly #clock: Clock;
  readonly #received: () => void;
  readonly #subscription: { unsubscribe(): void; isClosed(): boolean };
  readonly #unwatch: () => void;
  readonly #idle: Milliseconds;
  #buffer: StoredEntry[] = [];
  /** How many have been asked for, and not received. */
  #asked = 0;
  #delivered = 0;
  #lastHeard: Milliseconds;
  #timer: TimerHandle;
  #isEnded = false;

  constructor(
    session: JetStreamSession,
    stream: string,
    consumer: string,
    clock: Clock,
    received: () => void,
  ) {
    this.#session = session;
    this.#subject = `$JS.API.CONSUMER.MSG.NEXT.${stream}.${consumer}`;
    this.#inbox = newInbox(session.connection);
    this.#clock = clock;
    this.#lastHeard = clock.now();
    this.#received = received;
    // Of which the server says something at least.
    this.#idle = Math.ceil(Math.max(500, session.timeout / 3));
    let end: (received: boolean) => void = () => {};
    this.ended = new Promise((resolve) => (end = resolve));
    this.#end = end;
    this.#subscription = session.connection.subscribe(this.#inbox, {
      callback: (error, message) => {
        if (error === null) this.#onMessage(message);
        else this.end();
      },
    });
    this.#unwatch = session.onEnd(() => this.end());
    this.#watch();
    this.request();
  }

  /** What has been received from this position on. */
  take(from: number): StoredEntry[] {
    const buffer = this.#buffer;
    if (buffer.length === 0) return buffer;
    this.#buffer = [];
    return (buffer[0] as StoredEntry).position >= from
      ? buffer
      : buffer.filter(({ position }) => position >= from);
  }

  /** Asks for more, as far as what was received has been taken. */
  request(): void {
    if (this.#isEnded || this.#buffer.length > 0 || this.#asked > window / 2) return;
    const batch = window - this.#asked;
    this.#asked += batch;
    const request = {
      batch,
      expires: longPoll * 1_000_000,
      idle_heartbeat: this.#idle * 1_000_000,
      max_bytes: Math.max(requestBytes, 2 * (this.#session.connection.info?.max_payload ?? 0)),
    };
    this.#session.connection.publish(this.#subject, JSON.stringify(request), {
      reply: this.#inbox,
    });
  }

  end(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    this.#clock.clearTimeout(this.#timer);
    this.#unwatch();
    if (!this.#subscription.isClosed()) this.#subscription.unsubscribe();
    this.#end(this.#delivered > 0);
  }

  #onMessage(message: Message): void {
    if (this.#isEnded) return;
    this.#lastHeard = this.#clock.now();
    const { reply = "" } = message;
    if (message.subject === this.#inbox) this.#onStatus(message);
    else if (!reply.startsWith("$JS.ACK.")) this.end();
    else this.#onEvent(message.data, reply.split("."));
  }

  #onEvent(payload: Uint8Array, tokens: readonly string[]): void {
    // $JS.ACK.<stream>.<consumer>.<times>.<stream sequence>.<consumer sequence>.<nanoseconds>.<left>
    // and from some version on with domain and account in front of the stream, and more behind.
    const at = tokens.length > 9 ? 6 : 4;
    const sequence = Number(tokens[at + 1]);
    const delivered = Number(tokens[at + 2]);
    const time = Number(tokens[at + 3]?.slice(0, -6));
    if (delivered !== this.#delivered + 1) {
      // One was lost on the way.
      this.end();
      return;
    }
    this.#delivered = delivered;
    this.#asked--;
    this.#buffer.push({ position: sequence - 1, count: 1, time, payload });
    // All that arrive in one turn are delivered together.
    if (this.#buffer.length === 1) queueMicrotask(this.#received);
  }

  #onStatus({ headers }: Message): void {
    const code = headers?.code ?? 0;
    if (code === heartbeat) return;
    const unsent = Number(headers?.get("Nats-Pending-Messages") ?? 0);
    // The request has expired, or its bytes are used up.
    if (expired.has(code) && unsent > 0) {
      this.#asked = Math.max(0, this.#asked - unsent);
      this.request();
    } else if (code !== requestTimeout) this.end();
  }

  #watch(): void {
    this.#timer = setBackgroundTimeout(
      this.#clock,
      () => {
        if (this.#asked > 0 && this.#clock.now() - this.#lastHeard > 3 * this.#idle) this.end();
        else this.#watch();
      },
      this.#idle,
    );
  }
}

const heartbeat = 100;
const requestTimeout = 408;
const expired: ReadonlySet<number> = new Set([requestTimeout, 409]);
/** How long a request waits for messages. */
const longPoll: Milliseconds = 30_000;
