import assert from "node:assert/strict";
import { expect, test } from "@jest/globals";
import fc from "../helpers/fast-check.js";
import { CacheEvent, causeOf } from "../../src/event/event.js";
import { type EventType, eventTypes, type GapEvent } from "../../src/event/types.js";
import type { Message } from "../../src/log/message.js";
import { maskOf } from "../../src/log/event-mask.js";
import type { PartitionLog } from "../../src/log/partition-log.js";
import { makeLog, TestReader } from "./logs.js";

const origins = [undefined, { name: "a" }, { name: "b" }] as const;

interface Written {
  type: EventType;
  origin: number;
}

/** A reader and what a naive reader of everything that was written would know of it. */
class CheckedReader {
  readonly reader: TestReader;
  readonly #types: readonly EventType[];
  readonly #skip: number;
  readonly #log: PartitionLog;
  readonly #written: readonly Written[];
  /** Sequence behind what it was given, as events or in a gap. */
  #covered: number;
  #unacked: Message[] = [];
  /** How many of those the present reader has received. */
  #given = 0;
  #asleep = true;

  constructor(log: PartitionLog, written: readonly Written[], start: Start) {
    const { types, skip, from } = start;
    this.#types = types;
    this.#skip = skip;
    this.#log = log;
    this.#written = written;
    this.#covered = from === "latest" ? log.next : log.first;
    this.reader = new TestReader(log, this.#covered, {
      mask: maskOf(types),
      group: "group",
      skipOrigin: origins[skip],
    });
  }

  take(): boolean {
    const { cursor } = this.reader;
    if (cursor.reader === undefined) return false;
    this.#checkAwake();
    const message = cursor.next();
    if (this.#given < this.#unacked.length) {
      assert.equal(message, this.#unacked[this.#given++]);
      return true;
    }
    if (message === undefined) {
      this.#checkNothing(this.#covered, this.#log.next);
      this.#covered = this.#log.next;
      this.#asleep = true;
      this.reader.woken = 0;
      return false;
    }
    this.#unacked.push(message);
    this.#given++;
    if (message instanceof CacheEvent) this.#checkEvent(CacheEvent.offsetOf(message));
    else this.#checkGap(message as GapEvent);
    return true;
  }

  done(nth: number): void {
    if (this.#given === 0) return;
    const [message] = this.#unacked.splice(nth % this.#given--, 1);
    this.reader.cursor.done(message as Message);
  }

  /** The reader dies, and another one continues with its cursor. */
  replace(): void {
    const { cursor, reader } = { cursor: this.reader.cursor, reader: this.reader };
    cursor.detach();
    reader.woken = 0;
    cursor.reattach(reader, {
      mask: maskOf(this.#types),
      gaps: true,
      skipOrigin: origins[this.#skip],
    });
    this.#given = 0;
    this.#asleep = true;
  }

  leaveAlone(): void {
    this.reader.cursor.detach();
  }

  finish(): void {
    while (this.take()) this.done(0);
    assert.equal(this.reader.cursor.lag, this.#unacked.length);
    while (this.#unacked.length > 0) this.done(0);
    assert.equal(this.reader.cursor.lag, 0);
  }

  /** A reader that was not woken must have nothing to read in what was flushed. */
  #checkAwake(): void {
    if (!this.#asleep) return;
    if (this.reader.woken === 0 && !this.#log.dirty && this.#given === this.#unacked.length)
      this.#checkNothing(this.#covered, this.#log.next);
    this.#asleep = false;
  }

  #checkEvent(sequence: number): void {
    assert.equal(this.#wants(sequence), true);
    this.#checkNothing(this.#covered, sequence);
    this.#covered = sequence + 1;
  }

  #checkGap({ from, to }: GapEvent): void {
    this.#checkNothing(this.#covered, from);
    assert.ok(from >= this.#covered);
    // Only what is beyond the capacity is lost.
    assert.ok(to >= from);
    assert.equal(to, this.#log.next - this.#log.limits.capacity - 1);
    this.#covered = to + 1;
  }

  #checkNothing(from: number, to: number): void {
    for (let sequence = from; sequence < to; sequence++)
      if (this.#wants(sequence)) throw new Error(`event ${sequence} was passed over`);
  }

  #wants(sequence: number): boolean {
    const { type, origin } = this.#written[sequence] as Written;
    return this.#types.includes(type) && (this.#skip === 0 || origin !== this.#skip);
  }
}

interface Start {
  types: EventType[];
  skip: number;
  from: "latest" | "earliest";
}

const types = fc.subarray([...eventTypes], { minLength: 1 });
const start = fc.record({
  types,
  skip: fc.constantFrom(0, 0, 1),
  from: fc.constantFrom("latest" as const, "earliest" as const),
});
const reader = fc.nat({ max: 3 });
const step = fc.oneof(
  fc.record({
    kind: fc.constant("append" as const),
    count: fc.constantFrom(1, 1, 3, 20, 300),
    types,
    origin: fc.nat({ max: 2 }),
  }),
  fc.record({ kind: fc.constant("flush" as const) }),
  fc.record({ kind: fc.constant("subscribe" as const), start }),
  fc.record({ kind: fc.constant("take" as const), reader, count: fc.constantFrom(1, 2, 30, 400) }),
  fc.record({ kind: fc.constant("done" as const), reader, nth: fc.nat({ max: 5 }) }),
  fc.record({ kind: fc.constant("replace" as const), reader }),
  fc.record({ kind: fc.constant("detach" as const), reader }),
  fc.record({ kind: fc.constant("leave" as const), reader }),
);

test("whatever readers do, each is given what it asked for once and in order, or a gap with exactly what it misses", () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1, 5, 40, 256, 300, 2000),
      fc.constantFrom(0, 1, 40, 300),
      fc.array(step, { maxLength: 60, size: "max" }),
      (capacity, retain, steps) => {
        const log = makeLog(capacity, Math.min(retain, capacity));
        const written: Written[] = [];
        const readers: CheckedReader[] = [];
        for (const action of steps) {
          if (action.kind === "append") {
            for (let n = 0; n < action.count; n++) {
              const type = action.types[n % action.types.length] as EventType;
              written.push({ type, origin: action.origin });
              log.append(type, causeOf("put", origins[action.origin]), log.next, 0);
            }
          } else if (action.kind === "flush") log.flush();
          else if (action.kind === "subscribe") {
            if (readers.length < 4) readers.push(new CheckedReader(log, written, action.start));
          } else {
            const chosen = readers[action.reader];
            if (chosen === undefined) continue;
            if (action.kind === "take") {
              for (let n = 0; n < action.count && chosen.take(); n++) if (n > 3) chosen.done(n);
            } else if (action.kind === "done") chosen.done(action.nth);
            else if (action.kind === "replace") chosen.replace();
            else if (action.kind === "detach") chosen.leaveAlone();
            else {
              log.remove(chosen.reader.cursor);
              readers.splice(readers.indexOf(chosen), 1);
            }
          }
        }
        log.flush();
        for (const chosen of readers) {
          if (chosen.reader.cursor.reader === undefined) chosen.replace();
          chosen.finish();
        }
        log.trim();
        expect(log.first).toBe(Math.max(0, log.next - Math.min(retain, capacity), log.first));
      },
    ),
    { numRuns: 400 },
  );
});
