// What happens in the tree, in the log of the application: logTo and pino.
//
//   npx tsx examples/recipes/pino/main.ts
import { pino } from "pino";
import {
  defineCache,
  handlerPool,
  logTo,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";

const logger = pino();

// Before the tree starts, so that its start is logged, too.
const logging = logTo(logger.child({ component: "nebulex" }));

const orders = defineCache<string, number>({ name: "orders" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    orders,
    streamServer({ cache: orders, include: ["value"] }),
    handlerPool({
      cache: orders,
      maxAttempts: 2,
      onError: "resume",
      handler: ({ value = 0 }) => {
        if (value < 0) throw new RangeError(`${value} is no amount`);
      },
    }),
  ],
});

orders.put("A-17", 3);
orders.put("A-18", -1); // a warning for each attempt, and an error when it is given up
await whenIdle(orders);

await tree.stop();
logging.stop(); // last, so that the stop is logged
