import { type Clock, pause, setBackgroundTimeout, type TimerHandle } from "../clock.js";
import type { Milliseconds } from "../options.js";
import { mathRandom } from "../timers.js";
import { toError } from "../pubsub/broker-session.js";
import { type Ack, noResponders } from "./ack-inbox.js";
import type { AppendResult, NewEntry } from "./engine.js";
import { isWrongLast } from "./jetstream-client.js";
import type { JetStreamSession } from "./jetstream-session.js";
import {
  type EntryOrigin,
  expectedHeader,
  expectedStreamHeader,
  isYounger,
  originHeader,
  originText,
} from "./nats-entry.js";
import { maxMisses, missDelay } from "./nats-bucket.js";
import type { LastMessage, NatsLog } from "./nats-log.js";

/** Messages that are sent before the first of them is acknowledged, at most. */
const longestPipeline = 1024;

/** Messages that are sent at once at first. */
const firstBurst = 256;
/** From here on, waits are not doubled any more. */
const maxCollisions = 5;

interface Append {
  readonly entry: NewEntry;
  /** How often its message found no stream. */
  misses: number;
  readonly resolve: (result: AppendResult) => void;
  readonly reject: (error: Error) => void;
}

/** An append whose message has been sent. */
interface Sent {
  /**
   * Whether it is stored at `predicted` or not at all. Otherwise it may be stored further behind, and
   * nothing can be sent after it before that is known.
   */
  readonly isExact: boolean;
  readonly append: Append;
  readonly session: JetStreamSession;
  readonly reply: string;
  readonly origin: EntryOrigin;
  /** The sequence that the message gets, unless others write at the same time. */
  readonly predicted: number;
  readonly sentAt: number;
  /** Refused, since what was predicted of the one before it was wrong: it is sent again. */
  isRefused: boolean;
}

/**
 * Writes the entries of one node to a log. Each message carries the sequence of the message before
 * it on the node's subject, and the server stores it only if that is the last one there. So nothing
 * is stored twice, and nothing behind something that is not stored.
 *
 * To send the next message before the last one is acknowledged, its sequence has to be predicted.
 * Such messages also carry the sequence of the last message in the stream, whoever has written it:
 * each is stored where it was predicted, or not at all. Where another node has written in between,
 * all that follow are refused, and sent again: after a random wait, that leaves the others their
 * turn, the next message goes alone, and wherever it fits. If that comes where it was predicted,
 * many follow at once.
 *
 * @internal
 */
export class NatsWriter {
  readonly #log: NatsLog;
  readonly #node: string;
  readonly #clock: Clock;
  readonly #openSession: () => JetStreamSession;
  /** Not sent yet, in their order. */
  #queue: Append[] = [];
  /** Not acknowledged yet, in their order. */
  #sent: Sent[] = [];
  /** The session in which `#last` is known; undefined: the server has to be asked. */
  #session: JetStreamSession | undefined;
  /** The session whose end is waited for. */
  #watched: JetStreamSession | undefined;
  #last: LastMessage = { sequence: 0, origin: undefined };
  /** Nothing was sent since the server was asked. */
  #isFresh = false;
  #isAsking = false;
  /** A prediction was wrong: nothing is sent until all that are under way have been answered. */
  #isBroken = false;
  /** How many may be under way. */
  #pipeline = 1;
  /** How many are sent at once, when one that was sent alone came where it was predicted. */
  #burst = firstBurst;
  /** How long the server takes to answer. */
  #roundTrip: Milliseconds = 1;
  /** How often in a row a prediction was wrong. */
  #collisions = 0;
  #timer: TimerHandle;
  #isTimerSet = false;

  constructor(log: NatsLog, node: string, clock: Clock, openSession: () => JetStreamSession) {
    this.#log = log;
    this.#node = node;
    this.#clock = clock;
    this.#openSession = openSession;
  }

