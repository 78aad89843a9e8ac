import type { GapEvent, GapReason } from "../event/types.js";
import type { JournalEngine, PartitionBounds, StoredEntry, Tail } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import { pause, systemClock } from "../clock.js";
import { setImmediate } from "../timers.js";
import { appendBatch, WriterCauses } from "./append-batch.js";
import { BoundedMap } from "./bounded-map.js";
import { contentBeginsWith } from "../pubsub/frame.js";
import { contentHead, decodeEntry, type Entry, type EventsEntry } from "./entry.js";
import type { StreamAddress } from "./messages.js";

/** Events that are appended in one turn of the event loop, at most. */
const maxInTurn = 1024;
/** Other nodes' epochs whose last sequence is kept in mind. */
const maxWriters = 1024;
/** Entries of a shared store that are kept in mind, for a new generation that brings them again. */
const maxRecent = 8192;
/** Turns of the event loop that readers may stand still in while the feed waits for them. */
const patience = 1000;

const nowhere = { generation: "", next: 0 };

/** What a feed works with. @internal */
export interface JournalFeedOptions {
  readonly port: JournalPort;
  readonly address: StreamAddress;
  readonly log: PartitionLog;
  /** Whether an epoch is one of this process's own: its events are in the log already. */
  isOwn(node: string, epoch: string): boolean;
  /** Where to begin; undefined: at the journal's end. */
  readonly from?: FeedPosition | undefined;
  /** An entry can't be read. */
  rejected(error: unknown): void;
}

/** How far a feed has read. @internal */
export interface FeedPosition {
  readonly generation: string;
  /** The next position. */
  readonly position: number;
}

/**
 * Appends the other nodes' events from one partition of a journal to the log of that partition,
 * from the journal's end on. What the journal has lost is reported as a gap, by position. While
 * readers are behind by half of the log's capacity it waits for them, as long as they move: the
 * journal has what it does not read.
 *
 * @internal
 */
