// A stream in partitions, each with its own log and its own supervised worker. A key is always in
// the same partition, so its events are handled in order; partitions don't wait for each other.
import { defineCache, handlerPool, startSupervisor, streamServer } from "nebulex-streams";

const stock = defineCache<string, number>({ name: "stock" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    stock,
    streamServer({ cache: stock, partitions: 3, include: ["value"] }),
    handlerPool({
      cache: stock,
      handler: {
        // Each worker has a state of its own.
        init: () => new Map<string, (number | undefined)[]>(),
        handle: ({ target, value }, seen) => {
          if (target.kind !== "key") return;
          seen.set(target.key, [...(seen.get(target.key) ?? []), value]);
        },
        terminate: (_reason, seen, { partition }) => {
          console.log(`partition ${partition}:`, Object.fromEntries(seen));
        },
      },
    }),
  ],
});

for (const item of ["apples", "pears", "plums", "nuts"]) stock.put(item, 0);
for (const item of ["nuts", "plums", "pears", "apples"]) stock.increment(item, 5);
for (const item of ["apples", "pears", "nuts"]) stock.decrement(item);

// Stops the children in reverse order. The workers finish first what has been written.
await tree.stop();

// => partition 2: { pears: [ 0, 5, 4 ] }
// => partition 1: { apples: [ 0, 5, 4 ], plums: [ 0, 5 ] }
// => partition 0: { nuts: [ 0, 5, 4 ] }
