import type { Clock } from "../clock.js";
import type { StreamAddress } from "../cluster/messages.js";
import type { CommitResult } from "../journal/engine.js";
import type { JournalPort } from "../journal/types.js";
import type { Cursor } from "../log/cursor.js";
import type { Milliseconds } from "../options.js";
import type { Stream } from "../stream/stream.js";

/** A partition that this node owns, or has owned until now. @internal */
export interface LeasedPartition {
  readonly index: number;
  readonly fence: number;
  readonly generation: string;
  /** The first position that is not known to be handled. */
  readonly position: number;
  /** The position behind the last one that is known to have been written. */
  readonly known: number;
}

/** What all owned partitions of one member have in common. @internal */
export interface GroupContext {
  readonly stream: Stream;
  readonly port: JournalPort;
  readonly address: StreamAddress;
  readonly group: string;
  readonly mask: number;
  readonly leaseTime: Milliseconds;
  readonly clock: Clock;
  /** Whether the handler of a partition takes gaps. */
  handlesGaps(index: number): boolean;
  /** The worker of a partition is to be started: there is something to read. */
  startWorker(index: number): void;
  /** Settles when a partition's worker has ended; `kill`: without being asked. */
  endWorker(index: number): Promise<void>;
  /** A cursor is not read any more. */
  readingEnds(index: number, cursor: Cursor): void;
  /** The lease has ended here. */
  released(partition: LeasedPartition, how: Release): void;
  /** A commit has been answered. */
  answered(partition: LeasedPartition, status: CommitResult["status"], position: number): void;
}

/** How a lease ended: in order, or not. @internal */
export type Release = "given back" | "expired" | "fenced" | "abandoned";