  append(entry: NewEntry): Promise<AppendResult> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ entry, misses: 0, resolve, reject });
      this.#pump();
    });
  }

  /** Whether what is under way is stored is not known any more. */
  fail(error: Error): void {
    this.#session = undefined;
    this.#isBroken = false;
    for (const { reply, session } of this.#sent) session.acks.forget(reply);
    const all = [...this.#sent.map(({ append }) => append), ...this.#queue];
    this.#sent = [];
    this.#queue = [];
    for (const { reject } of all) reject(error);
  }

  #pump(): void {
    if (this.#isAsking || this.#isBroken) return;
    let session: JetStreamSession;
    try {
      session = this.#openSession();
    } catch (error) {
      this.fail(toError(error));
      return;
    }
    if (this.#session !== session) {
      if (this.#sent.length > 0) this.fail(new Error("the connection to the broker was lost"));
      else void this.#ask(session);
      return;
    }
    while (this.#queue.length > 0 && this.#sent.length < this.#pipeline) {
      if (this.#sent.at(-1)?.isExact === false) return;
      const append = this.#queue[0] as Append;
      const before = this.#sent.at(-1)?.origin ?? this.#last.origin;
      const refusal = this.#judge(append.entry, before);
      if (refusal === undefined) {
        this.#queue.shift();
        if (!this.#send(session, append)) return;
        continue;
      }
      // What is under way may be refused, too.
      if (this.#sent.length > 0) return;
      if (!this.#isFresh) {
        void this.#ask(session);
        return;
      }
      this.#queue.shift();
      append.resolve(refusal);
    }
  }

  /** Why nothing can be stored, if `before` is the last that is; undefined: it can. */
  #judge(entry: NewEntry, before: EntryOrigin | undefined): AppendResult | undefined {
    if (before === undefined) return undefined;
    if (before.epoch !== entry.epoch)
      return isYounger(before, entry) ? { status: "superseded" } : undefined;
    // A marker of an epoch that has stored nothing.
    if (before.isMarker && before.to === -1) return undefined;
    if (before.to === entry.after) return undefined;
    return { status: "conflict", last: before.to, generation: this.#log.generation };
  }

  /** Asks the server for the last message. */
  async #ask(session: JetStreamSession): Promise<void> {
    this.#isAsking = true;
    if (this.#watched !== session) {
      this.#watched = session;
      session.onEnd((error) => {
        if (this.#watched === session) this.fail(error);
      });
    }
    try {
      this.#last = await this.#log.lastOf(session, this.#node);
      this.#session = session;
      this.#isFresh = true;
    } catch (error) {
      this.fail(toError(error));
    } finally {
      this.#isAsking = false;
    }
    if (this.#queue.length > 0) this.#pump();
  }

  /** Returns whether it was sent; otherwise, all have been rejected. */
  #send(session: JetStreamSession, append: Append): boolean {
    const { node, epoch, startedAt, to, payload } = append.entry;
    const origin = { node, epoch, startedAt, to, isMarker: false };
    const previous = this.#sent.at(-1);
    const before = previous?.predicted ?? this.#log.tip;
    const isExact = this.#pipeline > 1;
    const headers = session.newHeaders();
    headers.set(expectedHeader, String(previous?.predicted ?? this.#last.sequence));
    if (isExact) headers.set(expectedStreamHeader, String(before));
    headers.set(originHeader, originText(origin));
    const reply = session.acks.expect((ack) => this.#answered(sent, ack));
    const sent: Sent = {
      append,
      session,
      reply,
      origin,
      predicted: before + 1,
      isExact,
      sentAt: this.#clock.now(),
      isRefused: false,
    };
    this.#sent.push(sent);
    this.#isFresh = false;
    try {
      session.connection.publish(this.#log.subjectOf(node), payload, { reply, headers });
    } catch (error) {
      this.fail(toError(error));
      return false;
    }
    this.#watchTime(session);
    return true;
  }

  #answered(sent: Sent, ack: Ack): void {
    if ("sequence" in ack) this.#stored(sent, ack.sequence);
    else if (isWrongLast(ack.code)) this.#refused(sent, sent.isExact);
    else if (ack.code === noResponders && ++sent.append.misses <= 2 * maxMisses) {
      // The stream was deleted, or has just been created and has no subject yet.
      this.#log.forget();
      this.#refused(sent, false);
    } else {
      this.#log.forget();
      this.fail(new Error(`JetStream has not stored an event: ${ack.message}`));
    }
  }

  #stored(sent: Sent, sequence: number): void {
    this.#log.seen(sequence);
    if (this.#sent[0] !== sent) {
      // Something foreign has published on this node's subject, at the very sequence that was
      // predicted for the one before it. Readers see that events are missing.
      this.#sent.splice(this.#sent.indexOf(sent), 1);
      sent.append.resolve(this.#appended(sequence));
      this.fail(new Error("JetStream has not stored an event, but one behind it"));
      return;
    }
    this.#sent.shift();
    this.#last = { sequence, origin: sent.origin };
    const came = sequence === sent.predicted;
    // The leader of a replicated stream compares with what is replicated already: there, each message
    // has to wait for the one before it.
    const longest = this.#log.isReplicated ? 1 : longestPipeline;
    const wasAlone = this.#pipeline === 1;
    this.#roundTrip += (this.#clock.now() - sent.sentAt - this.#roundTrip) / 8;
    if (!wasAlone) {
      this.#collisions = 0;
      this.#burst = Math.min(longest, this.#burst + 1);
    }
    this.#pipeline = !came ? 1 : Math.min(longest, wasAlone ? this.#burst : this.#pipeline + 1);
    sent.append.resolve(this.#appended(sequence));
    this.#log.stored();
    this.#pump();
  }

  #appended(sequence: number): AppendResult {
    return { status: "appended", position: sequence - 1, generation: this.#log.generation };
  }

  /**
   * Nothing was stored.
   *
   * @param isPredicted whether another node's message may be the reason: nobody has to be asked
   */
  #refused(sent: Sent, isPredicted: boolean): void {
    sent.isRefused = true;
    this.#isBroken = true;
    this.#pipeline = 1;
    if (this.#sent[0] === sent && !isPredicted) this.#session = undefined;
    if (this.#sent.some(({ isRefused }) => !isRefused)) return;
    this.#queue = [...this.#sent.map(({ append }) => append), ...this.#queue];
    this.#sent = [];
    this.#isBroken = false;
    const tries = this.#queue[0]?.misses ?? 0;
    if (tries > 1) void this.#pumpIn(missDelay * tries);
    else if (isPredicted && this.#queue.length > 1) void this.#pumpIn(this.#backOff());
    else this.#pump();
  }

  /**
   * Where several nodes write as fast as they can, each would refute the others' predictions all the
   * time. One that waits for a random time lets another one send all that it has.
   */
  #backOff(): Milliseconds {
    this.#burst = Math.max(2, this.#burst >>> 1);
    this.#collisions = Math.min(maxCollisions, this.#collisions + 1);
    return mathRandom() * 2 ** this.#collisions * this.#roundTrip;
  }

  async #pumpIn(ms: Milliseconds): Promise<void> {
    this.#isAsking = true;
    await pause(this.#clock, ms);
    this.#isAsking = false;
    this.#pump();
  }

  /** Without an acknowledgement in time, nobody knows whether it was stored. */
  #watchTime(session: JetStreamSession): void {
    if (this.#isTimerSet) return;
    this.#isTimerSet = true;
    this.#timer = setBackgroundTimeout(
      this.#clock,
      () => {
        this.#isTimerSet = false;
        const [first] = this.#sent;
        if (first === undefined) return;
        if (this.#clock.now() - first.sentAt < session.timeout) this.#watchTime(session);
        else this.fail(new Error(`no acknowledgement within ${session.timeout} ms`));
      },
      session.timeout,
    );
  }

  close(error: Error): void {
    this.#clock.clearTimeout(this.#timer);
    this.#isTimerSet = false;
    this.fail(error);
  }
}
