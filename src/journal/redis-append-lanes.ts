import type { AppendResult } from "./engine.js";
import type { RedisLink } from "./redis-link.js";

interface Lane {
  /** The writer of which an append has been confirmed. */
  writer: string | undefined;
  /** The last append that has not settled. */
  last: Promise<AppendResult> | undefined;
}

/**
 * The order of appends. Those of a writer that the partition knows are sent without waiting for each
 * other: the server takes none of them whose predecessor it has not. The first of a writer is taken
 * whatever precedes it, and a cluster client does not keep the order: these wait for those before
 * them, and fail with them.
 *
 * @internal
 */
export class AppendLanes {
  readonly #lanes = new Map<string, Lane>();

  /** For another connection. */
  clear(): void {
    this.#lanes.clear();
  }

  /**
   * @param partition anything that identifies it
   * @param send sends the append; it calls `onMissing` when it has to be sent again
   */
  append(
    link: RedisLink,
    partition: string,
    writer: string,
    send: (onMissing: () => void) => Promise<AppendResult>,
  ): Promise<AppendResult> {
    let lane = this.#lanes.get(partition);
    if (lane === undefined) {
      lane = { writer: undefined, last: undefined };
      this.#lanes.set(partition, lane);
    }
    // Those that are called meanwhile come behind the repetition.
    const onMissing = (): void => void (lane.writer = undefined);
    const { last } = lane;
    const isFree = lane.writer === writer && link.reading !== undefined;
    const sent = last === undefined || isFree ? send(onMissing) : last.then(() => send(onMissing));
    lane.last = sent;
    const settled = (isConfirmed: boolean): void => {
      if (lane.last !== sent) return;
      lane.last = undefined;
      lane.writer = isConfirmed ? writer : undefined;
    };
    sent.then(
      ({ status }) => {
        if (status === "appended") lane.writer = writer;
        settled(status === "appended");
      },
      () => settled(false),
    );
    return sent;
  }
}
