import type { CheckedEvent } from "../../../examples/replay/check/link.js";

/** Something that happens to a key: it is put, or its entry goes. */
export type Step = readonly [key: string, what: "put" | "deleted" | "expired" | "evicted"];

/** The events that a cache makes of these steps; an entry that is not there can't go. */
export function eventsOf(
  steps: readonly Step[],
  partitionOf: (key: string) => number,
): CheckedEvent[] {
  const versions = new Map<string, number>();
  const held = new Set<string>();
  const sequences = new Map<number, number>();
  return steps.flatMap(([key, what]): CheckedEvent[] => {
    if (what !== "put" && !held.has(key)) return [];
    const partition = partitionOf(key);
    const sequence = sequences.get(partition) ?? 0;
    sequences.set(partition, sequence + 1);
    const previous = versions.get(key) ?? 0;
    const common = { target: { kind: "key", key }, metadata: { partition, sequence } } as const;
    if (what !== "put") {
      held.delete(key);
      return [{ ...common, type: what, previous }];
    }
    const value = previous + 1;
    versions.set(key, value);
    if (held.has(key)) return [{ ...common, type: "updated", value, previous }];
    held.add(key);
    return [{ ...common, type: "inserted", value }];
  });
}
