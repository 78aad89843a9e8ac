// Reads the JSON report of `npm start -- --json` and fails unless every event was handled once and in order.
import { json } from "node:stream/consumers";

const report = await json(process.stdin);
const made = Object.values(report.events).reduce((sum, count) => sum + count, 0);
const wrong = [
  [report.requests > 0, "no request was replayed"],
  [made > 0, "no event was made"],
  [report.handled === made, `${made} events were made, ${report.handled} handled`],
  [report.lost === 0, `${report.lost} events were lost`],
  [report.outOfOrder === 0, `${report.outOfOrder} events came out of order`],
].flatMap(([holds, fault]) => (holds ? [] : [fault]));

if (wrong.length > 0) {
  console.error(`main job: ${wrong.join("; ")}`);
  process.exitCode = 1;
} else {
  console.log(`main job: ${report.requests} requests, ${made} events, none lost, all in order`);
}
