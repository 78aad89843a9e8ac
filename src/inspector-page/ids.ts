import type { GroupRow, PartitionRow } from "../inspector/snapshot.js";

/** Ids of the rows of the view of streams, which are of several tables. */
export const idOf = {
  stream: (id: string) => `stream ${id}`,
  log: (stream: string) => `log ${stream}`,
  partition: (row: PartitionRow) => `partition ${row.id}`,
  group: ({ stream, group, scope }: GroupRow) => `group ${JSON.stringify([stream, group, scope])}`,
  place: (row: GroupRow) => `place ${row.id}`,
} as const;
