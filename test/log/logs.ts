import { CacheEvent, causeOf, type EventSource } from "../../src/event/event.js";
import type { EventType, GapEvent } from "../../src/event/types.js";
import { Cursor } from "../../src/log/cursor.js";
import type { CursorReader, Message } from "../../src/log/message.js";
import { allTypes } from "../../src/log/event-mask.js";
import { PartitionLog } from "../../src/log/partition-log.js";

export const source: EventSource = {
  cache: "users",
  name: "users",
  partition: 0,
  partitions: 1,
  node: "node",
  epoch: "epoch",
  startedAt: 0,
};

const put = causeOf("put");

export function makeLog(capacity: number, retain = 0, onDirty = (): void => {}): PartitionLog {
  const includes = { value: true, previous: true };
  return new PartitionLog(source, 0, { capacity, retain }, includes, onDirty);
}

/** Appends events about key 0, 1, 2...: as many as `count` says. */
export function append(
  log: PartitionLog,
  count: number,
  type: EventType = "inserted",
  origin?: unknown,
): void {
  const cause = origin === undefined ? put : causeOf("put", origin);
  for (let n = 0; n < count; n++) log.append(type, cause, log.next, 0);
}

export interface ReaderTraits {
  mask?: number;
  gaps?: boolean;
  coalesces?: boolean;
  skipOrigin?: unknown;
  group?: string | null;
  bound?: number;
}

/** A reader that counts how often it was woken, and keeps the gaps that were reported. */
export class TestReader implements CursorReader {
  woken = 0;
  readonly gaps: GapEvent[] = [];
  readonly cursor: Cursor;

  constructor(log: PartitionLog, position: number, traits: ReaderTraits = {}) {
    const { mask = allTypes, gaps = true, coalesces = false, group = null, skipOrigin } = traits;
    const { bound = Infinity } = traits;
    this.cursor = new Cursor(log, position, {
      mask,
      gaps,
      coalesces,
      group,
      skipOrigin,
      bound,
      tracked: true,
      onGap: (gap) => void this.gaps.push(gap),
    });
    this.cursor.reader = this;
    log.add(this.cursor);
  }

  wake(): void {
    this.woken++;
  }

  /** Takes and finishes at most so many messages. */
  read(most = Infinity): Message[] {
    const messages: Message[] = [];
    while (messages.length < most) {
      const message = this.cursor.next();
      if (message === undefined) break;
      messages.push(message);
      this.cursor.done(message);
    }
    return messages;
  }
}

/** An event as its sequence, a gap as its bounds. */
export function brief(message: Message): number | string {
  return message instanceof CacheEvent
    ? CacheEvent.offsetOf(message)
    : `${message.reason} ${message.from}..${message.to}`;
}

export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, index) => from + index);
}
