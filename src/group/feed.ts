import type { Cause } from "../event/event.js";
import type { EventType, GapEvent } from "../event/types.js";
import { WriterCauses } from "../cluster/append-batch.js";
import { decodeEntry, type Entry, type EventsEntry, type LossEntry } from "../cluster/entry.js";
import type { StreamAddress } from "../cluster/messages.js";
import type { StoredEntry, Tail, TailSink } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import { maxUncommitted } from "./group-cursor.js";
import { typeBits } from "../log/event-mask.js";
import type { PartitionLog } from "../log/partition-log.js";
import type { TailAhead } from "./tail-ahead.js";

/** What a feed works with. @internal */
export interface FeedContext {
  readonly port: JournalPort;
  readonly address: StreamAddress;
  /** Its offsets are positions. */
  readonly log: PartitionLog;
  /** The types that the group handles. */
  readonly mask: number;
  /** Events are missing, as a marker reports, which takes the position at the end of the log. */
  lost(gap: GapEvent): void;
  /** What is at some positions, from the end of the log on, can't be read. */
  rejected(position: number, count: number, error: unknown): void;
  /** Positions behind the end of the log are not in the journal any more: the feed has ended. */
  trimmed(): void;
}

/**
 * Reads one partition of a journal into a log, as far as {@link maxUncommitted} events beyond what
 * has been committed.
 *
 * @internal
 */
export class Feed implements TailSink {
  readonly #context: FeedContext;
  readonly #causes: WriterCauses;
  /** Positions of the events in the log that have not been committed, of the group's types. */
  readonly #window: number[] = [];
  #queue: StoredEntry[] = [];
  /** The first of the queue, decoded. */
  #entry: Entry | undefined;
  #tail: Tail | undefined;
  #source: unknown;
  #resume: (() => void) | undefined;
  #isAstray = false;
  #isClosed = false;

  constructor(context: FeedContext) {
    this.#context = context;
    this.#causes = new WriterCauses(context.log.source);
  }

  /** The position behind the last one that is known to have been written. */
  get known(): number {
    const last = this.#queue.at(-1);
    return last === undefined ? this.#context.log.next : end(last);
  }

  /**
   * Reads from the journal's present connection. To be called again for each new one.
   *
   * @param ahead is used where it fits, and else closed
   */
  open(ahead?: TailAhead): void {
    const { port, address, log } = this.#context;
    if (this.#isClosed || port.status !== "connected") {
      ahead?.close();
      return;
    }
    if (this.#isAstray) this.astray();
    const engine = port.engine();
    if (engine === this.#source) {
      ahead?.close();
      return;
    }
    this.#tail?.close();
    this.#source = engine;
    if (ahead?.covers(engine, { generation: log.source.epoch, position: this.known }) === true) {
      this.#tail = ahead;
      ahead.give(this);
      return;
    }
    ahead?.close();
    const { cache, name } = address;
    this.#tail = engine.tail({ cache, name, partition: log.index }, this.known, this);
  }

  close(): void {
    this.#isClosed = true;
    this.#tail?.close();
    this.#queue = [];
    this.#release();
  }

  entries(entries: readonly StoredEntry[]): void | Promise<void> {
    if (this.#isClosed) return;
    for (const entry of entries) if (end(entry) > this.known) this.#queue.push(entry);
    this.#fill();
    if (this.#queue.length > 0 && !this.#isClosed)
      return new Promise((resolve) => (this.#resume = resolve));
  }

  /** With a new generation, the owner's next commit is told to begin again. */
  astray(): void {
    const { port, address, log } = this.#context;
    this.#isAstray = true;
    if (this.#isClosed || port.status !== "connected") return;
    const { cache, name } = address;
    const { index: partition, source } = log;
    // Where it fails, it is repeated over the next connection.
    port
      .engine()
      .renew({ cache, name, partition }, source.epoch)
      .then(
        () => {},
        () => {},
      );
  }

  /** All before a position has been committed. */
  committed(position: number): void {
    const window = this.#window;
    let count = 0;
    while (count < window.length && (window[count] as number) < position) count++;
    if (count > 0) window.splice(0, count);
    this.#fill();
  }

  /** How many events of the group's types before a position have not been committed. */
  uncommittedBefore(position: number): number {
    const index = this.#window.findIndex((at) => at >= position);
    return index === -1 ? this.#window.length : index;
  }

  #fill(): void {
    const { log } = this.#context;
    const before = log.next;
    for (let entry = this.#queue[0]; entry !== undefined; entry = this.#queue[0]) {
      if (entry.position > log.next) {
        this.close();
        log.flush();
        this.#context.trimmed();
        return;
      }
      this.#append(entry);
      if (log.next < end(entry)) break;
      this.#queue.shift();
      this.#entry = undefined;
    }
    if (log.next !== before) log.flush();
    if (this.#queue.length === 0) this.#release();
  }

  /** Appends what there is room for. */
  #append(stored: StoredEntry): void {
    const entry = (this.#entry ??= this.#decode(stored));
    if (entry?.kind === "events") this.#appendEvents(stored, entry);
    else if (entry?.kind === "loss") this.#appendLoss(entry);
    // Positions of what can't be read are taken all the same.
    else while (this.#context.log.next < end(stored)) this.#context.log.appendBlank();
  }

  #appendEvents(stored: StoredEntry, entry: EventsEntry): void {
    const { log, mask } = this.#context;
    const { types, at, numbers, subjects, values, previous, causes, cause } = entry.batch;
    const known = this.#causes.of(entry);
    const all = causes.map(({ command, fill }) => known.get(command, fill));
    for (let index = log.next - stored.position; index < types.length; index++) {
      const type = types[index] as EventType;
      if ((typeBits[type] & mask) !== 0) {
        if (this.#window.length === maxUncommitted) return;
        this.#window.push(log.next);
      }
      log.append(
        type,
        all[cause?.[index] ?? 0] as Cause,
        subjects[index],
        at[index] as number,
        values?.[index],
        previous?.[index],
        numbers[index],
        log.next,
      );
    }
  }

  #appendLoss({ node, epoch, from, to, reason }: LossEntry): void {
    const { log } = this.#context;
    const { cache, name, partition } = log.source;
    this.#context.lost({ type: "gap", cache, name, partition, from, to, reason, node, epoch });
    log.appendBlank();
  }

  #decode(stored: StoredEntry): Entry | undefined {
    const { port, address, log } = this.#context;
    try {
      return decodeEntry(stored, port.maxMessageSize, address, log.index, log.source.epoch);
    } catch (error) {
      this.#context.rejected(log.next, end(stored) - log.next, error);
      return undefined;
    }
  }

  #release(): void {
    this.#resume?.();
    this.#resume = undefined;
  }
}

/** The position behind an entry. */
function end({ position, count }: StoredEntry): number {
  return position + count;
}
