import { type Cache, OptionError, type StreamMessage } from "nebulex-streams";
import type { ServerSentEvent } from "./sse.js";

/** Events of a partition that a client may be behind by. Beyond, it is given a new snapshot. */
export const capacity = 1000;

/**
 * What one client is to be sent: a `snapshot` of the cache, and then each `change`. Both are lists of
 * entries; the value of an entry that is gone is null. A client that resumes is given the changes
 * since then, or a new snapshot if they are not kept any more.
 *
 * @param lastEventId the id of the last message that the client has received
 * @param signal aborted when the client has gone
 */
export async function* feed<V>(
  cache: Cache<string, V>,
  lastEventId: string | undefined,
  signal: AbortSignal,
): AsyncGenerator<ServerSentEvent, void> {
  const read = (from = "latest") => cache.events({ from, gaps: true, capacity, signal });
  let events = lastEventId === undefined ? undefined : resume(lastEventId);
  for (;;) {
    if (events === undefined) {
      // In one turn of the event loop: the changes begin exactly where the snapshot ends.
      events = read();
      yield { event: "snapshot", id: events.position(), data: [...cache.getAll()] };
    }
    let isOutdated = false;
    for await (const event of events) {
      const entries = entriesOf(event);
      isOutdated = entries === undefined;
      if (isOutdated) break; // which ends the subscription
      yield { event: "change", id: events.position(), data: entries };
    }
    if (!isOutdated) return; // the client has gone, or the stream has ended
    events = undefined;
  }

  function resume(from: string): ReturnType<typeof read> | undefined {
    try {
      return read(from);
    } catch (error) {
      // Not a position of this stream: whatever a client sends.
      if (error instanceof OptionError && error.option === "from") return undefined;
      throw error;
    }
  }
}

/** Undefined after a gap or a `deleteAll`: a snapshot says it best. */
function entriesOf<V>(event: StreamMessage<string, V>): [string, V | null][] | undefined {
  if (event.type === "gap") return undefined;
  const { target, value, values } = event;
  switch (target.kind) {
    case "key":
      return [[target.key, value ?? null]];
    case "keys":
      return target.keys.map((key) => [key, values?.get(key) ?? null]);
    case "query":
      return undefined;
  }
}
