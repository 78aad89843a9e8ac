// A worker crashes in the middle of its work. Its supervisor starts it again, and it goes on where it
// was: nothing is lost, nothing is out of order.
import { subscribe } from "node:diagnostics_channel";
import { defineCache, handlerPool, startSupervisor, streamServer, whenIdle } from "nebulex-streams";

const payments = defineCache<string, number>({ name: "payments" });
const handled: (number | undefined)[] = [];

subscribe("nebulex.supervisor.restart", () => console.log("a worker was restarted"));

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    payments,
    streamServer({ cache: payments, include: ["value"] }),
    handlerPool({
      cache: payments,
      handler: ({ value }, { attempt }) => {
        if (value === 3 && attempt === 1) throw new Error("connection lost");
        if (value === 5) throw new Error("unknown currency");
        handled.push(value);
      },
      maxAttempts: 2,
      // What fails each time doesn't stand in the way of the others.
      onDeadLetter: ({ value }, error) => console.log(`payment ${value}: ${String(error)}`),
    }),
  ],
});

for (let amount = 1; amount <= 7; amount++) payments.put("account", amount);

await whenIdle(payments);
console.log("handled", handled);
await tree.stop();

// => a worker was restarted
// => a worker was restarted
// => payment 5: Error: unknown currency
// => a worker was restarted
// => handled [ 1, 2, 3, 4, 6, 7 ]
