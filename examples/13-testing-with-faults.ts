// A tree is tested by breaking it: faults by name, and a record of what the supervisors did. Here a
// worker is killed, and its restart fails at first. A test would compare the lines.
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";
import { failStart, injectFaults, kill, recordTree } from "nebulex-streams/testing";

const orders = defineCache<string, number>({ name: "orders" });
const handled: (number | undefined)[] = [];

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    orders,
    streamServer({ cache: orders, include: ["value"] }),
    handlerPool({
      cache: orders,
      handler: ({ value }) => {
        handled.push(value);
      },
    }),
  ],
});

const record = recordTree(tree.system);
const faults = injectFaults(tree.system, {
  faults: [
    kill({ actor: "orders:handlers:0", onMessage: 3 }),
    failStart({ actor: "orders:handlers:0", nth: 1, error: new Error("disk full") }),
  ],
});

for (let id = 1; id <= 5; id++) orders.put(`order-${id}`, id);
await whenIdle(orders);

console.log(record.take());
console.log("handled", handled, "faults", faults.report().byKind);

faults.stop();
record.stop();
await tree.stop();

// => [
// =>   'exited orders:handlers:0 killed',
// =>   'restart orders:handlers:0 1',
// =>   'start_failed orders:handlers:0 disk full',
// =>   'restart orders:handlers:0 2',
// =>   'started orders:handlers:0'
// => ]
// => handled [ 1, 2, 3, 4, 5 ] faults { kill: 1, fail_start: 1 }