export class JournalFeed {
  log: PartitionLog;
  readonly #options: JournalFeedOptions;
  readonly #causes: WriterCauses;
  /** The last sequence of each writer's epoch: a new generation may bring its events again. */
  readonly #taken = new BoundedMap<string, number>(maxWriters);
  /** Entries of a shared store that have been read. */
  readonly #recent = new BoundedMap<string, true>(maxRecent);
  #generation: string | undefined;
  /** The next position. */
  #position = 0;
  /** The position behind the last one that is known to have been written. */
  #knownEnd = 0;
  /** The entry before `#position`: as it is stored, if it is an own one, or what identifies it. */
  #before: StoredEntry | string | undefined;
  /** How own entries of a log's epoch begin. */
  #own: { readonly log: PartitionLog; readonly head: Uint8Array | undefined } | undefined;
  #engine: JournalEngine | undefined;
  #tail: Tail | undefined;
  /** The oldest position that the journal kept when it was looked at last. */
  #first: number | undefined;
  /** How many events the journal has dropped since this feed began. */
  trimmed = 0;
  #isChecking = false;
  #isClosed = false;
  #begun!: () => void;
  /** Settles when it is known where the journal's end was. */
  readonly begun = new Promise<void>((resolve) => (this.#begun = resolve));

  constructor(options: JournalFeedOptions) {
    this.#options = options;
    this.log = options.log;
    this.#generation = options.from?.generation;
    this.#position = this.#knownEnd = options.from?.position ?? 0;
    this.#causes = new WriterCauses(options.log.source);
  }

  /**
   * Makes sure that it reads the present life of the journal over the present connection. To be
   * called for each new connection, and now and then, since an engine may lose its data while it is
   * connected.
   */
  async check(): Promise<void> {
    const { port } = this.#options;
    if (this.#isClosed || this.#isChecking || port.status !== "connected") return;
    this.#isChecking = true;
    try {
      await this.#check(port.engine());
    } catch {
      // It is called again.
    } finally {
      this.#isChecking = false;
    }
  }

  /** Settles when it has read to where the journal ends now, or that can't be known for now. */
  async caughtUp(): Promise<void> {
    const { port } = this.#options;
    if (port.status !== "connected") return;
    const { generation, next } = await port
      .engine()
      .bounds(this.#partition)
      .catch(() => nowhere);
    const isBehind = (): boolean =>
      !this.#isClosed && generation === this.#generation && this.#position < next;
    while (isBehind() && port.status === "connected") await pause(systemClock, 1);
  }

  close(): void {
    this.#isClosed = true;
    this.#tail?.close();
    this.#begun();
  }

  /** Undefined: it has not begun yet. */
  get position(): FeedPosition | undefined {
    const [generation, position] = [this.#generation, this.#position];
    return generation === undefined ? undefined : { generation, position };
  }

  /** Something has been stored at the positions before `end`. */
  written(end: number, generation: string): void {
    if (generation === this.#generation) this.#knownEnd = Math.max(this.#knownEnd, end);
  }

  async #check(engine: JournalEngine): Promise<void> {
    const at = this.#position;
    const before = this.#identify();
    const probe = before === undefined ? undefined : at - 1;
    const bounds = await engine.bounds(this.#partition, probe);
    if (this.#isClosed) return;
    if (this.#generation === undefined) {
      this.#generation = bounds.generation;
      this.#position = bounds.next;
    } else if (bounds.generation !== this.#generation) this.#beginGeneration(bounds);
    else if (bounds.next < at || (bounds.probed ?? before) !== before) {
      // The engine has gone back to an older state: positions come again for other events.
      await engine.renew(this.#partition, bounds.generation);
      await this.#check(engine);
      return;
    }
    this.#begun();
    this.#knownEnd = Math.max(this.#knownEnd, bounds.next);
    this.trimmed += Math.max(0, bounds.first - (this.#first ?? bounds.first));
    this.#first = bounds.first;
    if (this.#engine !== engine || this.#tail === undefined) this.#read(engine);
  }

  #beginGeneration({ generation, first, next }: PartitionBounds): void {
    this.#reportGap("journal_lost", this.#position, this.#knownEnd - 1);
    this.#generation = generation;
    this.#position = first;
    this.#knownEnd = next;
    this.#before = undefined;
    this.#tail?.close();
    this.#tail = undefined;
  }

  #read(engine: JournalEngine): void {
    this.#tail?.close();
    this.#engine = engine;
    let isOpen = true;
    const tail = engine.tail(this.#partition, this.#position, {
      entries: async (entries) => {
        for (const entry of entries) {
          if (!isOpen) return;
          await this.#take(entry);
        }
      },
      astray: () => void this.check(),
    });
    this.#tail = {
      close: () => {
        isOpen = false;
        tail.close();
      },
    };
  }

  #take(stored: StoredEntry): void | Promise<void> {
    const { position, count } = stored;
    const end = position + count;
    if (end <= this.#position) return;
    if (position > this.#position) this.#reportGap("trimmed", this.#position, position - 1);
    const skipped = Math.max(0, this.#position - position);
    this.#position = end;
    this.#knownEnd = Math.max(this.#knownEnd, end);
    if (this.#isOwn(stored)) {
      this.#before = stored;
      return;
    }
    const entry = this.#decode(stored);
    this.#before = entry?.kind === "events" ? idOf(entry) : undefined;
    if (entry === undefined) {
      this.#reportGap("journal_lost", position + skipped, end - 1);
      return;
    }
    if (this.#options.isOwn(entry.node, entry.epoch)) return;
    if (entry.kind === "loss") {
      const { node, epoch, from, to, reason } = entry;
      this.#report({ node, epoch, from, to, reason });
      return;
    }
    if (entry.id !== undefined) {
      // In a new generation its sequences are others.
      if (this.#recent.get(entry.id) === true) return;
      this.#recent.set(entry.id, true);
    }
    const writer = JSON.stringify([entry.node, entry.epoch]);
    const { numbers } = entry.batch;
    const taken = this.#taken.get(writer) ?? -1;
    const isNew = numbers.findIndex((sequence) => sequence > taken);
    if (isNew === -1) return;
    this.#taken.set(writer, numbers.at(-1) as number);
    appendBatch(this.log, entry.batch, this.#causes.of(entry), Math.max(skipped, isNew), position);
    this.log.flush();
    return this.#room(count);
  }

  #inTurn = 0;

  /** Lets others have a turn, and readers catch up. */
  #room(count: number): void | Promise<void> {
    this.#inTurn += count;
    if (this.#inTurn < maxInTurn && !this.#isCrowded()) return;
    this.#inTurn = 0;
    return this.#waitForRoom();
  }

  async #waitForRoom(): Promise<void> {
    let stood = 0;
    let last = this.log.next;
    do {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const slowest = this.#slowest();
      stood = slowest === last ? stood + 1 : 0;
      last = slowest;
    } while (this.#isCrowded() && stood < patience && !this.#isClosed);
  }

  #isCrowded(): boolean {
    return this.log.next - this.#slowest() > this.log.limits.capacity / 2;
  }

  /** The offset that the slowest reader has come to; a group without a reader is not waited for. */
  #slowest(): number {
    let slowest = this.log.next;
    for (const cursor of this.log.cursors)
      if (cursor.reader !== undefined)
        slowest = Math.min(slowest, Math.max(cursor.unreadFrom, this.log.first));
    return slowest;
  }

  /**
   * Whether an entry is one of the log's epoch, which is not decoded then. Where that can't be told
   * by its first bytes, it is.
   */
  #isOwn({ payload }: StoredEntry): boolean {
    const { port, address, isOwn } = this.#options;
    const { log } = this;
    if (this.#own?.log !== log) {
      const { node, epoch, startedAt } = log.source;
      const head = { node, epoch, startedAt, partition: log.index };
      const known = isOwn(node, epoch) ? contentHead(port.codec, address, head) : undefined;
      this.#own = { log, head: known };
    }
    const { head } = this.#own;
    return head !== undefined && contentBeginsWith(payload, port.codec, head);
  }

  /** What identifies the entry before the next position, if there is one that could be read. */
  #identify(): string | undefined {
    const before = this.#before;
    if (before === undefined || typeof before === "string") return before;
    const entry = this.#decode(before);
    return (this.#before = entry?.kind === "events" ? idOf(entry) : undefined);
  }

  #decode(stored: StoredEntry): Entry | undefined {
    const { port, address } = this.#options;
    try {
      return decodeEntry(
        stored,
        port.maxMessageSize,
        address,
        this.log.index,
        this.#generation as string,
      );
    } catch (error) {
      this.#options.rejected(error);
      return undefined;
    }
  }

  get #partition(): { cache: string; name: string; partition: number } {
    const { cache, name } = this.#options.address;
    return { cache, name, partition: this.log.index };
  }

  #reportGap(reason: GapReason, from: number, to: number): void {
    const { nodeName: node } = this.#options.port;
    this.#report({ node, epoch: this.#generation as string, from, to, reason });
  }

  #report(bounds: Pick<GapEvent, "node" | "epoch" | "from" | "to" | "reason">): void {
    const { cache, name, partition } = this.log.source;
    this.log.reportGap({ type: "gap", cache, name, partition, ...bounds });
  }
}

/** What identifies an entry. */
function idOf({ id, node, epoch, to }: EventsEntry): string {
  return id ?? `${node}:${epoch}:${to}`;
}
