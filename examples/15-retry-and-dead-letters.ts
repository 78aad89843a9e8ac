// What fails is tried again, each time after a longer wait; what fails each time is put aside, and the
// events behind it go on in their order.
import { subscribe } from "node:diagnostics_channel";
import {
  defineCache,
  getStream,
  handlerPool,
  startSupervisor,
  streamServer,
  whenIdle,
} from "nebulex-streams";

const mails = defineCache<string, string>({ name: "mails" });
const putAside: string[] = [];

subscribe("nebulex.streams.handler_error", (message) => {
  const { attempt, error } = message as { attempt: number; error: Error };
  console.log(`attempt ${attempt}: ${error.message}`);
});

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    mails,
    streamServer({ cache: mails, include: ["value"] }),
    handlerPool<string, string>({
      cache: mails,
      onError: "resume", // the worker lives on; "restart" begins with a new one
      maxAttempts: 3,
      backoffInitial: 10, // milliseconds, then 20, 40 ...
      backoffMax: 1000,
      handler: async ({ value }, { attempt }) => {
        await Promise.resolve();
        if (value === "to nobody") throw new Error("no such address");
        if (value === "to Ben" && attempt < 3) throw new Error("server busy");
        console.log("sent", value);
      },
      onDeadLetter: ({ value = "" }) => void putAside.push(value),
    }),
  ],
});

for (const mail of ["to Ada", "to Ben", "to nobody", "to Cleo"]) mails.put("outbox", mail);

await whenIdle(mails);
console.log("put aside:", putAside);
console.log("dead letters:", getStream(mails).groups()[0]?.deadLetters);
await tree.stop();

// => sent to Ada
// => attempt 1: server busy
// => attempt 2: server busy
// => sent to Ben
// => attempt 1: no such address
// => attempt 2: no such address
// => attempt 3: no such address
// => sent to Cleo
// => put aside: [ 'to nobody' ]
// => dead letters: 1
