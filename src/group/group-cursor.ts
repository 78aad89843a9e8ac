import { CacheEvent } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import { Cursor } from "../log/cursor.js";
import { type CursorReader, type Gate, type Message, notBegun } from "../log/message.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { CursorOptions } from "../log/reader-position.js";

/**
 * Events that may be handled and not committed, at most: what comes again after a death.
 *
 * @internal
 */
export const maxUncommitted = 64;

/** What a cursor asks of the partition that it reads. @internal */
export interface CursorOwner {
  readonly fence: number;
  /** Whether the lease is lost, so that nothing that is in hand counts. */
  readonly isLost: boolean;
  /**
   * Whether a handler may be called now.
   *
   * @param isFirst with the first message that is not handled: no position behind it can be
   *   committed before
   */
  mayBegin(isFirst: boolean): boolean;
  /** Messages have been handled, or given up. */
  settled(): void;
  /** An event has been handled. */
  handled(event: CacheEvent): void;
  /** An event has been given up. */
  gaveUp(event: CacheEvent, error: unknown, attempts: number): void;
}

interface Waiter {
  readonly messages: readonly Message[];
  readonly go: () => void;
  readonly refuse: (reason: unknown) => void;
}

/** Events before which a gap has not been handled. */
interface Hold {
  /** The offset in the log before which the gap is given. */
  readonly at: number;
  /** The position beyond which nothing may be committed until then. */
  readonly position: number;
}

/**
 * Reads a partition of a cluster group under one lease: offsets of its log are positions in the
 * journal. It lets a handler be called only while its owner permits it.
 *
 * @internal
 */
export class GroupCursor extends Cursor implements Gate {
  readonly maxBatch = maxUncommitted;
  readonly #owner: CursorOwner;
  /** The messages that a handler has been called with, until they are settled. */
  readonly #begun = new Set<Message>();
  #waiting: Waiter[] = [];
  /** Begins nothing for now. */
  #isHeld = false;
  /** Begins nothing in this incarnation of its reader. */
  #isShut = false;
  #holds: Hold[] = [];
  readonly #quiet: (() => void)[] = [];

  constructor(log: PartitionLog, options: CursorOptions, owner: CursorOwner) {
    super(log, log.first, options);
    this.#owner = owner;
  }

  override get gate(): Gate {
    return this;
  }

  override get fence(): number {
    return this.#owner.fence;
  }

  get isLost(): boolean {
    return this.#owner.isLost;
  }

  /** The first position that is not known to be handled; a gap counts, too. */
  get handledTo(): number {
    while (this.#holds.length > 0 && this.#isPast(this.#holds[0] as Hold)) this.#holds.shift();
    return Math.min(this.handledUpTo, this.#holds[0]?.position ?? Infinity);
  }

  /** The first event that is not known to be handled. */
  get oldestUnhandled(): CacheEvent | undefined {
    let oldest: CacheEvent | undefined;
    // The log need not keep what has been taken.
    for (const message of this.unacked.all()) {
      if (!this.isOfLog(message)) continue;
      if (oldest === undefined || CacheEvent.offsetOf(message) < CacheEvent.offsetOf(oldest))
        oldest = message;
    }
    if (oldest !== undefined) return oldest;
    const { log, mask } = this;
    const offset = log.find(this.unreadFrom, mask, undefined);
    return offset < log.next ? log.at(offset) : undefined;
  }

  /** How many events of the log have been taken and are not settled. */
  get unhandledOfLog(): number {
    return this.unacked.all().filter((message) => this.isOfLog(message)).length;
  }

  /** Whether a handler is at work. */
  get isBusy(): boolean {
    return this.#begun.size > 0;
  }

  /** Reports a gap; nothing beyond `position` is handled until it has been. */
  holdFor(gap: GapEvent, at: number, position: number): void {
    this.#holds.push({ at, position });
    this.reportGap(gap, at);
  }

  /** Gives events that are not of the log, behind those that have been taken. */
  giveAgain(events: readonly CacheEvent[]): void {
    this.unacked.addUndelivered(events);
    this.reader?.wake();
  }

  /** Begins nothing more until `resume`. */
  hold(): void {
    this.#isHeld = true;
  }

  /** Lets what waits begin, as far as the owner permits it. */
  resume(): void {
    this.#isHeld = false;
    this.proceed();
  }

  /** What the owner did not permit may be permitted now. */
  proceed(): void {
    if (this.#isHeld || this.#isShut) return;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const waiter of waiting) {
      if (this.#mayBegin(waiter.messages)) this.#begin(waiter);
      else this.#waiting.push(waiter);
    }
    // The lease may have been found to be lost.
    if (this.#isShut) this.shut();
    this.reader?.wake();
  }

  /** Begins nothing more for this reader, which ends. */
  shut(): void {
    this.#isShut = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const { refuse } of waiting) refuse(notBegun);
  }

  /** Settles when no handler is at work; to be called after `hold` or `shut`. */
  quiet(): Promise<void> {
    if (!this.isBusy) return Promise.resolve();
    return new Promise((resolve) => void this.#quiet.push(resolve));
  }

  enter(messages: readonly Message[]): Promise<void> | undefined {
    if (this.#isShut) return Promise.reject(notBegun as unknown as Error);
    if (this.#mayBegin(messages)) {
      for (const message of messages) this.#begun.add(message);
      return undefined;
    }
    if (this.#isShut) return Promise.reject(notBegun as unknown as Error);
    return new Promise((go, refuse) => void this.#waiting.push({ messages, go, refuse }));
  }

  leave(messages: readonly Message[]): void {
    for (const message of messages) this.#begun.delete(message);
    this.#checkQuiet();
  }

  override reattach(
    reader: CursorReader,
    options: { mask: number; gaps: boolean; skipOrigin: unknown; bound?: number },
  ): void {
    this.#isShut = false;
    super.reattach(reader, options);
  }

  override detach(): void {
    super.detach();
    this.shut();
    this.#begun.clear();
    this.#checkQuiet();
  }

  /** Each event passes the gate. */
  override run(): undefined {
    return undefined;
  }

  override next(): Message | undefined {
    return this.#isShut || this.#isHeld ? undefined : super.next();
  }

  override done(message: Message): void {
    super.done(message);
    if (message.type !== "gap") this.#owner.handled(message as CacheEvent);
    this.#settled(message);
  }

  override giveUp(message: Message, error?: unknown, attempts = 1): void {
    super.giveUp(message);
    if (message.type !== "gap") this.#owner.gaveUp(message as CacheEvent, error, attempts);
    this.#settled(message);
  }

  #mayBegin(messages: readonly Message[]): boolean {
    return !this.#isHeld && this.#owner.mayBegin(messages[0] === this.unacked.all()[0]);
  }

  #begin({ messages, go }: Waiter): void {
    for (const message of messages) this.#begun.add(message);
    go();
  }

  #settled(message: Message): void {
    this.#begun.delete(message);
    this.#owner.settled();
    this.#checkQuiet();
  }

  #checkQuiet(): void {
    if (this.isBusy) return;
    for (const resolve of this.#quiet.splice(0)) resolve();
  }

  #isPast({ at }: Hold): boolean {
    return (
      (this.gaps?.nextAt ?? Infinity) > at && this.unacked.all().every(({ type }) => type !== "gap")
    );
  }
}
