import { includesOf } from "../event/event.js";
import type { GapEvent } from "../event/types.js";
import { maxCapacity, PartitionLog } from "../log/partition-log.js";
import type { Stream } from "../stream/stream.js";
import { warnOfError } from "../telemetry/channels.js";
import type { JournalPort } from "../journal/types.js";
import type { StreamAddress } from "../cluster/messages.js";
import { Feed } from "./feed.js";
import { type CursorOwner, GroupCursor } from "./group-cursor.js";

/** Positions that a group is not given. @internal */
export interface LostPositions {
  readonly from: number;
  /** Inclusive; `from - 1`: none is known of. */
  readonly to: number;
  readonly reason: "trimmed" | "journal_lost";
  readonly generation: string;
}

/** What a reading is made for. @internal */
export interface ReadingOptions {
  readonly stream: Stream;
  readonly port: JournalPort;
  readonly address: StreamAddress;
  readonly index: number;
  readonly group: string;
  readonly mask: number;
  readonly generation: string;
  /** The group's position. */
  readonly position: number;
  /** Where it begins, behind `position` if what is between has been trimmed. */
  readonly start: number;
  readonly lost: readonly LostPositions[];
  /** Whether the handler takes gaps; otherwise they are warned of. */
  readonly handlesGaps: boolean;
}

/**
 * Reads a partition for a cluster group, from one position on, until the lease ends or the position
 * is moved.
 *
 * @internal
 */
export class Reading {
  readonly cursor: GroupCursor;
  readonly feed: Feed;
  readonly #options: ReadingOptions;
  readonly #log: PartitionLog;

  /** @param trimmed positions behind those that have been read are not in the journal any more */
  constructor(options: ReadingOptions, owner: CursorOwner, trimmed: () => void) {
    const { stream, port, address, index, group, mask, position, start } = options;
    this.#options = options;
    const { partitions } = stream;
    const log = new PartitionLog(
      {
        cache: address.cache,
        name: address.name,
        partition: partitions === null ? null : index,
        partitions,
        node: port.nodeName,
        epoch: options.generation,
        startedAt: 0,
      },
      index,
      { capacity: maxCapacity, retain: 0 },
      includesOf(stream.options.include),
      () => {},
      true,
      start,
    );
    this.#log = log;
    this.cursor = new GroupCursor(
      log,
      { mask, group, gaps: true, coalesces: false, tracked: false, onGap: stream.reportGap },
      owner,
    );
    this.feed = new Feed({
      port,
      address,
      log,
      mask,
      lost: (gap) => this.cursor.holdFor(gap, log.next, log.next),
      rejected: (at, count, error) => this.#rejected(at, count, error),
      trimmed,
    });
    this.cursor.ignoresGaps = !options.handlesGaps;
    for (const lost of options.lost) this.cursor.holdFor(this.#gapOf(lost), start, position);
    log.add(this.cursor);
  }

  /** Whether all that has been read is handled. */
  get isIdle(): boolean {
    return this.cursor.lag === 0;
  }

  /** How many events are handled, though one at `position`, before them, is not. */
  handledBeyond(position: number): number {
    const { cursor, feed } = this;
    const taken = feed.uncommittedBefore(cursor.unreadFrom) - feed.uncommittedBefore(position);
    return taken - cursor.unhandledOfLog;
  }

  close(): void {
    this.feed.close();
    this.cursor.shut();
    this.#log.remove(this.cursor);
  }

  /** Positions that this node can't read are lost to the group. */
  #rejected(position: number, count: number, error: unknown): void {
    const { stream, group, generation } = this.#options;
    warnOfError(`group ${group} on stream ${stream.slot.name}: entry at ${position}`, error);
    const to = position + count - 1;
    const gap = this.#gapOf({ from: position, to, reason: "journal_lost", generation });
    this.cursor.holdFor(gap, position, position);
  }

  #gapOf({ from, to, reason, generation }: LostPositions): GapEvent {
    const { cache, name, partition, node } = this.#log.source;
    return { type: "gap", cache, name, partition, from, to, reason, node, epoch: generation };
  }
}
