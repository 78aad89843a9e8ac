/** One of the three processes, each with a near cache. The main one starts it, and it ends with that. */
import { answerCalls, callsTo } from "../shared/calls.js";
import { Member } from "./member.js";
import { NearCache, type Source } from "./near-cache.js";
import type { Engine } from "../shared/broker.js";
import { pubsubs } from "./pubsub.js";

/** What the three may ask of the main process. */
export interface Main extends Source {
  ready(): void;
}

/** Milliseconds that it may take to stop. */
const patience = 3000;

const [engine, url, nodeName, namespace] = process.argv.slice(2) as [
  Engine,
  string,
  string,
  string,
];
const main = callsTo<Main>(process);

// The default heartbeat is 3 seconds; with less, it is noticed sooner that nothing comes any more.
const pubsub = pubsubs[engine](url, { nodeName, namespace, heartbeat: 1500 });

const near = await NearCache.start(pubsub, {
  read: (key) => main("read", key),
  rename: (key, name) => main("rename", key, name),
});

process.once("disconnect", () => {
  setTimeout(() => process.exit(1), patience).unref();
  void near.stop();
});
// Ctrl-C reaches all processes of a terminal; the main one decides.
process.on("SIGINT", () => {});

answerCalls(process, new Member(near));
await main("ready");
