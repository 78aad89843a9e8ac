import { type Cause, CacheEvent, type EventSource, NumberedEvent } from "../event/event.js";
import type { EventType } from "../event/types.js";
import type { Causes, ReadBatch } from "../cluster/batch.js";

/**
 * The events of a batch that another node has written.
 *
 * @param causes those of their source
 * @param from the first event that is wanted
 * @param position of the batch's first event in the journal; undefined: there is none
 * @internal
 */
export function eventsOf(
  batch: ReadBatch,
  causes: Causes,
  from: number,
  position?: number,
): CacheEvent[] {
  const { types, at, numbers, subjects, values, previous } = batch;
  const known = batch.causes.map(({ command, fill }) => causes.get(command, fill));
  const includes = { value: values !== null, previous: previous !== null };
  const events: CacheEvent[] = [];
  for (let index = from; index < types.length; index++) {
    const cause = known[batch.cause?.[index] ?? 0] as Cause;
    const sequence = numbers[index] as number;
    const parts = [
      types[index] as EventType,
      cause,
      cause.source as EventSource,
      subjects[index],
      sequence,
      at[index] as number,
    ] as const;
    const event =
      position === undefined
        ? new CacheEvent(...parts)
        : new NumberedEvent(...parts, sequence, position + index);
    CacheEvent.addValues(event, includes, values?.[index], previous?.[index]);
    events.push(event);
  }
  return events;
}
