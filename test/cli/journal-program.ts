/**
 * A node of a stream over a journal, as a program: it writes what it is sent by line (`<partition>
 * <key>`), and has a pool of a cluster group that gives up keys that begin with "bad".
 */
export const journalNodeProgram = `
import { createInterface } from "node:readline";
import { defineCache, handlerPool, startSupervisor, streamServer } from "./index.js";

const [kind, url, nodeName, pool] = process.argv.slice(2);
// No test waits until one of these is over: a slow machine is not to count as dead.
const common = { nodeName, heartbeat: 10_000 };
const options = { user: "ann", pass: "s3cret" };
const journal = kind === "redis"
  ? (await import("./redis.js")).redisJournal({ url, ...common })
  : (await import("./nats.js")).natsJournal({ servers: url, options, ...common });
const cache = defineCache({ name: "users" });
const stream = streamServer({
  cache,
  journal,
  include: ["value"],
  partitions: 2,
  hash: ({ target }) => Number(target.key.split(" ")[0]),
});
const handler = (event) => {
  if (event.target.key.includes("bad")) throw new Error("no mail \\u001b[31m");
};
const group = handlerPool({
  cache,
  group: "mailer",
  scope: "cluster",
  from: "earliest",
  leaseTime: 10_000,
  handler,
});
const children = [journal, cache, stream, ...(pool === "pool" ? [group] : [])];
const tree = await startSupervisor({ strategy: "rest_for_one", children });
createInterface({ input: process.stdin }).on("line", (line) => cache.put(line, line.length));
process.on("SIGTERM", () => void tree.stop().then(() => process.exit(0)));
console.log("started");
`;
