// Two nodes, one journal: each event is handled once in the whole cluster, and what nobody has handled
// yet waits for whoever comes. With redisJournal or natsJournal in place of localJournal each node is
// a process of its own (see order-mailer).
import { setTimeout as wait } from "node:timers/promises";
import {
  clusterGroup,
  createJournalHub,
  defineCache,
  handlerPool,
  localJournal,
  startSupervisor,
  streamServer,
} from "nebulex-streams";

// What the journal stores lives as long as this.
const hub = createJournalHub();
// The world outside: each mail that went out, with the fence of whoever sent it.
const mails: { order: string; node: string; fence: number }[] = [];

async function startNode(nodeName: string) {
  const orders = defineCache<string, number>({ name: "orders" });
  const journal = localJournal({ hub, nodeName });
  const tree = await startSupervisor({
    strategy: "rest_for_one",
    children: [
      journal,
      orders,
      streamServer({ cache: orders, journal, partitions: 4 }),
      handlerPool({
        cache: orders,
        group: "mailer",
        scope: "cluster",
        leaseTime: 1500, // The default is 5000.
        handler: ({ target }, { fence }) => {
          if (target.kind === "key") mails.push({ order: target.key, node: nodeName, fence });
        },
      }),
    ],
  });
  return { nodeName, orders, tree, group: clusterGroup(orders, "mailer") };
}
type Node = Awaited<ReturnType<typeof startNode>>;

async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isTrue())) await wait(5);
}

const owns = async (node: Node, count: number): Promise<boolean> => {
  const partitions = await node.group.status();
  return partitions.filter(({ owner }) => owner === node.nodeName).length === count;
};

let ordered = 0;
function order(node: Node, count: number): void {
  for (let left = count; left > 0; left--) node.orders.put(`order ${++ordered}`, left);
}
const allMailed = (): Promise<void> => until(() => mails.length >= ordered);

// They share the partitions, and with them the work, whoever writes.
const lima = await startNode("lima");
const oslo = await startNode("oslo");
await until(async () => (await owns(lima, 2)) && owns(oslo, 2));
order(lima, 20);
order(oslo, 20);
await allMailed();
const senders = new Set(mails.map(({ node }) => node));
console.log(`${mails.length} mails, by ${[...senders].sort().join(" and ")}`);

// A deploy: what oslo has not handled, lima handles, and nothing twice.
order(oslo, 20);
await oslo.tree.stop();
await allMailed();
console.log(`${mails.length} mails, and lima has ${(await owns(lima, 4)) ? "all" : "not all"}`);

// Paused, also for whoever comes later: what is written meanwhile waits in the journal.
await lima.group.pause();
await lima.tree.stop();
const cusco = await startNode("cusco");
await until(() => owns(cusco, 4));
order(cusco, 20);
const waiting = async (): Promise<number> => {
  const partitions = await cusco.group.status();
  return partitions.reduce((sum, { lag }) => sum + lag, 0);
};
await until(async () => (await waiting()) === 20);
console.log(`${mails.length} mails, and ${await waiting()} orders wait in the journal`);
await cusco.group.resume();
await allMailed();
console.log(`${mails.length} mails, the last ones by ${mails.at(-1)?.node}`);

// A node that is cut off for longer than its lease has lost it: another one takes over with a higher fence.
const quito = await startNode("quito");
await until(() => owns(quito, 2));
hub.disconnect("quito");
order(cusco, 20);
await allMailed();
await until(() => owns(cusco, 4));
hub.connect("quito");
console.log(`${mails.length} mails, the last ones by ${mails.at(-1)?.node}`);
console.log("each went out once:", new Set(mails.map((mail) => mail.order)).size === mails.length);

await cusco.tree.stop();
await quito.tree.stop();

// => 40 mails, by lima and oslo
// => 60 mails, and lima has all
// => 60 mails, and 20 orders wait in the journal
// => 80 mails, the last ones by cusco
// => 100 mails, the last ones by cusco
// => each went out once: true
