// Prices as Server-Sent Events, with Fastify. A client is given a snapshot and then each change. One
// that was cut off goes on where it was; one that is too slow is given a new snapshot.
//
//   npx tsx examples/recipes/fastify-sse/main.ts
//   curl -N http://127.0.0.1:3000/prices
//   curl -X PUT http://127.0.0.1:3000/prices/ACME -H 'content-type: application/json' -d '{"price":12.5}'
//
// In a browser:
//
//   const prices = new Map();
//   const source = new EventSource("/prices"); // reconnects by itself, with Last-Event-ID
//   source.addEventListener("snapshot", ({ data }) => {
//     prices.clear();
//     for (const [symbol, price] of JSON.parse(data)) prices.set(symbol, price);
//   });
//   source.addEventListener("change", ({ data }) => {
//     for (const [symbol, price] of JSON.parse(data))
//       if (price === null) prices.delete(symbol);
//       else prices.set(symbol, price);
//   });
import { buildServer } from "./server.js";

const server = await buildServer({ logger: { level: "warn" } });
for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => void server.close());

console.log("listening on", await server.listen({ port: Number(process.env["PORT"] ?? 3000) }));
