import type { Cause, EventSource } from "../event/event.js";
import type { EventType } from "../event/types.js";
import type { PartitionLog } from "../log/partition-log.js";
import { type ReadBatch, Causes } from "./batch.js";
import { BoundedMap } from "./bounded-map.js";
import type { EntryHead } from "./entry.js";

/**
 * Appends the events of a batch that another node has written.
 *
 * @param causes those of their source
 * @param from the first event that is appended
 * @param position of the batch's first event in the journal; undefined: there is none
 * @internal
 */
export function appendBatch(
  log: PartitionLog,
  batch: ReadBatch,
  causes: Causes,
  from: number,
  position?: number,
): void {
  const { types, at, numbers, subjects, values, previous } = batch;
  const known = batch.causes.map(({ command, fill }) => causes.get(command, fill));
  for (let index = from; index < types.length; index++) {
    log.append(
      types[index] as EventType,
      known[batch.cause?.[index] ?? 0] as Cause,
      subjects[index],
      at[index] as number,
      values?.[index],
      previous?.[index],
      numbers[index],
      position === undefined ? undefined : position + index,
    );
  }
}

/** Epochs of other nodes that are kept in mind. */
const maxWriters = 1024;

/** The causes of the events in one partition's journal, by who wrote them. @internal */
export class WriterCauses {
  readonly #log: Omit<EventSource, "node" | "epoch" | "startedAt">;
  readonly #known = new BoundedMap<string, Causes>(maxWriters);

  /** @param source of the log that they are appended to */
  constructor({ cache, name, partition, partitions }: EventSource) {
    this.#log = { cache, name, partition, partitions };
  }

  of({ node, epoch, startedAt }: EntryHead): Causes {
    const id = JSON.stringify([node, epoch, startedAt]);
    let causes = this.#known.get(id);
    if (causes === undefined) {
      causes = new Causes(Object.freeze({ ...this.#log, node, epoch, startedAt }));
      this.#known.set(id, causes);
    }
    return causes;
  }
}
