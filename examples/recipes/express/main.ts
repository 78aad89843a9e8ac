// A web server that ends in order, with Express. At SIGTERM it takes no more requests, answers those
// that it has, lets the handlers finish, and exits with status 0; with 1 if that takes too long, or
// if the tree has ended by itself.
//
//   npx tsx examples/recipes/express/main.ts
//   curl -X PUT http://127.0.0.1:3000/carts/ada -H 'content-type: application/json' -d '["tea"]'
//   kill -TERM PID
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import { defineCache, handlerPool, startSupervisor, streamServer } from "nebulex-streams";

/** Milliseconds from the signal to the end: less than your platform waits before SIGKILL. */
const limit = Number(process.env["LIMIT"] ?? 10_000);

const carts = defineCache<string, string[]>({ name: "carts" });

const tree = await startSupervisor({
  strategy: "rest_for_one",
  children: [
    carts,
    streamServer({ cache: carts, partitions: 2 }),
    handlerPool({
      cache: carts,
      shutdown: limit, // by default a worker has 5 seconds to finish
      handler: async ({ target }) => {
        if (target.kind !== "key") return;
        await sleep(Number(process.env["SAVING"] ?? 20)); // a database, say
        console.log("saved", target.key);
      },
    }),
  ],
});

const app = express();
app.use(express.json());
app.put("/carts/:user", ({ params, body }, response) => {
  carts.put(params.user, body as string[]);
  response.sendStatus(204);
});

const server = app.listen(Number(process.env["PORT"] ?? 3000), "127.0.0.1");
await once(server, "listening");
console.log(`listening on http://127.0.0.1:${(server.address() as AddressInfo).port}`);

let stopping = false;

async function stop(status: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  process.exitCode = status;
  setTimeout(() => {
    console.error("still busy: events may be lost");
    process.exit(1);
  }, limit).unref();
  // First the server, so that no request finds the cache stopped.
  server.close();
  // A connection that is kept alive would stay for seconds after its last answer.
  const idle = setInterval(() => server.closeIdleConnections(), 100);
  await once(server, "close");
  clearInterval(idle);
  await tree.stop();
  // Nothing is left to do: the process ends by itself.
}

for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => void stop(0));
void tree.exited.then((reason) => {
  if (!stopping) console.error("the tree has ended:", reason);
  void stop(1);
});
