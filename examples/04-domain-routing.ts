// A hash of your own decides what is handled together, and what is not for the stream at all.
import { defineCache, handlerPool, keysOf, startSupervisor, streamServer } from "nebulex-streams";

const regions = ["eu", "us"];

const orders = defineCache<string, number>({ name: "orders" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    orders,
    streamServer({
      cache: orders,
      partitions: regions.length,
      // Is asked about one key at a time, also for a command over several keys.
      hash: ({ target }) => {
        const region = regions.findIndex((name) => target.key.startsWith(`${name}:`));
        return region === -1 ? "none" : region;
      },
    }),
    handlerPool({
      cache: orders,
      handler: {
        init: (): string[] => [],
        handle: (event, seen) => {
          seen.push(`${event.type} ${keysOf(event)?.join(" + ") ?? "everything"}`);
        },
        terminate: (_reason, seen, { partition }) => {
          console.log(`${regions[partition ?? 0]}:`, seen);
        },
      },
    }),
  ],
});

orders.put("eu:1", 100);
orders.put("us:1", 250);
orders.put("draft:7", 1); // "none": in no partition, seen by no reader of the stream
orders.putAll([
  ["eu:2", 80],
  ["us:2", 90],
  ["eu:3", 70],
]); // split: each partition gets its own keys
orders.delete("us:1");

await tree.stop();

// => us: [ 'inserted us:1', 'inserted us:2', 'deleted us:1' ]
// => eu: [ 'inserted eu:1', 'inserted eu:2 + eu:3' ]
