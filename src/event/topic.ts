import type { EventType } from "./types.js";

/** `users:inserted`, or `users:2:inserted` with partitions. `name` is the instance's. @internal */
export function topicOf(name: string, partition: number | null, type: EventType): string {
  return partition === null ? `${name}:${type}` : `${name}:${partition}:${type}`;
}
