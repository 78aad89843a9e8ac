// A group's place outlives its readers: a pool that is taken down for a while goes on, when it is back,
// behind the last event that it has handled.
import {
  defineCache,
  getStream,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";

const orders = defineCache<number, string>({ name: "orders" });

const billing = handlerPool({
  cache: orders,
  id: "billing",
  group: "billing",
  handler: ({ value }) => console.log("billed", value),
});

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [orders, streamServer({ cache: orders, include: ["value"] }), billing],
});

orders.put(1, "books");
orders.put(2, "pens");
await whenIdle(orders);

await tree.terminateChild("billing");
console.log("billing is down");
orders.put(3, "ink");
orders.put(4, "paper");
const [place] = getStream(orders).groups();
console.log(`at ${place?.position}, ${place?.lag} behind`);

console.log("billing comes back");
await tree.restartChild("billing");
await whenIdle(orders);
await tree.stop();

// => billed books
// => billed pens
// => billing is down
// => at 2, 2 behind
// => billing comes back
// => billed ink
// => billed paper
