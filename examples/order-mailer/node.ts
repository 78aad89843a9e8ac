/** One of the three processes. The main one starts it, and it ends with that. */
import { subscribe } from "node:diagnostics_channel";
import type { Engine } from "../shared/broker.js";
import { answerCalls, callsTo } from "../shared/calls.js";
import { journals } from "./journal.js";
import { type MailServer, Shop } from "./shop.js";

/** What the three may ask of the main process. */
export interface Main extends MailServer {
  ready(): void;
}

const [engine, url, nodeName, namespace] = process.argv.slice(2) as [
  Engine,
  string,
  string,
  string,
];
const main = callsTo<Main>(process);

// The default heartbeat is 3 seconds; with less, the name of a process that was killed is free sooner.
const journal = journals[engine](url, { nodeName, namespace, heartbeat: 1500 });
const shop = await Shop.start(journal, {
  send: (mail) => main("send", mail),
  mayMiss: (node) => main("mayMiss", node),
});

// The main process asks it to stop before that, unless it was killed.
process.once("disconnect", () => process.exit());
// That a partition is lost is a warning, unless somebody listens. Here it is what is shown.
subscribe("nebulex.journal.owner_change", () => {});
// Ctrl-C reaches all processes of a terminal; the main one decides.
process.on("SIGINT", () => {});

answerCalls(process, shop);
await main("ready");
